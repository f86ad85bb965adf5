/** How a model stands, as events: its rollout, what its outcomes cover, and every reading. Told every few seconds; nothing is decided here. */
import { coverage, readings } from '../judge/evidence/evidence.ts'
import type { Now } from '../judge/judge.ts'
import { present } from '../judge/loop.ts'
import { candidateOf, controlOf, type JudgeState } from '../judge/state.ts'
import type { ModelLayout } from '../policy/layout.ts'
import type { FlyballEvent } from '../telemetry/events.ts'

export function standingEvents(state: JudgeState, model: ModelLayout, now: Now): readonly FlyballEvent[] {
  return [rolloutStanding(state, model, now), ...coverageOf(state, model), ...readingsOf(state, model)]
}

/** Wall clock less judge time; NaN in a drain, and before any record. */
export function judgeDelayMs({ judgeTimeMs, wallMs }: Now): number {
  return judgeTimeMs > 0 && wallMs > 0 ? wallMs - judgeTimeMs : Number.NaN
}

function rolloutStanding({ ladder, gateways }: JudgeState, model: ModelLayout, now: Now): FlyballEvent {
  const { plan } = model
  return {
    event: 'rollout-standing',
    model: model.name,
    control: ladder.control,
    candidate: ladder.candidate,
    phase: ladder.phase,
    weights: ladder.weights,
    gateways: present(gateways, now.wallMs, plan).length,
    incidents: Object.keys(ladder.open).length,
    drillPassedAtMs: ladder.drills.passedAtMs,
    drillEveryMs: plan.drill?.everyMs ?? 0,
    delayMs: judgeDelayMs(now),
  }
}

function coverageOf(state: JudgeState, model: ModelLayout): readonly FlyballEvent[] {
  const limit = model.plan.coverageMin
  return coverage(state.evidence, model).flatMap(({ outcome, candidate, control }) => [
    { event: 'outcome-coverage', model: model.name, version: candidateOf(model), outcome, share: candidate, limit },
    { event: 'outcome-coverage', model: model.name, version: controlOf(model), outcome, share: control, limit },
  ])
}

function readingsOf(state: JudgeState, model: ModelLayout): readonly FlyballEvent[] {
  return readings(state.evidence, model).map((reading) => {
    const { guardrail, scope, logEvidence, logLimit, estimate, intervalLow, intervalHigh, margin, candidateRows, controlRows } = reading
    const rows = candidateRows + controlRows
    const numbers = { logEvidence, logLimit, estimate, intervalLow, intervalHigh, margin, rows }
    return { event: 'reading', model: model.name, version: candidateOf(model), guardrail, scope, ...numbers }
  })
}
