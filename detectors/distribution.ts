/**
 * Distribution evidence: do the candidate's values of a feature (or its categories) come from another distribution than the control's?
 *
 * Idea. Every bin is an event, and so is "above the edge k" for ordered bins: one sharp bin shows itself in the first, a small shift
 * of everything in the second. Each gets two-arm evidence (two-arm.ts) in both directions without a margin, and the evidence is
 * their plain mean. Not the product: bins of one request exclude one another, and a product of their bets has a mean above one.
 *
 * Formula. Per event e, direction ± and step s, with x of K on the candidate: M ← (M + w_s) · e^{±s·x} / H(±s); evidence = mean of
 * Σ weight·M over events and directions. H of all numbers of events comes from one recurrence per tilt and split (math/normaliser-rows.ts).
 * Guarantee. Means of e-processes are e-processes: P(evidence ever ≥ 1/α) ≤ α while no event's rate depends on the arm.
 * Cost. Tens of microseconds per stratum and feature with 26 bins; nothing per request. State: 2 × steps numbers per event.
 * Blind to: changes within a bin; changes that strike both arms.
 * Source. As two-arm.ts. Counter-example to multiplying: two requests, share ½, tilts (2, 0): true mean 1, product of bounds ¾.
 */
import type { Detector, Truth } from './detector.ts'
import { fastExp } from './math/fast-exp.ts'
import { fastLogAdd } from './math/fast-log-add.ts'
import { logMean, logWeightedSum } from './math/log-sum-exp.ts'
import { NormaliserRows } from './math/normaliser-rows.ts'
import { multinomial, type Random } from './math/random.ts'
import { requireCount, requirePart, requireTemper } from './math/refuse.ts'
import { LOG_NOTHING, logStartWeight } from './math/start-mixture.ts'
import { trafficAt } from './math/traffic.ts'
import { type Direction, EVEN_GRID, type TwoArmGrid } from './two-arm.ts'

export interface DistributionArms {
  /** Counts per bin: ordered bins first, then those without an order (missing, unseen, …). */
  readonly candidate: Float64Array
  readonly control: Float64Array
  /** The first so many bins are ordered: they have cumulative thresholds. */
  readonly orderedBins: number
  readonly candidateRequests: number
  readonly controlRequests: number
}

export interface DistributionState {
  readonly strata: number
  /** ln M at [(event · 2 + direction) · steps + step]: bins first, then thresholds; `more` before `fewer`. */
  readonly logMixture: Float64Array
}

export interface StrongestEvent {
  /** `above` k: the value lies in an ordered bin after k. */
  readonly kind: 'bin' | 'above'
  readonly index: number
  readonly direction: Direction
  readonly logEvidence: number
}

export function emptyDistribution(bins: number, orderedBins: number, grid: TwoArmGrid): DistributionState {
  return { strata: 0, logMixture: new Float64Array(2 * grid.steps.length * eventCount(bins, orderedBins)).fill(LOG_NOTHING) }
}

function eventCount(bins: number, orderedBins: number): number {
  return bins + Math.max(0, orderedBins - 1)
}

/**
 * Adds one stratum. One that lacks an arm says nothing and changes nothing. `temper` ≥ 1 divides every ln L: L^(1/temper) still has a
 * mean of at most 1 (Jensen); for requests that move together in units, with their design effect as temper, the level is calibrated
 * by simulation. `memory`: where the capitals go afterwards, of as many numbers; left out: memory of their own.
 */
export function observeDistribution(
  state: DistributionState,
  arms: DistributionArms,
  grid: TwoArmGrid,
  temper = 1,
  memory: Float64Array = new Float64Array(state.logMixture.length),
): DistributionState {
  requireDistribution(state, arms, grid)
  requireTemper(temper)
  if (arms.candidateRequests === 0 || arms.controlRequests === 0) return state
  const stratum: Stratum = {
    before: state.logMixture,
    after: memory,
    logWeight: logStartWeight(state.strata),
    rows: rowsOf(grid.steps, arms.candidateRequests, arms.controlRequests),
    requests: arms.candidateRequests + arms.controlRequests,
    temper,
  }
  const bins = arms.candidate.length
  for (let bin = 0; bin < bins; bin++) bet(stratum, bin, arms.candidate[bin]!, arms.candidate[bin]! + arms.control[bin]!)
  let candidateAbove = 0
  let controlAbove = 0
  for (let edge = arms.orderedBins - 2; edge >= 0; edge--) {
    candidateAbove += arms.candidate[edge + 1]!
    controlAbove += arms.control[edge + 1]!
    bet(stratum, bins + edge, candidateAbove, candidateAbove + controlAbove)
  }
  return { strata: state.strata + 1, logMixture: stratum.after }
}

