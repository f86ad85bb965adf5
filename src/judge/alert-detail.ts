/** What somebody who is woken wants to know, from the decision that woke him: what was done, the gravest finding with its numbers, what to do. */
import type { AlertDetail, Decision, Reading } from '../domain.ts'
import { NO_DETAIL } from '../kit/no-detail.ts'
import { runbookOf } from '../kit/runbooks.ts'
import type { ModelLayout } from '../policy/layout.ts'
import { WAY_BACK } from './quarantine.ts'
import { candidateOf, commands } from './state.ts'

type Decided = Omit<Decision, 'previousHash'>

export function alertDetail(decision: Decided, cause: string, model: ModelLayout): AlertDetail {
  const { rollout } = model.plan
  return {
    ...NO_DETAIL,
    ...numbersOf(gravestOf(decision)),
    done: doneWords(decision, model),
    probableCause: decision.cause,
    owner: rollout.owner,
    contact: rollout.contact,
    runbooks: runbooksFor(cause, model),
    override: overrideOf(decision, model),
  }
}

/** The plan's own page first, for it knows the model. */
export function runbooksFor(cause: string, { plan }: ModelLayout): readonly string[] {
  return [plan.rollout.runbook, runbookOf(cause) ?? ''].filter((page) => page !== '')
}

/** What it stands on; of a decision that stands on no finding, the one that is nearest to its limit. */
function gravestOf({ verdict, readings }: Decided): Reading | null {
  const found = 'evidence' in verdict ? verdict.evidence[0] : undefined
  if (found !== undefined) return found
  const isAbout = verdict.kind === 'hold' && verdict.because === 'signal'
  return isAbout
    ? readings.reduce<Reading | null>((gravest, one) => (gravest === null || overOf(one) > overOf(gravest) ? one : gravest), null)
    : null
}

const overOf = ({ logEvidence, logLimit }: Reading): number => logEvidence - logLimit

function numbersOf(reading: Reading | null): Partial<AlertDetail> {
  if (reading === null) return {}
  const { guardrail, scope, estimate, intervalLow, intervalHigh, margin, unit, logEvidence, logLimit, candidateRows, controlRows } = reading
  return { guardrail, scope, estimate, intervalLow, intervalHigh, margin, unit, logEvidence, logLimit, candidateRows, controlRows }
}

function doneWords({ verdict, weightsBefore, weightsAfter }: Decided, model: ModelLayout): string {
  const candidate = candidateOf(model)
  const [before, after] = [weightsBefore, weightsAfter].map((weights) => weights[candidate] ?? 0)
  if (!commands(model)) return `nothing: mode observe; ${candidate} stays where you have it`
  if (verdict.kind === 'isolate') return `${candidate} is kept out of ${verdict.evidence[0]?.scope ?? 'one segment'}`
  if (before === after) return `nothing was changed: ${candidate} stays at ${percent(after!)}`
  return `${candidate} went from ${percent(before!)} to ${percent(after!)}`
}

const percent = (weight: number): string => `${Number(weight.toPrecision(6))} %`

/** What undoes it, or goes further, as a line to be typed. */
function overrideOf({ verdict, model: name }: Decided, model: ModelLayout): string {
  const rest = `${name} --reason '…'`
  switch (verdict.kind) {
    case 'rollback':
      return `flyball ${WAY_BACK} ${rest}`
    case 'isolate':
      return `flyball rollout release ${name} --segment ${verdict.evidence[0]?.scope ?? '…'} --reason '…'`
    case 'throttle':
      return `flyball rollback ${rest} (further down), flyball rollout resume ${rest} (up again)`
    case 'not-effective':
      return `flyball rollback ${rest} --break-glass`
    default:
      return commands(model) ? `flyball rollback ${rest}` : ''
  }
}
