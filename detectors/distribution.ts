/**
 * Distribution evidence: do the candidate's values of a feature (or its categories) come from another distribution than the control's?
 *
 * Idea. Every bin is an event, and so is "above the edge k" for ordered bins: one sharp bin shows itself in the first, a small shift
 * of everything in the second. Each gets two-arm evidence (two-arm.ts) in both directions without a margin, and the evidence is
 * their plain mean. Not the product: bins of one request exclude one another, and a product of their bets has a mean above one.
 *
 * Formula. Per event e, direction ± and step s, with x of K on the candidate: M ← (M + w_s) · e^{±s·x} / H(±s); evidence = mean of
 * Σ weight·M over events and directions. All tilts of one event share the probabilities of its support: they are walked once, and
 * each H is a polynomial in e^{±s} with them as coefficients.
 * Guarantee. Means of e-processes are e-processes: P(evidence ever ≥ 1/α) ≤ α while no event's rate depends on the arm.
 * Cost. Tens of microseconds per stratum and feature with 26 bins; nothing per request. State: 2 × steps numbers per event.
 * Blind to: changes within a bin; changes that strike both arms.
 * Source. As two-arm.ts. Counter-example to multiplying: two requests, share ½, tilts (2, 0): true mean 1, product of bounds ¾.
 */
import type { Detector, Truth } from './detector.ts'
import { hypergeometricLogNormaliser, NEGLIGIBLE, supportHigh, supportLow, tiltedMode } from './math/hypergeometric.ts'
import { logAdd, logMean, logWeightedSum } from './math/log-sum-exp.ts'
import { multinomial, type Random } from './math/random.ts'
import { requireCount, requirePart } from './math/refuse.ts'
import { LOG_NOTHING, logStartWeight } from './math/start-mixture.ts'
import { trafficAt } from './math/traffic.ts'
import { DEFAULT_GRID, type Direction, type TwoArmGrid } from './two-arm.ts'

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

/** e^{(width of the support) × (largest step)} must stay a double with room to spare; wider supports are summed tilt by tilt. */
const LOG_SPAN_MAX = 600
/** Tilts evaluated in one walk over the support. */
const LANES = 6

export function emptyDistribution(bins: number, orderedBins: number, grid: TwoArmGrid): DistributionState {
  return { strata: 0, logMixture: new Float64Array(2 * grid.steps.length * eventCount(bins, orderedBins)).fill(LOG_NOTHING) }
}

function eventCount(bins: number, orderedBins: number): number {
  return bins + Math.max(0, orderedBins - 1)
}

/** Adds one stratum. One that lacks an arm says nothing and changes nothing. */
export function observeDistribution(state: DistributionState, arms: DistributionArms, grid: TwoArmGrid): DistributionState {
  requireDistribution(state, arms, grid)
  if (arms.candidateRequests === 0 || arms.controlRequests === 0) return state
  const stratum = openStratum(state, arms, grid)
  const bins = arms.candidate.length
  for (let bin = 0; bin < bins; bin++) advanceEvent(stratum, bin, arms.candidate[bin]!, arms.control[bin]!)
  let candidateAbove = 0
  let controlAbove = 0
  for (let edge = arms.orderedBins - 2; edge >= 0; edge--) {
    candidateAbove += arms.candidate[edge + 1]!
    controlAbove += arms.control[edge + 1]!
    advanceEvent(stratum, bins + edge, candidateAbove, controlAbove)
  }
  return { strata: state.strata + 1, logMixture: stratum.after }
}

/** Natural logarithm of the evidence: the mean over all events and both directions. */
export function logEvidenceDistribution(state: DistributionState, grid: TwoArmGrid): number {
  if (state.strata === 0) return 0
  const rows = state.logMixture.length / grid.steps.length
  return logMean(Array.from({ length: rows }, (_, row) => logEvidenceOfRow(state, row, grid)))
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
  return logWeightedSum(Array.from(state.logMixture.subarray(row * steps, (row + 1) * steps)), grid.weights)
}

// ── one stratum, every event ───────────────────────────────────────────────────────────────────────────────────────────────

/** What all events of one stratum share, and the scratch they are computed in. */
interface Stratum {
  readonly candidate: number
  readonly control: number
  readonly logWeight: number
  readonly steps: readonly number[]
  readonly stepMax: number
  /** e^step, padded to whole lanes, then e^−step likewise. */
  readonly oddsRatios: Float64Array
  readonly lanes: number
  readonly before: Float64Array
  readonly after: Float64Array
  /** Scratch: probabilities of the support relative to the largest, from `low` up; one normaliser per tilt. */
  readonly terms: Float64Array
  readonly sums: Float64Array
}

function openStratum(state: DistributionState, arms: DistributionArms, grid: TwoArmGrid): Stratum {
  const lanes = LANES * Math.ceil(grid.steps.length / LANES)
  const oddsRatios = new Float64Array(2 * lanes).fill(1)
  grid.steps.forEach((step, index) => {
    oddsRatios[index] = Math.exp(step)
    oddsRatios[lanes + index] = Math.exp(-step)
  })
  const stepMax = Math.max(...grid.steps)
  return {
    candidate: arms.candidateRequests,
    control: arms.controlRequests,
    logWeight: logStartWeight(state.strata),
    steps: grid.steps,
    stepMax,
    oddsRatios,
    lanes,
    before: state.logMixture,
    after: new Float64Array(state.logMixture.length),
    terms: new Float64Array(Math.ceil(LOG_SPAN_MAX / stepMax) + 2),
    sums: new Float64Array(2 * lanes),
  }
}

