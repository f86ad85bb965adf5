/** Acks and presence of gateways: `schemas/acks.avsc`. */
import type { Ack } from '../domain.ts'
import { plain } from './plain.ts'
import { avroCodec } from './schema.ts'

const codec = avroCodec('acks')

export function encodeAck(ack: Ack): Buffer {
  return codec.encode(ack)
}

export function decodeAck(bytes: Uint8Array): Ack {
  return plain<Ack>(codec.decode(bytes))
}
