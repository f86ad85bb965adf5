/** What people ask of the judge: `schemas/requests.avsc`. */
import type { OperatorRequest, OutgoingRecord } from '../domain.ts'
import { modelKey } from './keys.ts'
import { type LengthsMax, withinLengths } from './lengths.ts'
import { plain } from './plain.ts'
import { avroCodec } from './schema.ts'
import { versionHeaders } from './versions.ts'

const VERSION = 3
const codec = avroCodec('requests', VERSION)

/** So that 64 quarantined artifacts with their reasons, and all ids that are known, fit into a record of the judge's state. */
export const REQUEST_LENGTHS_MAX: LengthsMax<OperatorRequest> = { id: 200, who: 200, reason: 2000, subject: 500, body: 20_000 }

/** The bytes alone: to be sent they need the header that `requestRecord` puts beside them. */
export function encodeRequest(request: OperatorRequest): Buffer {
  return codec.encode(request)
}

/** `version`: as `versionOf` reads it from the record's headers; absent: the newest. */
export function decodeRequest(bytes: Uint8Array, version = VERSION): OperatorRequest {
  return withinLengths('requests', plain<OperatorRequest>(codec.decode(bytes, version)), REQUEST_LENGTHS_MAX)
}

export function requestRecord(request: OperatorRequest): OutgoingRecord {
  return { key: modelKey(request.model), value: encodeRequest(request), headers: versionHeaders(VERSION) }
}
