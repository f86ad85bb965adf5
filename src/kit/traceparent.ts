/**
 * Names of spans, as W3C Trace Context writes them. They are made of what a span is about: whoever says a command again, after a take-over
 * too, says the same name, and the process that tells the collector of the decision need not have written the command.
 */
import { createHash } from 'node:crypto'

export const TRACEPARENT_HEADER = 'traceparent'

export interface SpanName {
  /** 32 and 16 digits, hex, small letters. */
  readonly traceId: string
  readonly spanId: string
}

const TRACE_DIGITS = 32
const SPAN_DIGITS = 16

export function spanNameOf(...parts: readonly (string | number)[]): SpanName {
  const digits = createHash('sha256').update(parts.join('\n')).digest('hex')
  return { traceId: digits.slice(0, TRACE_DIGITS), spanId: digits.slice(TRACE_DIGITS, TRACE_DIGITS + SPAN_DIGITS) }
}

/** Of a decision, and so of the command that it sends. `judgeTimeMs`: an environment that is set up anew counts its decisions anew. */
export function decisionSpanName(environment: string, decisionId: string, judgeTimeMs: number): SpanName {
  return spanNameOf('decision', environment, decisionId, judgeTimeMs)
}

/** Version 00; sampled, since every decision is. */
export function traceparentOf({ traceId, spanId }: SpanName): string {
  return `00-${traceId}-${spanId}-01`
}

/** The text itself when it is one; null: it is none, or names nothing. */
function readTraceparent(text: string): string | null {
  const [, traceId = '', spanId = ''] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/.exec(text) ?? []
  return /[1-9a-f]/.test(traceId) && /[1-9a-f]/.test(spanId) ? text : null
}

/** Of a record's headers; null: none that can be read. */
export function traceparentIn({ headers }: { readonly headers: readonly (readonly [string, Buffer])[] }): string | null {
  const found = headers.find(([name]) => name === TRACEPARENT_HEADER)?.[1].toString()
  return found === undefined ? null : readTraceparent(found)
}

/** A share of all names, the same whoever asks: by their last 56 bits. */
export function isSampled({ traceId }: SpanName, share: number): boolean {
  return Number.parseInt(traceId.slice(-14), 16) < share * 2 ** 56
}
