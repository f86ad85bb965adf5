/**
 * A dead letter: headers that say why and from where; key and value are the bytes that could not be used, so there is no schema, or what
 * `privacy.deadLetters` leaves of them. See schemas/README.md.
 */
import { createHmac } from 'node:crypto'
import type { DeadLetter, OutgoingRecord } from '../domain.ts'
import { derivedKey } from '../kit/secret-key.ts'

export interface DeadLetterPrivacy {
  readonly deadLetters: 'full' | 'hash' | 'none'
  /** For `hash`. */
  readonly keyFile: string | null
}

/** Of key and value together: what fits, with the headers, into a record of a topic as brokers make it (1 MiB). */
const BYTES_MAX = 1_000_000
/** A key is kept where the value cannot be. */
const KEY_BYTES_MAX = 100_000

const EVERYTHING: DeadLetterPrivacy = { deadLetters: 'full', keyFile: null }

export function deadLetterRecords({ deadLetters, keyFile }: DeadLetterPrivacy = EVERYTHING): (letter: DeadLetter) => OutgoingRecord {
  if (deadLetters === 'full') {
    return fullRecord
  }
  if (deadLetters === 'none' || keyFile === null) {
    return (letter) => ({ key: null, value: null, headers: deadLetterHeaders(letter, fieldOf(letter)) })
  }
  const secret = derivedKey(keyFile, 'flyball dead letters')
  const hashed = (bytes: Buffer | null): Buffer | null =>
    bytes && Buffer.from(`hmac-sha256 ${createHmac('sha256', secret).update(bytes).digest('hex')} of ${bytes.length} bytes`)
  return (letter) => ({
    key: hashed(letter.key),
    value: hashed(letter.value),
    headers: deadLetterHeaders(letter, fieldOf(letter)),
  })
}

/** A record may be as large as its topic takes, and then its dead letter would be larger: the broker would take none, and reading end. */
function fullRecord(letter: DeadLetter): OutgoingRecord {
  const keyBytes = letter.key?.length ?? 0
  const bytes = keyBytes + (letter.value?.length ?? 0)
  if (bytes <= BYTES_MAX) return { key: letter.key, value: letter.value, headers: deadLetterHeaders(letter, letter.detail) }
  const detail = `${letter.detail} (left out here: ${bytes} bytes of key and value)`
  return { key: keyBytes > KEY_BYTES_MAX ? null : letter.key, value: null, headers: deadLetterHeaders(letter, detail) }
}

function deadLetterHeaders(letter: DeadLetter, detail: string): Record<string, string> {
  return {
    'flyball-reason': letter.reason,
    'flyball-detail': detail,
    'flyball-topic': letter.topic,
    'flyball-partition': String(letter.partition),
    'flyball-offset': String(letter.offset),
  }
}

/** About a field: its name in the policy stands before the colon, the record's own words behind it. Of other details nothing is kept. */
const ABOUT_A_FIELD: ReadonlySet<string> = new Set([
  'missing-field',
  'not-finite',
  'wrong-type',
  'bad-time',
  'unknown-model',
  'unknown-version',
])

function fieldOf({ reason, detail }: DeadLetter): string {
  return ABOUT_A_FIELD.has(reason) ? detail.split(':')[0]! : ''
}
