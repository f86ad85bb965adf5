/**
 * A season of one series: what is left of a value when the habit of its hour is taken away, as far as that habit has helped so far.
 *
 * Idea. Cut the period into slots and remember an exponential mean of each. The mean of the slot is a forecast; whether it forecasts
 * at all is measured on the series itself, causally: w is the regression of the deviation on the forecast, times its R².
 * A series without this season has w ≈ 0 and passes unchanged.
 * Formula. d = v − m; q = P_slot − m; r = d − w q; w = clip(C/Q, 0, 1) · min(1, C²/(Q D)), with D, C, Q exponential means of d², dq, q²,
 * all from before this point; 0 until half the slots' number of points has been forecast.
 * Cost. A dozen operations a point; two numbers a slot. Blind to: a season that moves (summer time, feast days).
 * Source. Exponential smoothing of a periodic profile, Holt (1957), Winters (1960); the weight is ours.
 */

export interface SeasonShape {
  readonly periodSeconds: number
  readonly slotSeconds: number
  /** Least weight of a finished slot in its mean. */
  readonly memory: number
}

/** Plain data. `counts` and `means` have one entry a slot. */
export interface SeasonState {
  counts: number[]
  means: number[]
  /** The slot being filled; -1 before the first point. */
  slot: number
  slotSum: number
  slotPoints: number
  /** Running mean of the values. */
  level: number
  /** Points that had a forecast. */
  forecasts: number
  deviationSquare: number
  product: number
  forecastSquare: number
}

/** The weight of point number n in an exponential mean of about 6,000 points. */
export function gain(n: number): number {
  return Math.max(1 / n, 1 / 6000)
}

export function emptySeason(shape: SeasonShape): SeasonState {
  const slots = shape.periodSeconds / shape.slotSeconds
  return {
    counts: new Array<number>(slots).fill(0),
    means: new Array<number>(slots).fill(0),
    slot: -1,
    slotSum: 0,
    slotPoints: 0,
    level: 0,
    forecasts: 0,
    deviationSquare: 0,
    product: 0,
    forecastSquare: 0,
  }
}

/** How far the season counts at the next point, 0 to 1. */
export function seasonWeight(season: SeasonState): number {
  const { deviationSquare, product, forecastSquare } = season
  if (season.forecasts < season.counts.length / 2 || !(forecastSquare > 0 && deviationSquare > 0)) return 0
  const slope = Math.min(1, Math.max(0, product / forecastSquare))
  // C²/(Q D) as a product of quotients: squares of squares of large values would overflow.
  return slope * Math.min(1, (product / forecastSquare) * (product / deviationSquare))
}

/** Takes point number n into the season, in place, and returns what the season leaves of it. */
export function takeSeason(season: SeasonState, shape: SeasonShape, n: number, timeSeconds: number, value: number): number {
  enterSlot(season, shape, timeSeconds)
  if (n === 1) season.level = value
  const deviation = value - season.level
  const residual = season.counts[season.slot]! === 0 ? deviation : deviation - takeForecast(season, deviation)
  season.level += gain(n) * deviation
  season.slotSum += value
  season.slotPoints += 1
  return residual
}

/** A slot that has ended gives its mean to the profile. */
function enterSlot(season: SeasonState, shape: SeasonShape, timeSeconds: number): void {
  const inPeriod = timeSeconds - Math.floor(timeSeconds / shape.periodSeconds) * shape.periodSeconds
  const slot = Math.min(season.counts.length - 1, Math.floor(inPeriod / shape.slotSeconds))
  if (slot === season.slot) return
  if (season.slotPoints > 0) {
    const count = (season.counts[season.slot]! += 1)
    const mean = season.means[season.slot]!
    season.means[season.slot] = mean + Math.max(1 / count, shape.memory) * (season.slotSum / season.slotPoints - mean)
  }
  season.slot = slot
  season.slotSum = 0
  season.slotPoints = 0
}

/** The part of the deviation that the season explains; what it was worth is learnt afterwards. */
function takeForecast(season: SeasonState, deviation: number): number {
  const forecast = season.means[season.slot]! - season.level
  const explained = seasonWeight(season) * forecast
  season.forecasts += 1
  const g = gain(season.forecasts)
  season.deviationSquare += g * (deviation * deviation - season.deviationSquare)
  season.product += g * (deviation * forecast - season.product)
  season.forecastSquare += g * (forecast * forecast - season.forecastSquare)
  return explained
}
