/** Headers of a dead letter; its key and value are the bytes that could not be used, so there is no schema. See schemas/README.md. */
import type { DeadLetter } from '../domain.ts'

export function deadLetterHeaders(letter: DeadLetter): Record<string, string> {
  return {
    'flyball-reason': letter.reason,
    'flyball-detail': letter.detail,
    'flyball-topic': letter.topic,
    'flyball-partition': String(letter.partition),
    'flyball-offset': String(letter.offset),
  }
}
