/**
 * Distribution evidence: do the candidate's values of a feature (or its categories) come from another distribution than the control's?
 *
 * Idea. Every bin is an event, and so is "above the edge k" for ordered bins: one sharp bin shows itself in the first, a small shift
 * of everything in the second. Each gets two-arm evidence (two-arm.ts) in both directions without a margin, and the evidence is
 * their plain mean. Not the product: bins of one request exclude one another, and a product of their bets has a mean above one.
 *
 * Formula. Per event e, direction ± and step s, with x of K on the candidate: M ← (M + w_s) · e^{±s·x} / H(±s); evidence = mean of
 * Σ weight·M over events and directions. H of all numbers of events comes from one recurrence per tilt and split (math/hypergeometric.ts).
 * Guarantee. Means of e-processes are e-processes: P(evidence ever ≥ 1/α) ≤ α while no event's rate depends on the arm.
 * Cost. Tens of microseconds per stratum and feature with 26 bins; nothing per request. State: 2 × steps numbers per event.
 * Blind to: changes within a bin; changes that strike both arms.
 * Source. As two-arm.ts. Counter-example to multiplying: two requests, share ½, tilts (2, 0): true mean 1, product of bounds ¾.
 */
import type { Detector, Truth } from './detector.ts'
import { fastLogAdd } from './math/fast-log-add.ts'
import {
  hypergeometricLogNormaliser,
  type NormaliserTable,
  normaliserTable,
  TABLE_LOG_ODDS_MAX,
  tableLogNormaliser,
} from './math/hypergeometric.ts'
import { logMean, logWeightedSum } from './math/log-sum-exp.ts'
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

/** Of larger splits, each ln H is a sum of its own: a table would cost more than it saves. */
const TABLE_REQUESTS_MAX = 131_072
/** Of larger splits, rows of ln H are read off their tables again each time. */
const KNOWN_REQUESTS_MAX = 32_768

export function emptyDistribution(bins: number, orderedBins: number, grid: TwoArmGrid): DistributionState {
  return { strata: 0, logMixture: new Float64Array(2 * grid.steps.length * eventCount(bins, orderedBins)).fill(LOG_NOTHING) }
}

function eventCount(bins: number, orderedBins: number): number {
  return bins + Math.max(0, orderedBins - 1)
}

/**
 * Adds one stratum. One that lacks an arm says nothing and changes nothing. `temper` ≥ 1 divides every ln L: L^(1/temper) still has a
 * mean of at most 1 (Jensen); for requests that move together in units, with their design effect as temper, the level is calibrated
 * by simulation.
 */
export function observeDistribution(state: DistributionState, arms: DistributionArms, grid: TwoArmGrid, temper = 1): DistributionState {
  requireDistribution(state, arms, grid)
  requireTemper(temper)
  if (arms.candidateRequests === 0 || arms.controlRequests === 0) return state
  const normalisers = normalisersOf(arms.candidateRequests, arms.controlRequests, grid.steps)
  const logMixture = grown(state.logMixture, state.strata)
  const bins = arms.candidate.length
  for (let bin = 0; bin < bins; bin++) {
    addBets(logMixture, bin, arms.candidate[bin]!, arms.candidate[bin]! + arms.control[bin]!, normalisers, temper)
  }
  let candidateAbove = 0
  let controlAbove = 0
  for (let edge = arms.orderedBins - 2; edge >= 0; edge--) {
    candidateAbove += arms.candidate[edge + 1]!
    controlAbove += arms.control[edge + 1]!
    addBets(logMixture, bins + edge, candidateAbove, candidateAbove + controlAbove, normalisers, temper)
  }
  return { strata: state.strata + 1, logMixture }
}

/** Natural logarithm of the evidence: the mean over all events and both directions. */
export function logEvidenceDistribution(state: DistributionState, grid: TwoArmGrid): number {
  if (state.strata === 0) return 0
  if (grid.weights.every((weight) => weight === grid.weights[0])) return logMean(state.logMixture)
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
  return logWeightedSum(state.logMixture, grid.weights, row * steps)
}

