/** The alert feed: `schemas/alerts.avsc`. */
import type { Alert, AlertDetail, OutgoingRecord } from '../domain.ts'
import { NO_DETAIL } from '../kit/no-detail.ts'
import { plain } from './plain.ts'
import { avroCodec } from './schema.ts'
import { versionHeaders } from './versions.ts'

const VERSION = 2
const codec = avroCodec('alerts', VERSION)

/** The bytes alone: to be sent they need the header that `alertRecord` puts beside them. */
export function encodeAlert(alert: Alert): Buffer {
  return codec.encode(alert)
}

/** `version`: as `versionOf` reads it from the record's headers; absent: the newest. */
export function decodeAlert(bytes: Uint8Array, version = VERSION): Alert {
  const { detail, ...alert } = plain<Omit<Alert, 'detail'> & { detail: AlertDetail | null }>(codec.decode(bytes, version))
  return { ...alert, detail: detail ?? NO_DETAIL }
}

export function alertRecord(alert: Alert): OutgoingRecord {
  return { key: alert.incident, value: encodeAlert(alert), headers: versionHeaders(VERSION) }
}
