/**
 * Is it safe to go on? For each guardrail named for promotion: the upper end of its harm in this stage, times the next weight, must
 * stay within the margin's share that a step may risk. Guardrails without an interval (drift, data quality) must show no signal.
 */
import { promotionProof } from '../../../detectors/risk-budget.ts'
import type { NonInferiority } from '../../domain.ts'
import { ALL_SCOPE, type Guardrail, type ModelLayout } from '../../policy/layout.ts'
import { alphaOf, weightOf } from './asked.ts'
import { coverageNow } from './coverage.ts'
import { eventBlock, featureName, hasThresholds, isDataQuality, latencyBlock, latencyKey, scopesOf } from './events.ts'
import { isMirrored, isOfPairs, isPaired, isPairedScore, pairUnit } from './paired.ts'
import { isJudgedIn, populationNow } from './population.ts'
import {
  type Effect,
  eventEffect,
  evidenceIn,
  isRare,
  marginNow,
  pairedEffect,
  proofEvent,
  scoreDesignEffect,
  scoreEffectNow,
  scoreUnit,
  seriesIn,
} from './readings.ts'
import { isScore, isShape } from './series.ts'
import type { EvidenceState } from './state.ts'
import { ROWS_FOR_DESIGN_EFFECT, stageDesignEffect } from './units.ts'
import { about, brief } from './words.ts'

/** Intervals begin with so many rows in each arm. */
const ROWS_PER_ARM = 100
/** A signal: a quarter of the evidence that would act. */
const LOG_SIGNAL_SHARE = Math.log(4)

export function proofsNow(
  state: EvidenceState,
  model: ModelLayout,
  nextWeightPercent: number,
  minimumRows: number,
): readonly NonInferiority[] {
  const asked = model.plan.guardrails.filter(
    (guardrail) => guardrail.promotes && !hasNoNumbers(guardrail, state, model) && isAskedNow(guardrail, state),
  )
  return asked.map((guardrail) =>
    isShape(guardrail) || isDataQuality(guardrail) || guardrail.kind === 'calibration'
      ? quietProof(guardrail, state, model, minimumRows)
      : intervalProof(guardrail, state, model, nextWeightPercent / 100),
  )
}

/** Of pairs a proof is asked where there are any: on the way out of the shadow. */
function isAskedNow(guardrail: Guardrail, state: EvidenceState): boolean {
  return !isPaired(guardrail) || isMirrored(state)
}

/**
 * A guardrail that the policy did not name, whose field the records turn out not to carry: of a control that never tells its latency or a resource,
 * and of outcomes without a score beside them, no proof can be asked. (Scores that only the candidate lacks are `missing`'s to find.)
 * A guardrail that the policy names waits for ever.
 */
function hasNoNumbers(guardrail: Guardrail, state: EvidenceState, model: ModelLayout): boolean {
  if (guardrail.implied !== true) return false
  const counting = guardrail.kind === 'resource' ? tailBeside(guardrail, model) : guardrail
  if (counting !== undefined && hasThresholds(counting)) return neverTells(counting, state, model)
  if (guardrail.kind !== 'log-score') return false
  const outcome = coverageNow(state, model).find(
    (each) => each.chain === guardrail.chain && guardrail.blocks.includes(`probability:${each.outcome}`),
  )
  const known = outcome === undefined ? 0 : outcome.control * outcome.controlMatured
  return known >= ROWS_PER_ARM && seriesIn(state, guardrail, ALL_SCOPE, model).strata === 0
}

/** The tail of a mean: implied as it is, it counts who tells nothing. */
function tailBeside({ blocks }: Guardrail, { plan }: ModelLayout): Guardrail | undefined {
  const wanted = `tail:${featureName(blocks[0] ?? '')}`
  return plan.guardrails.find((each) => each.kind === 'resource-tail' && each.blocks.includes(wanted))
}

function neverTells(guardrail: Guardrail, state: EvidenceState, model: ModelLayout): boolean {
  const block = latencyBlock(guardrail, model)
  const counts = block && state.controlLatency[latencyKey(block, ALL_SCOPE)]
  if (!block || !counts) return false
  const told = counts.subarray(0, block.kind === 'latency' ? 2 * block.bins : block.bins).some((count) => count > 0)
  return !told && counts[block.countSlots - 1]! >= ROWS_PER_ARM
}

function intervalProof(guardrail: Guardrail, state: EvidenceState, model: ModelLayout, nextWeight: number): NonInferiority {
  const series = seriesIn(state, guardrail, ALL_SCOPE, model)
  const margin = marginNow(guardrail, series, model, guardrail.promotionMargin)
  if (Number.isNaN(margin)) return marginUnknown(guardrail)
  const question = { nextWeight, margin, riskFactor: model.plan.riskFactor }
  // What may be lost in all, over the share that will be exposed: how large the harm may be.
  const allowed = promotionProof({ ...question, intervalHigh: 0 }).allowed / nextWeight
  const effect = stageEffectOf(guardrail, state, model, allowed)
  const intervalHigh = Number.isNaN(effect.intervalHigh) ? Number.POSITIVE_INFINITY : effect.intervalHigh
  const { holds } = promotionProof({ ...question, intervalHigh })
  return {
    guardrail: guardrail.name,
    holds,
    upperEnd: intervalHigh,
    allowed,
    rows: effect.candidateRows + effect.controlRows,
    missing: holds ? '' : whatIsMissing(guardrail, effect, allowed, Number.isFinite(likenessOf(guardrail, state, model))),
  }
}