// ── one stratum, every event ───────────────────────────────────────────────────────────────────────────────────────────────

/** ln(M + w) for every capital: what each has to bet with in this stratum. */
function grown(logMixture: Float64Array, stratum: number): Float64Array {
  const logWeight = logStartWeight(stratum)
  const result = new Float64Array(logMixture.length)
  for (let i = 0; i < result.length; i++) result[i] = fastLogAdd(logMixture[i]!, logWeight)
  return result
}

/** The bets of one event in both directions, all steps: (±step·x − ln H(±step)) over the temper. */
function addBets(logMixture: Float64Array, event: number, x: number, events: number, normalisers: Normalisers, temper: number): void {
  // What nobody or everybody showed says nothing.
  if (events === 0 || events === normalisers.candidate + normalisers.control) return
  const { tilts, logNormalisers } = normalisers
  const row = normaliserRow(normalisers, events)
  const from = event * tilts.length
  for (let j = 0; j < tilts.length; j++) {
    logMixture[from + j] = logMixture[from + j]! + (tilts[j]! * x - logNormalisers[row + j]!) / temper
  }
}

// ── ln H(±step) by number of events ────────────────────────────────────────────────────────────────────────────────────────

/**
 * The features of one scope share their requests, and small bins their numbers of events: each ln H is computed once for all of
 * them. A memory of the last split only, which no result depends on.
 */
interface Normalisers {
  readonly candidate: number
  readonly control: number
  readonly steps: readonly number[]
  /** The steps, then their negatives. */
  readonly tilts: Float64Array
  /** One per tilt; none for splits too large. */
  readonly tables: readonly NormaliserTable[]
  /** Which numbers of events have their row. */
  readonly isKnown: Uint8Array
  /** One row of all tilts for each number of events that may be known, or a single one. */
  readonly logNormalisers: Float64Array
}

let latest: Normalisers | null = null

function normalisersOf(candidate: number, control: number, steps: readonly number[]): Normalisers {
  if (latest !== null && latest.candidate === candidate && latest.control === control && latest.steps === steps) return latest
  const tilts = Float64Array.from([...steps, ...steps.map((step) => -step)])
  const requests = candidate + control
  const hasTables = requests <= TABLE_REQUESTS_MAX && steps.every((step) => step <= TABLE_LOG_ODDS_MAX)
  const tables = hasTables ? Array.from(tilts, (tilt) => normaliserTable(tilt, candidate, control)) : []
  const rows = requests <= KNOWN_REQUESTS_MAX ? requests : 0
  const logNormalisers = new Float64Array(tilts.length * Math.max(1, rows))
  latest = { candidate, control, steps, tilts, tables, isKnown: new Uint8Array(rows), logNormalisers }
  return latest
}

/** Where ln H(±step) of so many events stands. */
function normaliserRow(normalisers: Normalisers, events: number): number {
  const { isKnown, tilts } = normalisers
  const isRemembered = events < isKnown.length
  const at = isRemembered ? tilts.length * events : 0
  if (isRemembered && isKnown[events] === 1) return at
  for (let j = 0; j < tilts.length; j++) normalisers.logNormalisers[at + j] = logNormaliser(normalisers, j, events)
  if (isRemembered) isKnown[events] = 1
  return at
}

function logNormaliser({ candidate, control, steps, tilts, tables }: Normalisers, j: number, events: number): number {
  const table = tables[j]
  if (!table) return hypergeometricLogNormaliser(tilts[j]!, candidate, control, events)
  if (events <= table.reach) return tableLogNormaliser(table, events)
  const opposite = tables[j < steps.length ? j + steps.length : j - steps.length]!
  return candidate * tilts[j]! + tableLogNormaliser(opposite, candidate + control - events)
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