/** Natural logarithm of the evidence: the mean over all events and both directions. */
export function logEvidenceDistribution(state: DistributionState, grid: TwoArmGrid): number {
  if (state.strata === 0) return 0
  if (grid.weights.every((weight) => weight === grid.weights[0])) return logMeanOfCapitals(state.logMixture)
  const rows = state.logMixture.length / grid.steps.length
  return logMean(Array.from({ length: rows }, (_, row) => logEvidenceOfRow(state, row, grid)))
}

/** ln of the plain mean of the capitals: the evidence of an even grid. */
export function logMeanOfCapitals(logMixture: Float64Array): number {
  let largest = Number.NEGATIVE_INFINITY
  for (let i = 0; i < logMixture.length; i++) if (logMixture[i]! > largest) largest = logMixture[i]!
  if (!Number.isFinite(largest)) return largest
  let sum = 0
  for (let i = 0; i < logMixture.length; i++) sum += fastExp(logMixture[i]! - largest)
  return largest + Math.log(sum) - Math.log(logMixture.length)
}

/** The event and direction that speak loudest, for the explanation of a verdict. */
export function strongestEvent(state: DistributionState, bins: number, orderedBins: number, grid: TwoArmGrid): StrongestEvent {
  let best = 0
  let logEvidence = Number.NEGATIVE_INFINITY
  for (let row = 0; row < 2 * eventCount(bins, orderedBins); row++) {
    const logOfRow = logEvidenceOfRow(state, row, grid)
    if (logOfRow <= logEvidence) continue
    best = row
    logEvidence = logOfRow
  }
  const event = best >> 1
  const direction = (best & 1) === 0 ? 'more' : 'fewer'
  return event < bins
    ? { kind: 'bin', index: event, direction, logEvidence }
    : { kind: 'above', index: event - bins, direction, logEvidence }
}

function logEvidenceOfRow(state: DistributionState, row: number, grid: TwoArmGrid): number {
  const steps = grid.steps.length
  return logWeightedSum(state.logMixture, grid.weights, row * steps)
}

// ── one stratum, every event ───────────────────────────────────────────────────────────────────────────────────────────────

interface Stratum {
  /** ln M for every capital, and what becomes of it. */
  readonly before: Float64Array
  readonly after: Float64Array
  readonly logWeight: number
  readonly rows: NormaliserRows
  readonly requests: number
  readonly temper: number
}

/** One event in both directions, all steps: M ← (M + w) · L, with ln L = (±step·x − ln H(±step)) over the temper. */
function bet({ before, after, logWeight, rows, requests, temper }: Stratum, event: number, x: number, events: number): void {
  const { tilts } = rows
  const from = event * tilts.length
  const end = from + tilts.length
  // What nobody or everybody showed says nothing: nothing is betted on it.
  if (events === 0 || events === requests) {
    for (let i = from; i < end; i++) after[i] = fastLogAdd(before[i]!, logWeight)
    return
  }
  const row = rows.rowOf(events) - from
  const { logs } = rows
  for (let i = from; i < end; i++) after[i] = fastLogAdd(before[i]!, logWeight) + (tilts[i - from]! * x - logs[row + i]!) / temper
}

/**
 * The features of one scope share their requests (but for those that failed without one of them), and small bins their numbers of events:
 * each ln H is computed once for all of them. The last few splits are remembered; no result depends on it.
 */
let remembered: { readonly steps: readonly number[]; readonly splits: NormaliserRows[] } = { steps: [], splits: [] }
const SPLITS_REMEMBERED = 4

