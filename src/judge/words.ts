/** One sentence for people, with the numbers, for every kind of decision. */
import type { Reading, Verdict } from '../domain.ts'
import type { ModelLayout } from '../policy/layout.ts'
import { percentWords } from './segments.ts'
import { beginningWords, isUnexposed } from './stages.ts'
import { candidateOf, commands, type JudgeState, type Ladder } from './state.ts'

export interface Told {
  readonly verdict: Verdict
  readonly before: Ladder
  /** Why the candidate was not kept out of one segment alone; empty: nobody asked for that. */
  readonly aside: string
  /** Words when the candidate is silent, or lacks what the policy requires. */
  readonly silent: string
}

export function summaryOf(told: Told, model: ModelLayout, state: JudgeState): string {
  const { verdict } = told
  const candidate = candidateOf(model)
  const from = percentWords(told.before, model)
  const to = percentWords(state.ladder, model)
  switch (verdict.kind) {
    case 'rollback':
      return `${did(model, 'Rolled back', 'roll back')} ${candidate} from ${from}: ${because(verdict.evidence, told.silent)}${told.aside === '' ? '' : `; not kept out of one segment alone: ${told.aside}`}`
    case 'throttle':
      if (verdict.rule === 'no-safe-target')
        return `${did(model, 'Throttled', 'throttle')} ${candidate} from ${from} to ${to} and did not roll it back: ${told.silent}`
      return `${did(model, 'Throttled', 'throttle')} ${candidate} from ${from} to ${to}: ${because(verdict.evidence, '')}`
    case 'step-down':
      return `${did(model, 'Stepped', 'step')} ${candidate} down from ${from} to ${to}: blind for more than ${seconds(model.plan.maxBlindMs)}`
    case 'lift':
      return `${did(model, 'Lifted', 'lift')} ${candidate} from ${from} to ${to}: no new evidence for ${seconds(model.plan.calmAfterMs)} (lift ${state.ladder.liftsUsed} of ${model.plan.maxLifts})`
    case 'isolate':
      return `${did(model, 'Kept', 'keep')} ${candidate} out of ${verdict.evidence[0]?.scope ?? ''}, at ${to}: ${because(verdict.evidence, '')}`
    case 'advance':
      return advanceWords(verdict.rule, model)
    case 'promote': {
      const why = verdict.rule === 'gate-passed' ? 'its gate is passed' : proofWords(verdict.proofs.length)
      return `${did(model, 'Promoted', 'promote')} ${candidate} from ${from} to ${to}: ${why}`
    }
    case 'hold':
      return `Holding ${candidate} at ${to} (${verdict.because}): ${verdict.missing.join('; ')}`
    case 'start':
      return `${did(model, 'Started', 'start')} ${candidate} ${isUnexposed(state.ladder.phase) ? beginningWords(model) : `at ${to}`}`
    default:
      return verdict.note
  }
}

/** "feature drift on departure_hour (evidence e^12.3 against a limit of e^6.9 after 4,812 candidate rows)" */
export function readingWords(reading: Reading): string {
  // Numbers for the curious come after the first clause.
  const detail = reading.detail === '' ? '' : ` on ${reading.detail.split('; ')[0]}`
  const scope = reading.scope === '__all__' ? '' : ` in ${reading.scope}`
  const effect = Number.isFinite(reading.estimate) ? `, ${effectWords(reading)}` : ''
  const rows = reading.candidateRows.toLocaleString('en-US')
  // All that call for one action have a limit together too, which none of them need reach alone.
  const together = reading.logEvidence < reading.logLimit ? ', which all together have passed,' : ''
  const evidence = `evidence e^${reading.logEvidence.toFixed(1)} against a limit of e^${reading.logLimit.toFixed(1)}${together}`
  return `${reading.guardrail}${detail}${scope} (${evidence} after ${rows} candidate rows${effect})`
}

function effectWords(reading: Reading): string {
  const sign = reading.estimate > 0 ? '+' : ''
  const bounds = Number.isFinite(reading.intervalLow) && Number.isFinite(reading.intervalHigh)
  const interval = bounds ? ` [${short(reading.intervalLow)}, ${short(reading.intervalHigh)}]` : ''
  return `effect ${sign}${short(reading.estimate)}${interval} ${reading.unit}`.trimEnd()
}

function short(value: number): string {
  return Number(value.toPrecision(3)).toString()
}

function because(evidence: readonly Reading[], silent: string): string {
  if (evidence.length === 0) return silent
  const more = evidence.length > 1 ? `, and ${evidence.length - 1} more` : ''
  return `${readingWords(evidence[0]!)}${more}`
}

/** Nothing is commanded by it, so the words claim no more than was done. */
function advanceWords(rule: string, model: ModelLayout): string {
  const candidate = candidateOf(model)
  if (rule === 'offline') return `${candidate} goes on from offline to shadow: its gate is passed`
  return `${candidate} is promoted: watched at 100 % for ${seconds(model.plan.rollout.guardMs)}, no open signal`
}

function proofWords(count: number): string {
  const proven = count === 0 ? '' : count === 1 ? 'the proof asked for holds, ' : `all ${count} proofs hold, `
  return `${proven}dwell and rows reached, no open signal`
}

/** Where nothing is commanded the sentence must not claim a deed. */
export function did(model: ModelLayout, past: string, infinitive: string): string {
  return commands(model) ? past : `Would ${infinitive}`
}

function seconds(ms: number): string {
  if (ms >= 7_200_000 && ms % 3_600_000 === 0) return `${ms / 3_600_000} h`
  return ms >= 120_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 1000)} s`
}
