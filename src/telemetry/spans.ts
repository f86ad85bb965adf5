/**
 * Spans, derived from events: one for a batch that was read, one for a decision. They hold names of the policy, numbers and times; nothing
 * of a record, and no words that people wrote.
 */
import { decisionSpanName, type SpanName, spanNameOf } from '../kit/traceparent.ts'
import type { FlyballEvent } from './events.ts'

export interface Span extends SpanName {
  readonly kind: 'batch' | 'decision'
  readonly name: string
  /** Wall clock. */
  readonly beganMs: number
  readonly endedMs: number
  readonly attributes: Readonly<Record<string, string | number>>
}

type Event<Kind extends FlyballEvent['event']> = Extract<FlyballEvent, { event: Kind }>

/** Null: this event is no span. `endedMs`: wall clock at which it was told. */
export function spanOf(event: FlyballEvent, environment: string, endedMs: number): Span | null {
  if (event.event === 'batch-read') return batchSpan(event, environment, endedMs)
  return event.event === 'decided' ? decisionSpan(event, environment, endedMs) : null
}

/** Of a batch: whoever measures asks for it too, to leave out those that are not sampled. */
export function batchSpanName(environment: string, topic: string, partition: number, from: number, beganMs: number): SpanName {
  return spanNameOf('batch', environment, topic, partition, from, Math.round(beganMs))
}

function batchSpan(event: Event<'batch-read'>, environment: string, endedMs: number): Span {
  const { source, topic, partition, from, to, records, beganMs, tookMs } = event
  return {
    ...batchSpanName(environment, topic, partition, from, beganMs),
    kind: 'batch',
    name: `measure ${topic}`,
    beganMs: Math.min(endedMs, beganMs),
    endedMs: Math.max(beganMs, Math.min(endedMs, beganMs + tookMs)),
    attributes: {
      'messaging.system': 'kafka',
      'messaging.operation.type': 'process',
      'messaging.destination.name': topic,
      'messaging.destination.partition.id': String(partition),
      'messaging.batch.message_count': records,
      'flyball.environment': environment,
      'flyball.source': source,
      'flyball.offset.from': from,
      'flyball.offset.to': to,
    },
  }
}

function decisionSpan(event: Event<'decided'>, environment: string, endedMs: number): Span {
  const { id, model, number, verdict, rule, sequence, judgeTimeMs, tookMs } = event
  return {
    ...decisionSpanName(environment, id, judgeTimeMs),
    kind: 'decision',
    name: `decide ${verdict}`,
    beganMs: endedMs - Math.max(0, tookMs),
    endedMs,
    attributes: {
      'flyball.environment': environment,
      'flyball.model': model,
      'flyball.decision.id': id,
      'flyball.decision.number': number,
      'flyball.verdict': verdict,
      'flyball.rule': rule,
      ...(sequence === null ? {} : { 'flyball.command.sequence': sequence }),
    },
  }
}
