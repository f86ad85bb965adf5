/**
 * Decisions against the readings that stand in them: harm is acted on in whatever state a rollout is, what acts on harm has evidence of
 * it, and a promotion has the proof of every guardrail that its plan names.
 */
import type { ModelLayout } from '../../src/policy/layout.ts'
import { type Case, grouped } from './case.ts'
import type { WireDecision, WireReading } from './wire.ts'

/** What the rules say when they look; the others (acks, requests, records) are no answer to what was read. */
const LOOKS = new Set(['hold', 'promote', 'lift', 'advance', 'start', 'step_down'])
/** Of actions on evidence: the rule that needs no more than it. */
const ON_EVIDENCE: Readonly<Record<string, string>> = { rollback: 'harm', throttle: 'throttle' }

type Tell = (what: string) => void

export function checkEvidence({ all, world, report }: Case): void {
  for (const [name, placed] of grouped(all.decisions, ({ value }) => value.decision.model)) {
    const model = world.layout.models.find((one) => one.name === name)
    if (model === undefined) continue
    for (const { value } of placed) {
      const { decision } = value
      const where = `decisions ${name} number ${decision.number}`
      checkHarm(decision, model, (what) => report('harm', where, what))
      checkGrounds(decision, (what) => report('harm', where, what))
      if (decision.verdict.kind === 'promote') checkProofs(decision, model, (what) => report('promotion', where, what))
    }
  }
}

const hasCrossed = ({ logEvidence, logLimit }: WireReading): boolean => logEvidence >= logLimit

/** None needs to cross its own limit where their mean, weighted, does: a limit is that of all, divided by the weight. */
function haveCrossed(readings: readonly WireReading[]): boolean {
  const limit = Math.max(...readings.map(({ weight, logLimit }) => weight * Math.exp(logLimit)))
  return readings.reduce((sum, { weight, logEvidence }) => sum + weight * Math.exp(logEvidence), 0) >= limit
}

function checkHarm(decision: WireDecision, model: ModelLayout, tell: Tell): void {
  const { verdict, weightsBefore, readings } = decision
  const isExposed = (weightsBefore[model.versions[model.candidate]!] ?? 0) > 0
  if (!isExposed || !LOOKS.has(verdict.kind) || verdict.rule === 'no-safe-target') return
  for (const reading of readings) {
    if (reading.action === 'rollback' && hasCrossed(reading))
      tell(`${verdict.kind} by ${verdict.rule}, and ${reading.guardrail} in ${reading.scope} calls for a rollback`)
  }
}

function checkGrounds({ verdict, readings }: WireDecision, tell: Tell): void {
  if (ON_EVIDENCE[verdict.kind] !== verdict.rule) return
  if (verdict.evidence.length === 0) tell(`${verdict.kind} by ${verdict.rule} without evidence`)
  const together = haveCrossed(readings.filter(({ action }) => action === verdict.kind))
  for (const { guardrail, scope, logEvidence, logLimit } of verdict.evidence) {
    if (!(logEvidence >= logLimit) && !together) tell(`${verdict.kind} for ${guardrail} in ${scope} at ${logEvidence} of ${logLimit}`)
    const read = readings.find((one) => one.guardrail === guardrail && one.scope === scope)
    if (read?.logEvidence !== logEvidence) tell(`${verdict.kind} for ${guardrail} in ${scope}, which was read otherwise`)
  }
}

/** What the policy names; what is only implied may be without numbers, and pairs are there in a shadow alone. */
function checkProofs({ verdict }: WireDecision, { plan }: ModelLayout, tell: Tell): void {
  for (const { name, kind, promotes, implied } of plan.guardrails) {
    if (!promotes || implied === true || kind === 'disagreement' || kind.startsWith('paired')) continue
    if (!verdict.proofs.some(({ guardrail, holds }) => guardrail === name && holds))
      tell(`without the proof of ${name}, which the plan asks for`)
  }
}
