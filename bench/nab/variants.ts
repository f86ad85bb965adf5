/**
 * What was tried to make the series detector better where it fails, kept as a program so that the figures can be had again.
 *
 * A variant turns the residuals of a series (what the seasons leave) into a score at each point, by other channels, memories or ways
 * to put them together. None has a setting of a series. Chosen is by cross-validation inside the tuning half: four folds of its files,
 * the threshold from the other three. The rule was fixed before: a variant comes into question when it is better by more than one
 * standard deviation of the difference (bootstrap over files), and better on the tuning half as a whole; the best of those is looked at on
 * the held-out half, once. Beside it stands what each finds of the blind spots, on series made for it.
 */
import { advanceSeries, emptySeries } from '../../detectors/series.ts'
import { seededRandom } from '../../src/kit/random.ts'
import { type BlindSpot, blindSpots } from './blind-spots.ts'
import type { NabData, NabFile } from './files.ts'
import { tuningHalf } from './protocol.ts'
import { type FileScore, type Profile, probationRows, scoreFile, type TotalScore, totalScore } from './score.ts'

/** What is left of a series, and its size so far, per point. */
export interface Residuals {
  readonly residual: Float64Array
  readonly magnitude: Float64Array
}

export interface Variant {
  readonly name: string
  /** Score per point. */
  readonly scores: (series: Residuals) => Float64Array
  readonly barPerAlarm?: number
  readonly fadingPoints?: number
}

export interface Tried {
  readonly name: string
  /** Cross-validated inside the tuning half. */
  readonly validated: number
  /** Its difference to the detector, and how much of that is chance. */
  readonly gain: number
  readonly deviation: number
  /** Best threshold on the tuning half, and the score there. */
  readonly threshold: number
  readonly tuning: number
  /** Series of each blind spot that had an alarm after the change, at that threshold. */
  readonly blindSpots: readonly number[]
}

const FOLDS = 4
const RESAMPLES = 1_000
const WARM_POINTS = 100
const THRESHOLDS: readonly number[] = Array.from({ length: 37 }, (_, index) => (60 + 5 * index) / 100)

export function residualsOf(file: NabFile): Residuals {
  const state = emptySeries()
  const residual = new Float64Array(file.points.length)
  const magnitude = new Float64Array(file.points.length)
  file.points.forEach((point, row) => {
    advanceSeries(state, point)
    residual[row] = state.residuals.at(-1)!
    magnitude[row] = state.magnitude
  })
  return { residual, magnitude }
}

// ── channels ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

function meanOfLast(values: Float64Array, length: number): Float64Array {
  const means = new Float64Array(values.length)
  let sum = 0
  for (let row = 0; row < values.length; row++) {
    sum += values[row]! - (row >= length ? values[row - length]! : 0)
    means[row] = sum / Math.min(row + 1, length)
  }
  return means
}

interface Spread {
  /** Points that mean and spread remember. */
  readonly memory: number
  /** A spread for each side of the mean. */
  readonly twoSided?: boolean
  /** A second spread that remembers so many points; the smaller of the two counts, but at least a third of the slow one. */
  readonly quietMemory?: number
}

/** |deviation| of each point from the mean before it, in the spread before it. */
function deviations(values: Float64Array, floor: Float64Array, spread: Spread): Float64Array {
  const zs = new Float64Array(values.length)
  let mean = 0
  let quiet = 0
  const variance = [0, 0]
  for (let row = 0; row < values.length; row++) {
    const g = Math.max(1 / (row + 1), 1 / spread.memory)
    const deviation = values[row]! - mean
    const side = spread.twoSided === true && deviation < 0 ? 1 : 0
    let sigma = Math.sqrt(variance[side]!)
    if (spread.quietMemory !== undefined) sigma = Math.max(sigma / 3, Math.min(sigma, Math.sqrt(quiet)))
    zs[row] = row < WARM_POINTS ? 0 : Math.abs(deviation) / (sigma + floor[row]!)
    mean += g * deviation
    const square = deviation * deviation
    if (spread.twoSided !== true || row < WARM_POINTS) variance[0] = variance[1] = (1 - g) * (variance[0]! + g * square)
    else variance[side] = (1 - 2 * g) * variance[side]! + 2 * g * square
    if (spread.quietMemory !== undefined) quiet += Math.max(1 / (row + 1), 1 / spread.quietMemory) * (square - quiet)
  }
  return zs
}

