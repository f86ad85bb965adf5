/** How a rollout is run: the policy's plan with every default written out. */
import type { Guardrail, Plan } from './layout.ts'
import type { Policy, PolicyModel } from './policy.ts'
import { PROFILES } from './profiles.ts'
import { rolloutPlanOf } from './rollout-plan.ts'

export function planOf(model: PolicyModel, policy: Policy, guardrails: readonly Guardrail[]): Plan {
  const profile = PROFILES[model.ladder.profile]
  const rollout = rolloutPlanOf(model)
  return {
    mode: model.mode,
    weights: model.weights,
    ladder: rollout.rungs.map(({ percent }) => percent),
    dwellMs: model.ladder.dwell ?? profile.dwellMs,
    minimumRows: model.ladder.minimumRows ?? profile.minimumRows,
    riskFactor: profile.riskFactor,
    promotionAlpha: model.budgets.promotion,
    rollbackAlpha: model.budgets.rollback,
    throttleAlpha: model.budgets.throttle,
    stratumRequests: policy.limits.stratumRequests,
    settlingMs: policy.timing.settling,
    coverageMin: Math.max(0, ...Object.values(model.outcomes).map((outcome) => outcome.coverageMin)),
    ...patience(model),
    guardrails,
    ...contractOf(model),
    rollout,
  }
}

/** Nothing where no feature is required. */
function contractOf({ features, contractMinimum }: PolicyModel): Pick<Plan, 'contract'> {
  const required = Object.keys(features).filter((name) => features[name]!.required === true)
  return required.length === 0 ? {} : { contract: { blocks: required.map((name) => `feature:${name}`), minimum: contractMinimum } }
}

/** What the plan waits for, and for how long. */
function patience({ silence, blind, throttle, acks }: PolicyModel) {
  return {
    silentAfterMs: silence.after,
    silentMinimum: silence.minimum,
    maxBlindMs: blind.max,
    calmAfterMs: throttle.calmAfter,
    maxLifts: throttle.maxLifts,
    ackQuorum: acks.quorum,
    ackWithinMs: acks.within,
    observeWithinMs: acks.observeWithin,
    heartbeatMs: acks.heartbeat,
    leaseMs: acks.lease,
    presenceTimeoutMs: acks.presenceTimeout,
    onSilence: acks.onSilence,
  }
}
