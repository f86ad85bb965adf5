/** The audit log: `schemas/decisions.avsc`. Bytes matter here: each record carries the hash of the bytes before it. */
import type { Decision, HoldReason, NonInferiority, Reading, Verdict } from '../domain.ts'
import { fromSymbol, plain, toSymbol } from './plain.ts'
import { avroCodec } from './schema.ts'

/** A verdict on the wire: one record for all kinds, what does not belong to the kind is empty. */
interface WireVerdict {
  readonly kind: string
  readonly rule: string
  readonly evidence: readonly Reading[]
  readonly because: HoldReason | null
  readonly missing: readonly string[]
  readonly sinceMs: number | null
  readonly proofs: readonly NonInferiority[]
  readonly note: string
}

const codec = avroCodec('decisions')

export function encodeDecision(decision: Decision): Buffer {
  return codec.encode({ ...decision, verdict: toWire(decision.verdict) })
}

export function decodeDecision(bytes: Uint8Array): Decision {
  const raw = plain<Omit<Decision, 'verdict'> & { readonly verdict: WireVerdict }>(codec.decode(bytes))
  return { ...raw, verdict: fromWire(raw.verdict) }
}

function toWire(verdict: Verdict): WireVerdict {
  const empty = { evidence: [], because: null, missing: [], sinceMs: null, proofs: [], note: '' }
  return { ...empty, ...verdict, kind: toSymbol(verdict.kind) }
}

function fromWire(wire: WireVerdict): Verdict {
  const kind = fromSymbol<Verdict['kind']>(wire.kind)
  const rule = wire.rule
  switch (kind) {
    case 'rollback':
    case 'throttle':
      return { kind, rule, evidence: wire.evidence }
    case 'hold':
      return { kind, rule, because: wire.because ?? 'insufficient', missing: wire.missing }
    case 'step-down':
    case 'lift':
      return { kind, rule, sinceMs: wire.sinceMs ?? 0 }
    case 'promote':
      return { kind, rule, proofs: wire.proofs }
    default:
      return { kind, rule, note: wire.note }
  }
}
