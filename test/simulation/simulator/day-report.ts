/**
 * What a simulated day says of the daemon's memory: a line an hour, and a verdict on each part of it.
 *
 * Of sixteen parts of all buffers fifteen are the simulated broker's. They grow and shrink with its records, and with how densely these lie
 * in the stretches that all small buffers of the process share: every number that gets a digit more in the course of a day shows. So they
 * are counted by themselves and taken away; a leak of the daemon's is looked for in what is left. In the heap a buffer costs the same
 * however long it is, and a dead letter with its headers five times as much as a prediction: there it is the number of the broker's objects
 * that goes up and down with what lives.
 */
import { SAMPLES_PER_HOUR, type Sample } from './day.ts'
import { type Finding, findingOf, type Limits, leastSeenOf, trendOf } from './trend.ts'

/** Tables reach their size, rollouts have gone through all their states. */
const WARM_UP_HOURS = 3
const DAY_HOURS = 24

interface Part {
  readonly name: string
  readonly unit: string
  /** In that unit. */
  readonly of: (sample: Sample) => number
  /** What of it is measured by itself and no part of the daemon. */
  readonly known: (sample: Sample) => number
  readonly limits: Limits
}

const NOTHING: Limits = { allowedPerDay: 0, hiddenPerDayMax: 0.05 }
const PARTS: readonly Part[] = [
  {
    name: 'program',
    unit: 'KiB',
    of: ({ programBytes }) => programBytes / 1024,
    known: ({ brokerObjects }) => brokerObjects,
    limits: NOTHING,
  },
  { name: 'buffers', unit: 'KiB', of: (sample) => ownBufferBytes(sample) / 1024, known: () => 0, limits: NOTHING },
  // A few dozen, of which a few are under way at any moment.
  { name: 'handles', unit: 'handles', of: ({ handles }) => handles, known: () => 0, limits: { ...NOTHING, hiddenPerDayMax: 0.2 } },
  // Functions that run seldom are still being optimised after a day: slower and slower, and there are so many functions and no more.
  { name: 'engine', unit: 'KiB', of: ({ engineBytes }) => engineBytes / 1024, known: () => 0, limits: { ...NOTHING, allowedPerDay: 0.05 } },
]

export interface PartReport {
  readonly name: string
  readonly unit: string
  readonly finding: Finding
  readonly perHour: number
  readonly standardError: number
  readonly plainStandardError: number
  readonly mean: number
  /** Growth in a day as a share of the mean, and the least that would have been called growth. */
  readonly shareOfMeanPerDay: number
  readonly leastSeenPerDay: number
}

export interface DayReport {
  readonly warmUpHours: number
  readonly parts: readonly PartReport[]
  readonly verdict: Finding
}

const ownBufferBytes = ({ bufferBytes, brokerBufferBytes }: Sample): number => bufferBytes - brokerBufferBytes

export function hourLine(sample: Sample): string {
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(2)} MiB`
  const { programBytes, engineBytes, handles, brokerObjects, brokerBufferBytes } = sample
  const alive = `program ${mib(programBytes)}, engine ${mib(engineBytes)}, buffers ${mib(ownBufferBytes(sample))}, ${handles} handles`
  const broker = `simulated broker ${brokerObjects} objects in buffers of ${mib(brokerBufferBytes)}`
  return `hour ${sample.minute / 60}: ${alive}; ${broker}; ${sample.decisions} decisions`
}

/** From the end of the warm-up on. */
export function judgeDay(samples: readonly Sample[]): DayReport {
  const hours = samples.length / SAMPLES_PER_HOUR
  const warmUpHours = Math.min(WARM_UP_HOURS, Math.floor(hours / 4))
  const settled = samples.slice(warmUpHours * SAMPLES_PER_HOUR)
  const parts = PARTS.map((part) => reportOf(part, settled))
  const findings = parts.map(({ finding }) => finding)
  const verdict = findings.includes('grows') ? 'grows' : (findings.find((finding) => finding !== 'flat') ?? 'flat')
  return { warmUpHours, parts, verdict }
}

function reportOf({ name, unit, of, known, limits }: Part, settled: readonly Sample[]): PartReport {
  const trend = trendOf(settled.map(of), SAMPLES_PER_HOUR, settled.map(known))
  const perDay = DAY_HOURS * SAMPLES_PER_HOUR
  const shareOfMeanPerDay = (trend.slope * perDay) / trend.mean
  const leastSeenPerDay = limits.allowedPerDay + (leastSeenOf(trend) * perDay) / trend.mean
  return {
    name,
    unit,
    finding: findingOf(trend, perDay, limits),
    perHour: trend.slope * SAMPLES_PER_HOUR,
    standardError: trend.standardError * SAMPLES_PER_HOUR,
    plainStandardError: trend.plainStandardError * SAMPLES_PER_HOUR,
    mean: trend.mean,
    shareOfMeanPerDay,
    leastSeenPerDay,
  }
}

export function partLine({ name, unit, finding, mean, ...of }: PartReport): string {
  const percent = (share: number): string => `${(100 * share).toFixed(2)} %`
  const slope = `${of.perHour.toFixed(2)} ${unit} an hour, standard error ${of.standardError.toFixed(2)} (plain ${of.plainStandardError.toFixed(2)})`
  const shares = `${percent(of.shareOfMeanPerDay)} of ${mean.toFixed(0)} ${unit} in a day; from ${percent(of.leastSeenPerDay)} on it would be growth`
  return `${name}: ${finding}: ${slope}; ${shares}`
}
