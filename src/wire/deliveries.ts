/** What destinations were told, what nobody shall be told of, and who has taken what: `schemas/{deliveries,silences,acknowledgements}.avsc`. */
import type { Acknowledgement, Delivery, OutgoingRecord, Silence } from '../domain.ts'
import { plain } from './plain.ts'
import { avroCodec } from './schema.ts'

const deliveries = avroCodec('deliveries')
const silences = avroCodec('silences')
const acknowledgements = avroCodec('acknowledgements')
const SILENCE = 'silence|'
const ACKNOWLEDGED = 'acknowledged|'

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

export function encodeAcknowledgement(said: Acknowledgement): Buffer {
  return acknowledgements.encode(said)
}

export function decodeAcknowledgement(bytes: Uint8Array): Acknowledgement {
  return plain<Acknowledgement>(acknowledgements.decode(bytes))
}

export function acknowledgementRecord(said: Acknowledgement): OutgoingRecord {
  return { key: `${ACKNOWLEDGED}${said.incident}`, value: encodeAcknowledgement(said) }
}

export function isAcknowledgementKey(key: Uint8Array): boolean {
  return Buffer.from(key).toString().startsWith(ACKNOWLEDGED)
}

/** A record of `deliveries` is one of the three. */
export function isSilenceKey(key: Uint8Array): boolean {
  return Buffer.from(key).toString().startsWith(SILENCE)
}