/** Before it can be said what the share is of, nothing is proven. */
function marginUnknown({ name }: Guardrail): NonInferiority {
  const missing = `${name} needs rows of the control first: its margin is a share of what that uses`
  return { guardrail: name, holds: false, upperEnd: Number.POSITIVE_INFINITY, allowed: Number.NaN, rows: 0, missing }
}

function stageEffectOf(guardrail: Guardrail, state: EvidenceState, model: ModelLayout, halfWidth: number): Effect {
  const series = seriesIn(state, guardrail, ALL_SCOPE, model)
  if (series.kind === 'score') return scoreEffectNow(series, guardrail, model, halfWidth, likenessOf(guardrail, state, model))
  if (isOfPairs(series)) return withoutNumbers(pairedEffect(series, guardrail, state, model))
  const event = series.kind === 'events' ? series.events[proofEvent(guardrail)] : undefined
  if (!event || event.stage.candidateRequests === 0 || event.stage.controlRequests === 0) return NOTHING_SEEN
  return eventEffect(event, model.plan.promotionAlpha, halfWidth, likenessOf(guardrail, state, model))
}

function withoutNumbers(effect: Effect): Effect {
  return effect.candidateRows === 0 ? NOTHING_SEEN : effect
}

/** The design effect of what a promotion asks for; infinite while it is not known, 1 without units. */
function likenessOf(guardrail: Guardrail, state: EvidenceState, model: ModelLayout): number {
  if (isScore(guardrail)) return scoreDesignEffect(guardrail, state, model)
  return stageDesignEffect(guardrail, eventBlock(guardrail, model, proofEvent(guardrail)), state, model)
}

const NOTHING_SEEN: Effect = {
  estimate: Number.NaN,
  intervalLow: Number.NEGATIVE_INFINITY,
  intervalHigh: Number.POSITIVE_INFINITY,
  candidateRows: 0,
  controlRows: 0,
  candidateEvents: 0,
  controlEvents: 0,
}

/** What a reader may expect: rows still needed at the present rate, or that the estimate itself stands in the way. */
function whatIsMissing(guardrail: Guardrail, effect: Effect, allowed: number, isLikenessKnown: boolean): string {
  const fewest = Math.min(effect.candidateRows, effect.controlRows)
  if (!Number.isFinite(effect.intervalHigh)) {
    if (!isLikenessKnown)
      return `${guardrail.name} waits for rows of the control that tell their unit, at least ${about(ROWS_FOR_DESIGN_EFFECT)} of several units`
    if (fewest >= ROWS_PER_ARM) return `${guardrail.name} has no interval while all values are the same`
    const arm = effect.candidateRows <= effect.controlRows ? 'candidate' : 'control'
    return `${guardrail.name} needs about ${about(Math.max(1, ROWS_PER_ARM - fewest))} more rows on the ${arm} for a first interval`
  }
  const half = effect.intervalHigh - effect.estimate
  const room = allowed - effect.estimate
  const unit = isPairedScore(guardrail) ? pairUnit(guardrail) : isScore(guardrail) ? scoreUnit(guardrail) : ''
  const words = unit === '' ? percent : (value: number) => `${brief(value)} ${unit}`
  const upper = `harm may be as large as ${words(effect.intervalHigh)}, allowed at the next weight ${words(allowed)}`
  if (room <= 0) return `${guardrail.name}: ${upper}; the estimate itself (${words(effect.estimate)}) is above what is allowed`
  const rows = effect.candidateRows + effect.controlRows
  // The interval of rare events narrows like 1/n, others like 1/√n.
  const ratio = half / room
  const more = rows * ((isRare(effect) && unit === '' ? ratio : ratio ** 2) - 1)
  return `${guardrail.name} needs about ${about(Math.max(1, more))} more rows: ${upper}`
}

function percent(share: number): string {
  return `${brief(100 * share)} %`
}

/** No scope at w·e ≥ 1/(4α), and the stage's rows seen. */
function quietProof(guardrail: Guardrail, state: EvidenceState, model: ModelLayout, minimumRows: number): NonInferiority {
  const rows = state.stageRows.candidate
  const alpha = alphaOf(guardrail.action, model.plan)
  const judged = populationNow(state)
  const scopes = scopesOf(guardrail).filter((scope) => isJudgedIn(judged, scope))
  const excesses = scopes.map((scope) => {
    const log = evidenceIn(state, guardrail, scope, model)
    return { scope, log, limit: -Math.log(alpha * weightOf(guardrail, scope, model.plan)) - LOG_SIGNAL_SHARE }
  })
  const loudest = excesses.reduce((one, other) => (other.log - other.limit > one.log - one.limit ? other : one))
  const isQuiet = loudest.log < loudest.limit
  const wanting = minimumRows - rows
  const signal = `${guardrail.name} in ${loudest.scope} shows evidence of ${brief(Math.exp(loudest.log))}, allowed is ${brief(Math.exp(loudest.limit))}`
  const missing = !isQuiet ? signal : wanting > 0 ? `${guardrail.name} needs about ${about(wanting)} more candidate rows` : ''
  return {
    guardrail: guardrail.name,
    holds: missing === '',
    upperEnd: Math.exp(loudest.log),
    allowed: Math.exp(loudest.limit),
    rows,
    missing,
  }
}
