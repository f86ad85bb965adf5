/** What is remembered of telling: that it is about to be tried, and how the destination answered. */
import type { Attempt, Delivery, Told } from '../domain.ts'
import type { Answer } from './contract.ts'
import { type Due, mayHaveHeardTheEnd, saysTaken } from './due.ts'

const BACKOFF_MS_MIN = 1_000
const BACKOFF_MS_MAX = 5 * 60_000
/** What the far end refuses is asked again when somebody may have mended it. */
const REFUSED_MS = 10 * 60_000
/** More than a day is no answer that anybody means. */
const RETRY_AFTER_MS_MAX = 24 * 3_600_000

type Named = Pick<Delivery, 'group' | 'sink'>

/** Written before anything is sent: whoever finds it without an answer knows that it may have been said. */
export function sending(named: Named, before: Delivery | null, { status, severity, fingerprint }: Due, nowMs: number): Delivery {
  const attempts = attemptsAt(before, fingerprint) + 1
  const attempt: Attempt = { status, severity, fingerprint, result: 'sending', attempts, atMs: nowMs, notBeforeMs: nowMs, problem: '' }
  const told = before?.told ?? null
  // What is told next replaces the attempt: that the end may have been heard has to outlive it.
  const isNewBeginning = told !== null && status === 'firing' && mayHaveHeardTheEnd(before)
  return {
    group: named.group,
    sink: named.sink,
    told: isNewBeginning ? { ...told, status: 'resolved', reference: '' } : told,
    attempt,
    messages: before?.messages ?? 0,
  }
}

export function answered(open: Delivery, answer: Answer, nowMs: number): Delivery {
  const attempt = open.attempt!
  switch (answer.result) {
    case 'delivered':
      return { ...open, told: toldBy(open, answer.reference, nowMs), attempt: null, messages: open.messages + 1 }
    case 'refused':
      return { ...open, attempt: { ...attempt, result: 'refused', notBeforeMs: nowMs + REFUSED_MS, problem: answer.problem } }
    case 'failed': {
      const waitMs = Math.max(backoffMs(attempt.attempts), Math.min(answer.retryAfterMs ?? 0, RETRY_AFTER_MS_MAX))
      return { ...open, attempt: { ...attempt, result: 'failed', notBeforeMs: nowMs + waitMs, problem: answer.problem } }
    }
  }
}

/**
 * Two senders died before they wrote how it ended: most likely it was said, twice. A third would not be the last. Only where the far end
 * does not know a repeated message by its key.
 */
export function isSaidEnough({ attempt }: Delivery, isIdempotent: boolean): boolean {
  return !isIdempotent && attempt !== null && attempt.result === 'sending' && attempt.attempts >= 2
}

function toldBy({ told, attempt }: Delivery, reference: string, nowMs: number): Told {
  const { status, severity, fingerprint } = attempt!
  const goesOn = told !== null && told.status === 'firing'
  const kept = goesOn ? told.reference : ''
  return {
    status,
    severity,
    fingerprint,
    sinceMs: goesOn ? told.sinceMs : nowMs,
    // That it is taken puts off nothing else, and hides nothing that is new.
    atMs: saysTaken(told, attempt!) ? told!.atMs : nowMs,
    reference: status === 'resolved' ? '' : reference || kept,
  }
}

function attemptsAt(delivery: Delivery | null, fingerprint: string): number {
  const attempt = delivery?.attempt ?? null
  return attempt?.fingerprint === fingerprint ? attempt.attempts : 0
}

/** Doubles with each attempt. */
function backoffMs(attempts: number): number {
  return Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(attempts - 1, 20))
}