const floorOf = ({ magnitude }: Residuals): Float64Array => magnitude.map((size) => 1e-4 * size + 1e-12)
const noFloor = ({ magnitude }: Residuals): Float64Array => magnitude.map(() => 1e-3)

/** Means of the last so many residuals, each against its own past. */
function scaleChannels(series: Residuals, lengths: readonly number[], spread: Spread): Float64Array[] {
  const floor = floorOf(series)
  return lengths.map((length) => deviations(meanOfLast(series.residual, length), floor, spread))
}

/** Logarithm of the mean square of the last so many residuals: changes of variance without a change of the mean. */
function varianceChannel(series: Residuals, length: number): Float64Array {
  const squares = meanOfLast(
    series.residual.map((value) => value * value),
    length,
  )
  const logs = squares.map((square, row) => Math.log(Math.max(0, square) + (1e-4 * series.magnitude[row]!) ** 2 + 1e-24))
  return deviations(logs, noFloor(series), USUAL)
}

/** Steps from point to point: changes of shape. */
function stepChannel(series: Residuals): Float64Array {
  const steps = series.residual.map((value, row) => (row === 0 ? 0 : value - series.residual[row - 1]!))
  return deviations(steps, floorOf(series), USUAL)
}

/** Residuals on a scale that compresses bursts: asinh of them in units of their own mean size so far. */
function compressed(series: Residuals): Residuals {
  const residual = new Float64Array(series.residual.length)
  let size = 0
  series.residual.forEach((value, row) => {
    size += Math.max(1 / (row + 1), 1 / USUAL.memory) * (Math.abs(value) - size)
    residual[row] = Math.asinh(value / (size + 1e-4 * series.magnitude[row]! + 1e-12))
  })
  return { residual, magnitude: series.magnitude.map(() => 1) }
}

/** Σ weight · ln(1 + z) / Σ weight. */
function combined(channels: readonly Float64Array[], weights: readonly number[] = channels.map(() => 1)): Float64Array {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return channels[0]!.map((_, row) => channels.reduce((sum, zs, index) => sum + weights[index]! * Math.log1p(zs[row]!), 0) / total)
}

/** The strongest channel counts half, the mean of all the other half. */
function withStrongest(channels: readonly Float64Array[]): Float64Array {
  const mean = combined(channels)
  return mean.map((score, row) => (score + Math.max(...channels.map((zs) => Math.log1p(zs[row]!)))) / 2)
}

// ── the list ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

const USUAL: Spread = { memory: 6000 }
const TWO_SIDED: Spread = { memory: 6000, twoSided: true }
const LENGTHS: readonly number[] = [1, 10, 40]
const LONGER: readonly number[] = [1, 10, 40, 120]
const usual = (series: Residuals, spread: Spread = USUAL): Float64Array[] => scaleChannels(series, LENGTHS, spread)
const lengths = (...list: number[]): Variant => ({
  name: `scales ${list.join(', ')}`,
  scores: (series) => combined(scaleChannels(series, list, USUAL)),
})
const memory = (points: number): Variant => ({
  name: `mean and spread remember ${points} points`,
  scores: (series) => combined(usual(series, { memory: points })),
})
const habituation = (barPerAlarm: number, fadingPoints: number): Variant => ({
  name: `habituation ${barPerAlarm} fading over ${fadingPoints}`,
  scores: (series) => combined(usual(series)),
  barPerAlarm,
  fadingPoints,
})

