/** What destinations were told, and what nobody shall be told of: `schemas/deliveries.avsc`, `schemas/silences.avsc`. */
import type { Delivery, OutgoingRecord, Silence } from '../domain.ts'
import { plain } from './plain.ts'
import { avroCodec } from './schema.ts'

const deliveries = avroCodec('deliveries')
const silences = avroCodec('silences')
const SILENCE = 'silence|'

export function encodeDelivery(delivery: Delivery): Buffer {
  return deliveries.encode(delivery)
}

export function decodeDelivery(bytes: Uint8Array): Delivery {
  return plain<Delivery>(deliveries.decode(bytes))
}

export function encodeSilence(silence: Silence): Buffer {
  return silences.encode(silence)
}

export function decodeSilence(bytes: Uint8Array): Silence {
  return plain<Silence>(silences.decode(bytes))
}

export function deliveryKey({ group, sink }: Pick<Delivery, 'group' | 'sink'>): string {
  return `${group}|${sink}`
}

export function deliveryRecord(delivery: Delivery): OutgoingRecord {
  return { key: deliveryKey(delivery), value: encodeDelivery(delivery) }
}

export function silenceRecord(silence: Silence): OutgoingRecord {
  return { key: `${SILENCE}${silence.id}`, value: encodeSilence(silence) }
}

/** A record of `deliveries` is one or the other. */
export function isSilenceKey(key: Uint8Array): boolean {
  return Buffer.from(key).toString().startsWith(SILENCE)
}