function rowsOf(steps: readonly number[], candidate: number, control: number): NormaliserRows {
  if (remembered.steps !== steps) remembered = { steps, splits: [] }
  const { splits } = remembered
  const known = splits.find((split) => split.candidate === candidate && split.control === control)
  if (known !== undefined) return known
  const most = candidate + control <= SMALL_REQUESTS ? SPLITS_REMEMBERED : 1
  while (splits.length > most) splits.shift()
  const rows = splits.length < most ? new NormaliserRows(steps) : splits.shift()!
  rows.prepare(candidate, control)
  splits.push(rows)
  return rows
}

/** Memory of larger splits is not kept four times over. */
const SMALL_REQUESTS = 8_192

function requireDistribution(state: DistributionState, arms: DistributionArms, grid: TwoArmGrid): void {
  const bins = arms.candidate.length
  requireCount(arms.candidateRequests, 'candidateRequests')
  requireCount(arms.controlRequests, 'controlRequests')
  requireBins(arms.candidate, arms.candidateRequests, 'candidate')
  requireBins(arms.control, arms.controlRequests, 'control')
  if (arms.control.length !== bins) throw new RangeError(`control must have as many bins as candidate: ${arms.control.length}, not ${bins}`)
  requirePart(arms.orderedBins, bins, 'orderedBins', 'the number of bins')
  if (state.logMixture.length !== 2 * grid.steps.length * eventCount(bins, arms.orderedBins)) {
    throw new RangeError(`candidate must have the bins that the state was made for, not ${bins} of which ${arms.orderedBins} ordered`)
  }
}

function requireBins(counts: Float64Array, requests: number, field: string): void {
  let total = 0
  for (let bin = 0; bin < counts.length; bin++) {
    const count = counts[bin]!
    if (!(count >= 0 && count <= requests && Math.floor(count) === count)) {
      throw new RangeError(`${field}[${bin}] must be a whole number from 0 to ${field}Requests = ${requests}, not ${count}`)
    }
    total += count
  }
  if (total > requests) throw new RangeError(`${field} must not hold more than ${field}Requests: ${total} of ${requests}`)
}

const SAMPLE_BINS = 8
const SAMPLE_ORDERED = 7

/** Eight bins, of which the last is "missing"; harm: everything moves up by a bin for one request in four. */
export const distributionDetector: Detector<DistributionState, DistributionArms> = {
  name: 'distribution',
  empty: () => emptyDistribution(SAMPLE_BINS, SAMPLE_ORDERED, EVEN_GRID),
  observe: (state, arms) => observeDistribution(state, arms, EVEN_GRID),
  logEvidence: (state) => logEvidenceDistribution(state, EVEN_GRID),
  sample: sampleDistribution,
  nothing: {
    candidate: new Float64Array(SAMPLE_BINS),
    control: new Float64Array(SAMPLE_BINS).fill(20),
    orderedBins: SAMPLE_ORDERED,
    candidateRequests: 0,
    controlRequests: 160,
  },
  findsWithin: 85,
  stateIsJson: false,
}

function sampleDistribution(random: Random, truth: Truth, index: number): DistributionArms {
  const { candidateRequests, controlRequests, season } = trafficAt(random, index)
  const shares = [0.1 * season, 0.15, 0.2, 0.25, 0.1, 0.05, 0.05]
  shares.push(1 - shares.reduce((sum, share) => sum + share, 0))
  const moved = shares.map((share, bin) => (bin === SAMPLE_BINS - 1 ? share : 0.75 * share + 0.25 * (bin === 0 ? 0 : shares[bin - 1]!)))
  moved[SAMPLE_ORDERED - 1]! += 0.25 * shares[SAMPLE_ORDERED - 1]!
  return {
    candidate: Float64Array.from(multinomial(random, candidateRequests, truth === 'healthy' ? shares : moved)),
    control: Float64Array.from(multinomial(random, controlRequests, shares)),
    orderedBins: SAMPLE_ORDERED,
    candidateRequests,
    controlRequests,
  }
}