export const VARIANTS: readonly Variant[] = [
  { name: 'the detector as it is', scores: (series) => combined(usual(series)) },
  ...[20, 40, 100].map((length) => ({
    name: `fourth channel: log variance of ${length}, weight 1`,
    scores: (series: Residuals) => combined([...usual(series), varianceChannel(series, length)]),
  })),
  ...[20, 40, 100].map((length) => ({
    name: `fourth channel: log variance of ${length}, weight ½`,
    scores: (series: Residuals) => combined([...usual(series), varianceChannel(series, length)], [1, 1, 1, 0.5]),
  })),
  { name: 'fourth channel: steps, weight ½', scores: (series) => combined([...usual(series), stepChannel(series)], [1, 1, 1, 0.5]) },
  { name: 'a spread for each side', scores: (series) => combined(usual(series, TWO_SIDED)) },
  ...[100, 300, 1000].map((quietMemory) => ({
    name: `the smaller of slow spread and spread of ${quietMemory} points`,
    scores: (series: Residuals) => combined(usual(series, { memory: 6000, quietMemory })),
  })),
  ...[500, 1000, 2000].map((fast) => ({
    name: `baselines of 6000 and ${fast} points mixed`,
    scores: (series: Residuals) => combined([...usual(series), ...usual(series, { memory: fast })]),
  })),
  ...[2000, 4000, 10_000, 20_000].map(memory),
  lengths(1, 10),
  lengths(1, 5, 20),
  lengths(1, 10, 60),
  lengths(1, 10, 100),
  lengths(1, 5, 20, 80),
  lengths(1, 10, 40, 120),
  lengths(1, 10, 40, 80),
  lengths(1, 10, 40, 160),
  lengths(1, 10, 40, 240),
  lengths(1, 10, 40, 120, 360),
  lengths(1, 10, 30, 100),
  lengths(1, 3, 10, 30, 100),
  lengths(3, 10, 40),
  ...[LONGER, [1, 10, 100], [1, 10, 60]].map((list) => ({
    name: `scales ${list.join(', ')} and a spread for each side`,
    scores: (series: Residuals) => combined(scaleChannels(series, list, TWO_SIDED)),
  })),
  {
    name: `scales ${LONGER.join(', ')} and steps, weight ½`,
    scores: (series) => combined([...scaleChannels(series, LONGER, USUAL), stepChannel(series)], [1, 1, 1, 1, 0.5]),
  },
  {
    name: `scales ${LONGER.join(', ')}, habituation 1`,
    scores: (series) => combined(scaleChannels(series, LONGER, USUAL)),
    barPerAlarm: 1,
  },
  { name: 'residuals compressed (asinh)', scores: (series) => combined(usual(compressed(series))) },
  { name: 'raw and compressed residuals mixed', scores: (series) => combined([...usual(series), ...usual(compressed(series))]) },
  { name: 'strongest channel counts half', scores: (series) => withStrongest(usual(series)) },
  ...[0.4, 0.6, 1, 1.2].map((bar) => habituation(bar, 250)),
  ...[125, 500, 1000].map((points) => habituation(0.8, points)),
]

// ── the choice ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

interface Prepared {
  readonly file: NabFile
  readonly residuals: Residuals
}

/** Score of every file at every threshold. */
type Grid = readonly (readonly FileScore[])[]

function gridOf(variant: Variant, prepared: readonly Prepared[], thresholds: readonly number[], profile: Profile): Grid {
  return prepared.map(({ file, residuals }) => {
    const scores = variant.scores(residuals)
    return thresholds.map((threshold) => scoreFile(scores.length, alarmsAbove(scores, threshold, variant), file.windows, profile))
  })
}

function alarmsAbove(scores: Float64Array, threshold: number, { barPerAlarm = 0.8, fadingPoints = 250 }: Variant): number[] {
  const fading = Math.exp(-1 / fadingPoints)
  const alarms: number[] = []
  let habit = 0
  for (let row = probationRows(scores.length); row < scores.length; row++) {
    habit *= fading
    if (scores[row]! < threshold + barPerAlarm * habit) continue
    habit += 1
    alarms.push(row)
  }
  return alarms
}

