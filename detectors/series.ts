/**
 * Anomalies in a single metric series: volume, host load, a latency mean; no control arm, no labels, no setting for each series.
 *
 * Idea. Take away the habit of the day and of the week as far as they have forecast the series so far (series/season.ts). Look at what
 * is left on three scales: the last point, the mean of 10, the mean of 40. Each is held against its own slow mean and spread.
 * Formula. z_k = |y_k − μ_k| / (σ_k + 10⁻⁴·mean|x| + 10⁻¹²), μ and σ² exponential over about 6,000 points and from before this point;
 * score S = mean over k of ln(1 + z_k). Alarm when S ≥ 1.3 + 0.8·a, where a grows by one with each alarm and fades over 250 points:
 * one who has just called must have more to say to call again.
 * Guarantee. None: the threshold was set on labelled series (docs/statistics.md says what it costs). So it informs, and moves no traffic.
 * Cost. About a hundred operations a point, about 4 kB of state. Causal: a point is judged by what came before it.
 * Blind to: quiet stretches of a bursty series; small anomalies after a huge one; pure changes of variance or of shape.
 * In white noise a lone spike needs about 7 standard deviations, a shift that lasts 40 points about one.
 * Source. Scored as Lavin & Ahmad (2015) propose; slow mean and spread as in EWMA charts, Roberts (1959).
 */
import { requireFinite } from './math/refuse.ts'
import { emptySeason, gain, type SeasonShape, type SeasonState, seasonWeight, takeSeason } from './series/season.ts'

/** One value of a series. Points are equally far apart; where there is no data there is no point. */
export interface SeriesPoint {
  readonly timeSeconds: number
  readonly value: number
}

interface ScaleState {
  mean: number
  variance: number
}

/** Plain data: survives JSON. Owned by whoever calls; `advanceSeries` changes it in place. */
export interface SeriesState {
  points: number
  day: SeasonState
  week: SeasonState
  /** The last 40 residuals, oldest first. */
  residuals: number[]
  scales: ScaleState[]
  /** Mean of |x|. */
  magnitude: number
  /** What earlier alarms have left behind. */
  habituation: number
}

export interface SeriesReading {
  readonly score: number
  /** The score that would have been an alarm here. */
  readonly bar: number
  readonly alarm: boolean
  /** Deviation on each scale of SERIES_SCALES in its own standard deviations, with its sign. */
  readonly zs: readonly number[]
  /** How far the day and the week counted at this point, 0 to 1. */
  readonly seasonWeights: readonly [day: number, week: number]
}

export interface SeriesRule {
  /** The score of a first alarm. */
  readonly threshold: number
  /** No alarm for so many points: habits are being learnt. */
  readonly silentPoints: number
}

export const SERIES_SCALES: readonly number[] = [1, 10, 40]
/** A live series has no known end. */
export const SERIES_RULE: SeriesRule = { threshold: 1.3, silentPoints: 750 }

const DAY: SeasonShape = { periodSeconds: 86_400, slotSeconds: 1_800, memory: 0.2 }
const WEEK: SeasonShape = { periodSeconds: 604_800, slotSeconds: 3_600, memory: 0.3 }
const RESIDUALS_MAX = 40
const SCALES_AFTER = 100
const BAR_PER_ALARM = 0.8
const FADING = Math.exp(-1 / 250)
/** Squares of larger numbers would leave the range of doubles. */
const VALUE_MAX = 1e100

export function emptySeries(): SeriesState {
  return {
    points: 0,
    day: emptySeason(DAY),
    week: emptySeason(WEEK),
    residuals: [],
    scales: SERIES_SCALES.map(() => ({ mean: 0, variance: 0 })),
    magnitude: 0,
    habituation: 0,
  }
}

/** One point: the state after it, and what it says. What is given is not changed. */
export function observeSeriesPoint(
  state: SeriesState,
  point: SeriesPoint,
  rule: SeriesRule = SERIES_RULE,
): { readonly state: SeriesState } & SeriesReading {
  const next = copySeries(state)
  return { ...advanceSeries(next, point, rule), state: next }
}

/** The same in place, for whoever owns the state. */
export function advanceSeries(state: SeriesState, point: SeriesPoint, rule: SeriesRule = SERIES_RULE): SeriesReading {
  refuse(point)
  const n = (state.points += 1)
  const seasonWeights = [seasonWeight(state.day), seasonWeight(state.week)] as const
  state.magnitude += gain(n) * (Math.abs(point.value) - state.magnitude)
  const afterDay = takeSeason(state.day, DAY, n, point.timeSeconds, point.value)
  const residual = takeSeason(state.week, WEEK, n, point.timeSeconds, afterDay)
  if (state.residuals.length === RESIDUALS_MAX) state.residuals.shift()
  state.residuals.push(residual)
  const zs = takeScales(state)
  const score = zs.reduce((sum, z) => sum + Math.log1p(Math.abs(z)), 0) / zs.length
  return { score, zs, seasonWeights, ...takeBar(state, score, rule) }
}

function refuse({ timeSeconds, value }: SeriesPoint): void {
  requireFinite(timeSeconds, 'timeSeconds')
  requireFinite(value, 'value')
  if (Math.abs(value) > VALUE_MAX) throw new RangeError(`value must lie within ±${VALUE_MAX}, not ${value}`)
}

/** The three means of residuals against their own past, which then takes them in. */
function takeScales(state: SeriesState): number[] {
  const floor = 1e-4 * state.magnitude + 1e-12
  const g = gain(state.points)
  return SERIES_SCALES.map((length, index) => {
    const scale = state.scales[index]!
    const deviation = meanOfLast(state.residuals, length) - scale.mean
    const z = state.points <= SCALES_AFTER ? 0 : deviation / (Math.sqrt(scale.variance) + floor)
    scale.mean += g * deviation
    scale.variance = (1 - g) * (scale.variance + g * deviation * deviation)
    return z
  })
}

function meanOfLast(values: readonly number[], length: number): number {
  const from = Math.max(0, values.length - length)
  let sum = 0
  for (let index = from; index < values.length; index++) sum += values[index]!
  return sum / (values.length - from)
}

function takeBar(state: SeriesState, score: number, rule: SeriesRule): { readonly bar: number; readonly alarm: boolean } {
  state.habituation *= FADING
  const bar = rule.threshold + BAR_PER_ALARM * state.habituation
  const alarm = state.points > rule.silentPoints && score >= bar
  if (alarm) state.habituation += 1
  return { bar, alarm }
}

function copySeries(state: SeriesState): SeriesState {
  return {
    ...state,
    day: copySeason(state.day),
    week: copySeason(state.week),
    residuals: state.residuals.slice(),
    scales: state.scales.map((scale) => ({ ...scale })),
  }
}

function copySeason(season: SeasonState): SeasonState {
  return { ...season, counts: season.counts.slice(), means: season.means.slice() }
}
