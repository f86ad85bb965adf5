/** The ranked reasons that a decision carries: for harm, and for holds that the numbers are the reason for. Of the rest nothing is said. */
import type { ChangeRecord, Factor, StreamTimeMs, Verdict } from '../domain.ts'
import { ALL_SCOPE, type ModelLayout } from '../policy/layout.ts'
import { brokenFeatures } from './contract.ts'
import { environmentOf, factorsOf, harms, movedOnBoth } from './evidence/evidence.ts'
import { candidateOf, type JudgeState } from './state.ts'

/** `fact`: words of a verdict that stands on a fact and has no readings. `key`: what will stand in `lastVerdict`. */
export function factorsFor(state: JudgeState, model: ModelLayout, verdict: Verdict, fact: string, key: string): readonly Factor[] {
  switch (verdict.kind) {
    case 'rollback':
    case 'throttle':
    case 'isolate':
      return harmFactors(state, model, verdict, fact)
    case 'hold':
      return HOLDS_EXPLAINED.includes(verdict.because) ? holdFactors(state, model, verdict.because, key) : []
    default:
      return []
  }
}

const HOLDS_EXPLAINED: readonly string[] = ['signal', 'blind', 'insufficient']

function harmFactors(state: JudgeState, model: ModelLayout, verdict: Extract<Verdict, { evidence: unknown }>, fact: string) {
  if (verdict.rule === 'contract') return contractFactors(state, model, fact)
  if (verdict.evidence.length > 0) return factorsOf(state.evidence, model, verdict.evidence)
  return [plainFactor('candidate', factWords(verdict.rule, fact, model), verdict.rule), ...environmentOf(state.evidence, model)]
}

/** What a verdict that stands on a fact, and has no readings, says of its cause. */
export function factWords(rule: string, fact: string, model: ModelLayout): string {
  switch (rule) {
    case 'contract':
      return `upstream: what ${candidateOf(model)} is given, or what it logs, is not what the policy requires`
    case 'candidate-silent':
      return `${candidateOf(model)} stopped answering, or its predictions stopped being written: ${fact}`
    default:
      return fact
  }
}

function contractFactors(state: JudgeState, model: ModelLayout, fact: string): readonly Factor[] {
  const features = brokenFeatures(state.contract ?? {}, model)
  const words = `${factWords('contract', fact, model)}: ${fact}`
  return features.map((feature) => ({ ...plainFactor('upstream', words, 'contract'), feature }))
}

/** The world first: where nothing speaks against the candidate it is the only news. */
function holdFactors(state: JudgeState, model: ModelLayout, because: string, key: string): readonly Factor[] {
  if (key.startsWith('hold:blind:no-traffic')) return [plainFactor('environment', 'no predictions of either version arrive', 'blind')]
  if (because !== 'signal') return environmentOf(state.evidence, model)
  const { hold, throttle } = harms(state.evidence, model)
  return factorsOf(state.evidence, model, [...throttle, ...hold])
}

function plainFactor(kind: Factor['kind'], words: string, guardrail: string): Factor {
  return { kind, words, guardrail, scope: ALL_SCOPE, feature: '', share: Number.NaN, logEvidence: Number.NaN }
}

// ── a hold that becomes news ───────────────────────────────────────────────────────────────────────────────────────────────

const MARK = '|moved:'
/** Holds that the numbers are the reason for and that last: what has moved is news to whoever waits for them. */
const RULES_TOLD: readonly string[] = ['blind', 'throttle-at-lowest', 'signal', 'outcome-coverage', 'calming', 'insufficient']

/**
 * The key of a hold with what has moved on both versions since. A hold that goes on is written once, and once more when the world has
 * moved; that it has settled again is no news, so what was told before stays in the key.
 */
export function holdKey(rule: string, ground: string, state: JudgeState): string {
  const base = `hold:${rule}:${ground}`
  if (!RULES_TOLD.includes(rule)) return base
  const [before, told = ''] = state.ladder.lastVerdict.split(MARK)
  const known = before === base && told !== '' ? told.split('\n') : []
  const moved = [...new Set([...known, ...movedOnBoth(state.evidence)])].sort()
  return moved.length === 0 ? base : `${base}${MARK}${moved.join('\n')}`
}

// ── changes ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

const CHANGES_KEPT = 64
const CHANGES_TOLD = 5
const TOLD_WITHIN_MS = 24 * 60 * 60 * 1000

/** Bounded: the newest by their own time, oldest first. One told again, or corrected, counts once. */
export function changesAfter(known: readonly ChangeRecord[], change: ChangeRecord): readonly ChangeRecord[] {
  const others = known.filter(({ id }) => id !== change.id)
  return [...others, change].sort((one, other) => one.atMs - other.atMs || (one.id < other.id ? -1 : 1)).slice(-CHANGES_KEPT)
}

/** The nearest before a decision, newest first. */
export function changesBefore(known: readonly ChangeRecord[], nowMs: StreamTimeMs): readonly ChangeRecord[] {
  const near = known.filter(({ atMs }) => atMs <= nowMs && nowMs - atMs <= TOLD_WITHIN_MS)
  return near.slice(-CHANGES_TOLD).reverse()
}