/** Index of the best threshold; the lower of two equal ones. */
function bestThreshold(grid: Grid, profile: Profile): number {
  const totals = THRESHOLDS.map(
    (_, at) =>
      totalScore(
        grid.map((file) => file[at]!),
        profile,
      ).score,
  )
  return totals.reduce((best, score, at) => (score > totals[best]! ? at : best), 0)
}

/** Each file scored with the threshold that the files of the other folds have chosen. */
function validatedFiles(grid: Grid, profile: Profile): FileScore[] {
  const foldThresholds = Array.from({ length: FOLDS }, (_, fold) =>
    bestThreshold(
      grid.filter((_, index) => index % FOLDS !== fold),
      profile,
    ),
  )
  return grid.map((file, index) => file[foldThresholds[index % FOLDS]!]!)
}

export interface Trial {
  readonly tried: readonly Tried[]
  readonly blindSpots: readonly BlindSpot[]
  /** Best by cross-validation; `passed`: by the rule above. */
  readonly best: Tried
  readonly passed: boolean
  /** The best and the detector as it is on the held-out half, each with its threshold of the tuning half. */
  readonly heldOut: { readonly best: number; readonly asItIs: number }
}

export function tryVariants(data: NabData, seed: number): Trial {
  const names = tuningHalf(data.files.map((file) => file.name))
  const tuning = prepare(data.files.filter((file) => names.has(file.name)))
  const heldOut = prepare(data.files.filter((file) => !names.has(file.name)))
  const spots = blindSpots(seed)
  const synthetic = spots.map((spot) => prepare(spot.files))
  const profile = data.standard
  const grids = VARIANTS.map((variant) => gridOf(variant, tuning, THRESHOLDS, profile))
  const reference = validatedFiles(grids[0]!, profile)
  const tried = VARIANTS.map((variant, index): Tried => {
    const result = { name: variant.name, ...tuningResult(grids[index]!, reference, profile, seed) }
    const found = synthetic.map((files) => totalAt(variant, files, result.threshold, profile).found)
    return { ...result, blindSpots: found }
  })
  const best = tried.slice(1).reduce((left, right) => (right.validated > left.validated ? right : left))
  const heldOutScore = ({ name, threshold }: Tried): number =>
    totalAt(VARIANTS.find((variant) => variant.name === name)!, heldOut, threshold, profile).score
  return {
    tried,
    blindSpots: spots,
    best,
    passed: best.gain > best.deviation && best.tuning > tried[0]!.tuning,
    heldOut: { best: heldOutScore(best), asItIs: heldOutScore(tried[0]!) },
  }
}

function prepare(files: readonly NabFile[]): Prepared[] {
  return files.map((file) => ({ file, residuals: residualsOf(file) }))
}

function tuningResult(grid: Grid, reference: readonly FileScore[], profile: Profile, seed: number): Omit<Tried, 'name' | 'blindSpots'> {
  const files = validatedFiles(grid, profile)
  const at = bestThreshold(grid, profile)
  const validated = totalScore(files, profile).score
  return {
    validated,
    gain: validated - totalScore(reference, profile).score,
    deviation: differenceDeviation(files, reference, profile, seed),
    threshold: THRESHOLDS[at]!,
    tuning: totalScore(
      grid.map((file) => file[at]!),
      profile,
    ).score,
  }
}

function totalAt(variant: Variant, prepared: readonly Prepared[], threshold: number, profile: Profile): TotalScore {
  return totalScore(gridOf(variant, prepared, [threshold], profile).flat(), profile)
}

function differenceDeviation(files: readonly FileScore[], reference: readonly FileScore[], profile: Profile, seed: number): number {
  const random = seededRandom(seed)
  const differences = Array.from({ length: RESAMPLES }, () => {
    const drawn = files.map(() => Math.floor(random() * files.length))
    const of = (list: readonly FileScore[]): number =>
      totalScore(
        drawn.map((index) => list[index]!),
        profile,
      ).score
    return of(files) - of(reference)
  })
  const mean = differences.reduce((sum, value) => sum + value, 0) / RESAMPLES
  return Math.sqrt(differences.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (RESAMPLES - 1))
}
