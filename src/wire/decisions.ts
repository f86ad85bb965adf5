/** The audit log: `schemas/decisions.avsc`. Bytes matter here: each record carries the hash of the bytes before it. */
import { createHash } from 'node:crypto'
import type { Decision, HoldReason, NonInferiority, Reading, RolloutPhase, Verdict } from '../domain.ts'
import { fromSymbol, plain, toSymbol } from './plain.ts'
import { avroCodec } from './schema.ts'
import { versionHeaders } from './versions.ts'

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

type WireDecision = Omit<Decision, 'verdict' | 'phase'> & { readonly verdict: WireVerdict; readonly phase: string | null }

const VERSION = 3
const codec = avroCodec('decisions', VERSION)

/** To be sent beside what `encodeDecision` makes. */
export const DECISION_HEADERS = versionHeaders(VERSION)

export function encodeDecision(decision: Decision): Buffer {
  const { phase, verdict } = decision
  return codec.encode({ ...decision, verdict: toWire(verdict), phase: phase === null ? null : toSymbol(phase) })
}

/** `version`: as `versionOf` reads it from the record's headers; absent: the newest. */
export function decodeDecision(bytes: Uint8Array, version = VERSION): Decision {
  const raw = plain<WireDecision>(codec.decode(bytes, version))
  return { ...raw, verdict: fromWire(raw.verdict), phase: raw.phase === null ? null : fromSymbol<RolloutPhase>(raw.phase) }
}

/** SHA-256 (hex) of a record's bytes: what the next decision of its model names as previous. */
export function hashOfDecision(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
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
    case 'isolate':
      return { kind, rule, evidence: wire.evidence }
    case 'hold':
      return { kind, rule, because: wire.because ?? 'insufficient', missing: wire.missing }
    case 'step-down':
    case 'lift':
      return { kind, rule, sinceMs: wire.sinceMs ?? 0 }
    case 'promote':
    case 'advance':
      return { kind, rule, proofs: wire.proofs }
    default:
      return { kind, rule, note: wire.note }
  }
}
