/**
 * Whether something grows, told from what is alive at even intervals. What lives comes and goes in waves that outlast an interval, so
 * neighbours say much the same; a standard error that takes each for news is several times too small, and one clean day in four would
 * be called a leak. So: least squares for the slope; of the residuals, what recurs every hour is taken away; the rest follows its
 * predecessor (autoregression of order one, its bias at this length corrected), and what that leaves over enters by Newey and West.
 */

export interface Trend {
  readonly mean: number
  /** Per interval, as the standard errors. */
  readonly slope: number
  readonly standardError: number
  /** As if each value were news: for comparison. */
  readonly plainStandardError: number
  /** How much of its predecessor's distance from the line a value keeps. */
  readonly memory: number
}

export type Finding = 'flat' | 'grows' | 'too noisy to tell'

export const METHOD = 'least squares; standard error: Newey-West on AR(1)-prewhitened residuals without their hourly rhythm; limit 3'
/** A slope of more standard errors than this is growth: the test shows how seldom a flat series is called so. */
const LIMIT_STANDARD_ERRORS = 3
const MEMORY_MAX = 0.97
const LAGS = 4

/**
 * `period`: so many values make an hour. `known`: a part of the values that is measured by itself, in whatever unit; what goes up and down
 * with it is neither growth nor noise. When it rises steadily itself, the two cannot be told apart, and the standard error says so.
 */
export function trendOf(values: readonly number[], period: number, known: readonly number[] = []): Trend {
  const count = values.length
  const time = without(Array.from(values.keys()), known)
  const own = without(values, known)
  const spread = productSum(time, time)
  const slope = productSum(time, own) / spread
  const residuals = own.map((value, at) => value - slope * time[at]!)
  const rest = withoutRhythm(residuals, period)
  const memory = memoryOf(rest)
  const news = rest.slice(1).map((value, at) => value - memory * rest[at]!)
  const variance = Math.max(0, longRunVariance(news)) / Math.max(1, count - period - 3)
  return {
    mean: sumOf(values) / count,
    slope,
    standardError: Math.sqrt(variance / spread) / (1 - memory),
    plainStandardError: Math.sqrt(productSum(residuals, residuals) / (count - 2) / spread),
    memory,
  }
}

/** The least slope that is told from none. */
export function leastSeenOf({ standardError }: Trend): number {
  return LIMIT_STANDARD_ERRORS * standardError
}

/** Shares of the mean. */
export interface Limits {
  /** Growth in a day that is no fault. */
  readonly allowedPerDay: number
  /** Noise in which more than this could hide in a day proves nothing. */
  readonly hiddenPerDayMax: number
}

export function findingOf(trend: Trend, intervalsPerDay: number, { allowedPerDay, hiddenPerDayMax }: Limits): Finding {
  const hidden = leastSeenOf(trend)
  if (trend.slope > hidden + (allowedPerDay * trend.mean) / intervalsPerDay) return 'grows'
  return hidden * intervalsPerDay > hiddenPerDayMax * trend.mean ? 'too noisy to tell' : 'flat'
}

function withoutRhythm(residuals: readonly number[], period: number): number[] {
  const means = Array.from({ length: period }, (_, phase) => {
    const same = residuals.filter((_, at) => at % period === phase)
    return sumOf(same) / Math.max(1, same.length)
  })
  return residuals.map((value, at) => value - means[at % period]!)
}

/** Distance from the mean, and from what a second series explains. */
function without(values: readonly number[], known: readonly number[]): number[] {
  const centred = fromMean(values)
  const explaining = fromMean(known)
  const weight = productSum(centred, explaining) / Math.max(productSum(explaining, explaining), Number.MIN_VALUE)
  return centred.map((value, at) => value - weight * (explaining[at] ?? 0))
}

/** After a line is taken away, a series looks less like its past than it is: about (2 + 4 r) / n less. */
function memoryOf(rest: readonly number[]): number {
  const raw = productSum(rest, rest.slice(1)) / Math.max(productSum(rest, rest), Number.MIN_VALUE)
  return Math.min(MEMORY_MAX, Math.max(0, raw + (2 + 4 * raw) / rest.length))
}

function longRunVariance(news: readonly number[]): number {
  let sum = productSum(news, news)
  for (let lag = 1; lag <= LAGS; lag++) sum += 2 * (1 - lag / (LAGS + 1)) * productSum(news, news.slice(lag))
  return sum
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0)

function fromMean(values: readonly number[]): number[] {
  const mean = sumOf(values) / values.length
  return values.map((value) => value - mean)
}

/** As far as both go. */
const productSum = (one: readonly number[], other: readonly number[]): number =>
  sumOf(one.slice(0, other.length).map((value, at) => value * other[at]!))
