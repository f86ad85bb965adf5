/** What people ask of the judge: `schemas/requests.avsc`. */
import type { OperatorRequest, OutgoingRecord } from '../domain.ts'
import { modelKey } from './keys.ts'
import { plain } from './plain.ts'
import { avroCodec } from './schema.ts'
import { versionHeaders } from './versions.ts'

const VERSION = 3
const codec = avroCodec('requests', VERSION)

/** The bytes alone: to be sent they need the header that `requestRecord` puts beside them. */
export function encodeRequest(request: OperatorRequest): Buffer {
  return codec.encode(request)
}

/** `version`: as `versionOf` reads it from the record's headers; absent: the newest. */
export function decodeRequest(bytes: Uint8Array, version = VERSION): OperatorRequest {
  return plain<OperatorRequest>(codec.decode(bytes, version))
}

export function requestRecord(request: OperatorRequest): OutgoingRecord {
  return { key: modelKey(request.model), value: encodeRequest(request), headers: versionHeaders(VERSION) }
}
