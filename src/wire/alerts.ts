/** The alert feed: `schemas/alerts.avsc`. */
import type { Alert } from '../domain.ts'
import { plain } from './plain.ts'
import { avroCodec } from './schema.ts'

const codec = avroCodec('alerts')

export function encodeAlert(alert: Alert): Buffer {
  return codec.encode(alert)
}

export function decodeAlert(bytes: Uint8Array): Alert {
  return plain<Alert>(codec.decode(bytes))
}
