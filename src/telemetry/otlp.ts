/**
 * Spans as a collector takes them: OTLP over HTTP, in JSON (`ExportTraceServiceRequest`). Ids are hex and 64-bit numbers are texts there,
 * and enums numbers.
 */
import type { Span } from './spans.ts'

/** SPAN_KIND_INTERNAL, SPAN_KIND_CONSUMER. */
const KINDS: Readonly<Record<Span['kind'], number>> = { decision: 1, batch: 5 }

/** What speaks: `service.name` and the like. */
export type Resource = Readonly<Record<string, string>>

export function exportRequest(spans: readonly Span[], resource: Resource, version: string): string {
  const scope = { name: 'flyball', version }
  return JSON.stringify({
    resourceSpans: [{ resource: { attributes: attributesOf(resource) }, scopeSpans: [{ scope, spans: spans.map(written) }] }],
  })
}

function written({ traceId, spanId, kind, name, beganMs, endedMs, attributes }: Span): object {
  return {
    traceId,
    spanId,
    // Its trace flags: sampled.
    flags: 1,
    name,
    kind: KINDS[kind],
    startTimeUnixNano: nanoseconds(beganMs),
    endTimeUnixNano: nanoseconds(endedMs),
    attributes: attributesOf(attributes),
    status: {},
  }
}

function attributesOf(attributes: Readonly<Record<string, string | number>>): readonly object[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }))
}

function anyValue(value: string | number): object {
  if (typeof value === 'string') return { stringValue: value }
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value }
}

/** More digits than a double has. */
function nanoseconds(ms: number): string {
  return (BigInt(Math.round(ms * 1000)) * 1000n).toString()
}

/** How many of those sent a collector says that it did not take; 0 where it says nothing. */
export function rejectedIn(answer: string): number {
  try {
    const parsed = JSON.parse(answer) as { readonly partialSuccess?: { readonly rejectedSpans?: unknown } } | null
    const count = Number(parsed?.partialSuccess?.rejectedSpans ?? 0)
    return Number.isSafeInteger(count) && count > 0 ? count : 0
  } catch {
    return 0
  }
}
