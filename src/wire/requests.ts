/** What people ask of the judge: `schemas/requests.avsc`. */
import type { OperatorRequest } from '../domain.ts'
import { plain } from './plain.ts'
import { avroCodec } from './schema.ts'

const codec = avroCodec('requests')

export function encodeRequest(request: OperatorRequest): Buffer {
  return codec.encode(request)
}

export function decodeRequest(bytes: Uint8Array): OperatorRequest {
  return plain<OperatorRequest>(codec.decode(bytes))
}