/** The bets of one event in both directions, all steps. */
function advanceEvent(stratum: Stratum, event: number, candidateEvents: number, controlEvents: number): void {
  const { candidate, control } = stratum
  const events = candidateEvents + controlEvents
  const at = event * 2 * stratum.steps.length
  const low = supportLow(control, events)
  const width = supportHigh(candidate, events) - low
  if (events === 0 || events === candidate + control) advanceQuietly(stratum, at)
  else if (width * stratum.stepMax > LOG_SPAN_MAX) advanceTiltByTilt(stratum, at, candidateEvents, events)
  else advanceTogether(stratum, at, candidateEvents - low, fillTerms(stratum, low, width, events))
}

/** An event nobody or everybody showed says nothing: only the start weight is added. Equal capitals stay equal. */
function advanceQuietly(stratum: Stratum, at: number): void {
  const { before, after, logWeight } = stratum
  let known = Number.NaN
  let result = Number.NaN
  for (let i = at; i < at + 2 * stratum.steps.length; i++) {
    if (before[i] !== known) {
      known = before[i]!
      result = logAdd(known, logWeight)
    }
    after[i] = result
  }
}

/** terms[i] = P(low + i) / P(mode), by the ratio of neighbours; sums = Σ terms·ψ^i for every tilt. Returns Σ terms. */
function fillTerms(stratum: Stratum, low: number, width: number, events: number): number {
  const { candidate, control, terms, oddsRatios, sums, lanes } = stratum
  const gap = control - events
  const mode = tiltedMode(1, candidate, control, events)
  let term = (terms[mode - low] = 1)
  let total = 1
  for (let x = mode; x < low + width; x++) {
    term *= ((events - x) * (candidate - x)) / ((x + 1) * (gap + x + 1))
    terms[x + 1 - low] = term
    total += term
  }
  term = 1
  for (let x = mode; x > low; x--) {
    term *= (x * (gap + x)) / ((events - x + 1) * (candidate - x + 1))
    terms[x - 1 - low] = term
    total += term
  }
  // Tilted downwards, terms beyond the mode only shrink: what is negligible untilted is negligible.
  let last = width
  while (last > mode - low && terms[last]! < NEGLIGIBLE) last--
  for (let lane = 0; lane < lanes; lane += LANES) {
    evaluateLanes(terms, width, oddsRatios, sums, lane)
    evaluateLanes(terms, last, oddsRatios, sums, lanes + lane)
  }
  return total
}

/** Six polynomials with the same coefficients at once, by Horner's rule: six independent chains keep the processor busy. */
function evaluateLanes(terms: Float64Array, last: number, points: Float64Array, sums: Float64Array, at: number): void {
  const p0 = points[at]!
  const p1 = points[at + 1]!
  const p2 = points[at + 2]!
  const p3 = points[at + 3]!
  const p4 = points[at + 4]!
  const p5 = points[at + 5]!
  let s0 = 0
  let s1 = 0
  let s2 = 0
  let s3 = 0
  let s4 = 0
  let s5 = 0
  for (let i = last; i >= 0; i--) {
    const term = terms[i]!
    s0 = s0 * p0 + term
    s1 = s1 * p1 + term
    s2 = s2 * p2 + term
    s3 = s3 * p3 + term
    s4 = s4 * p4 + term
    s5 = s5 * p5 + term
  }
  sums[at] = s0
  sums[at + 1] = s1
  sums[at + 2] = s2
  sums[at + 3] = s3
  sums[at + 4] = s4
  sums[at + 5] = s5
}

/** M ← (M + w) · ψ^i · total / sums(ψ), with one exponential and one logarithm per tilt. */
function advanceTogether(stratum: Stratum, at: number, i: number, total: number): void {
  const { before, after, logWeight, sums, lanes, steps } = stratum
  const count = steps.length
  for (let j = 0; j < count; j++) {
    const shift = i * steps[j]!
    after[at + j] = advanced(before[at + j]!, logWeight, total / sums[j]!) + shift
    after[at + count + j] = advanced(before[at + count + j]!, logWeight, total / sums[lanes + j]!) - shift
  }
}

function advanced(logCapital: number, logWeight: number, factor: number): number {
  const apart = Math.abs(logCapital - logWeight)
  const larger = Math.max(logCapital, logWeight)
  return larger + Math.log(apart > 40 ? factor : (1 + Math.exp(-apart)) * factor)
}

/** A support too wide for one polynomial: each tilt is summed around its own largest term. */
function advanceTiltByTilt(stratum: Stratum, at: number, x: number, events: number): void {
  const { before, after, logWeight, steps, candidate, control } = stratum
  const count = steps.length
  for (let j = 0; j < count; j++) {
    const step = steps[j]!
    const more = x * step - hypergeometricLogNormaliser(step, candidate, control, events)
    const fewer = -x * step - hypergeometricLogNormaliser(-step, candidate, control, events)
    after[at + j] = logAdd(before[at + j]!, logWeight) + more
    after[at + count + j] = logAdd(before[at + count + j]!, logWeight) + fewer
  }
}

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
  empty: () => emptyDistribution(SAMPLE_BINS, SAMPLE_ORDERED, DEFAULT_GRID),
  observe: (state, arms) => observeDistribution(state, arms, DEFAULT_GRID),
  logEvidence: (state) => logEvidenceDistribution(state, DEFAULT_GRID),
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
