/**
 * Traffic at the level of counts: what both arms did in one slice, under a season, a ramp, bursts, and whatever a setting adds.
 *
 * The streams are used twice: the judge climbs a ladder on them (`rollout.ts`), and the peers look at the very same numbers
 * (`healthyPairs` in `settings.ts`). Everything an arm shows is drawn at a rate that depends on the moment, never on the arm,
 * unless the setting says that the arms differ.
 */
import type { Random } from '../../src/kit/random.ts'
import { binomial, sampler, volume } from './draws.ts'

/** What one arm did in one slice. */
export interface ArmSummary {
  requests: number
  errors: number
  /** Of these requests: labels that are due at the horizon, those that come, and decisions that they contradict. */
  matured: number
  known: number
  wrong: number
  /** Requests that did not fail, in logarithmic bins: bin b holds FIRST_MS·2^(b/PER_OCTAVE) up to the next edge. */
  readonly latency: Float64Array
  /** Scores of the requests that did not fail, in ten bins of equal width on [0, 1]. */
  readonly score: Float64Array
  /** One count for each bin of each feature (twenty bins each). */
  readonly features: readonly Float64Array[]
}

/** One slice of one source, both arms. */
export interface PanePair {
  readonly index: number
  readonly startMs: number
  /** The candidate's share that was commanded. */
  readonly share: number
  readonly candidate: ArmSummary
  readonly control: ArmSummary
}

export const FIRST_MS = 0.25
export const PER_OCTAVE = 4
export const LATENCY_BINS = 64
export const SCORE_BINS = 10
export const FEATURE_BINS = 20
export const BEGIN_MS = 1_700_000_000_000

/** Lower edge of a latency bin. */
export function latencyEdgeMs(bin: number): number {
  return bin === 0 ? 0 : FIRST_MS * 2 ** (bin / PER_OCTAVE)
}

export function emptyArm(features = 1): ArmSummary {
  return {
    requests: 0,
    errors: 0,
    matured: 0,
    known: 0,
    wrong: 0,
    latency: new Float64Array(LATENCY_BINS),
    score: new Float64Array(SCORE_BINS),
    features: Array.from({ length: features }, () => new Float64Array(FEATURE_BINS)),
  }
}

/** The state of the world in one second: it is the same for both arms. */
export interface Weather {
  readonly requestsPerSecond: number
  readonly errorRate: number
  readonly wrongRate: number
  /** Latencies are this many bins higher than usual (four bins double them). */
  readonly slowerBins: number
}

/** What an arm adds to the weather; all zero for an equal candidate. */
export interface Difference {
  readonly errorRate: number
  readonly wrongRate: number
  readonly slowerBins: number
  /** Scores lie this many bins higher. */
  readonly scoreBins: number
}

export const NO_DIFFERENCE: Difference = { errorRate: 0, wrongRate: 0, slowerBins: 0, scoreBins: 0 }

export interface Climate {
  readonly requestsPerSecond: number
  readonly errorRate: number
  readonly wrongRate: number
  /** Length of a day, and how far rates swing in it (0..1). */
  readonly seasonMs: number
  readonly swing: number
  /** Traffic grows from half to the whole in this time. */
  readonly rampMs: number
  /** Chance of a burst in a second, how long it lasts, what it does. */
  readonly burstChance: number
  readonly burstMs: readonly [least: number, most: number]
  readonly burstVolume: number
  readonly burstErrors: number
  readonly burstSlowerBins: number
}

export const CLIMATE: Climate = {
  requestsPerSecond: 40,
  errorRate: 0.02,
  wrongRate: 0.08,
  seasonMs: 20 * 60_000,
  swing: 0.5,
  rampMs: 10 * 60_000,
  burstChance: 1 / 240,
  burstMs: [5_000, 40_000],
  burstVolume: 2,
  burstErrors: 5,
  burstSlowerBins: 3,
}

/** The same moderate weather all day: for what is compared with a formula. */
export const CALM: Climate = { ...CLIMATE, swing: 0, rampMs: 0, burstChance: 0 }

/** The weather, second by second. The season starts anywhere. */
export function weatherOf(climate: Climate, random: Random): (atMs: number) => Weather {
  const phase = random() * 2 * Math.PI
  let burstUntilMs = -1
  return (atMs) => {
    if (atMs >= burstUntilMs && climate.burstChance > 0 && random() < climate.burstChance) {
      burstUntilMs = atMs + climate.burstMs[0] + random() * (climate.burstMs[1] - climate.burstMs[0])
    }
    const inBurst = atMs < burstUntilMs
    const season = Math.sin(phase + (2 * Math.PI * atMs) / climate.seasonMs)
    const ramp = climate.rampMs === 0 ? 1 : 0.5 + 0.5 * Math.min(1, atMs / climate.rampMs)
    return {
      requestsPerSecond: climate.requestsPerSecond * ramp * (1 + climate.swing * season) * (inBurst ? climate.burstVolume : 1),
      errorRate: Math.min(0.9, climate.errorRate * (1 - climate.swing * season) * (inBurst ? climate.burstErrors : 1)),
      wrongRate: Math.min(0.9, climate.wrongRate * (1 + 0.5 * climate.swing * season)),
      slowerBins: inBurst ? climate.burstSlowerBins : 0,
    }
  }
}

const bell = (bins: number, middle: number, width: number) =>
  Array.from({ length: bins }, (_, bin) => Math.exp(-(((bin + 0.5 - middle) / width) ** 2) / 2) + 1e-4)

/** Latencies around 30 ms with a long tail; scores with a hump at .3; a feature like a bell. */
const LATENCY_DRAW = sampler(bell(LATENCY_BINS, 28, 3).map((weight, bin) => weight + (bin >= 28 ? 0.02 * Math.exp(-(bin - 28) / 6) : 0)))
const SCORE_DRAW = sampler(bell(SCORE_BINS, 3, 2))
const FEATURE_DRAW = sampler(bell(FEATURE_BINS, 10, 3.5))

/** Which parts of a summary a policy reads: what nobody looks at is not drawn. */
export interface Drawn {
  readonly latency: boolean
  readonly score: boolean
  readonly features: number
  readonly labels: boolean
}

export const EVERYTHING: Drawn = { latency: true, score: true, features: 1, labels: true }

/** Adds the requests of one arm in one second. */
export function addTo(arm: ArmSummary, requests: number, weather: Weather, difference: Difference, drawn: Drawn, random: Random): void {
  const errors = binomial(random, requests, Math.min(1, weather.errorRate + difference.errorRate))
  arm.requests += requests
  arm.errors += errors
  if (drawn.labels) {
    arm.matured += requests
    arm.known += requests
    arm.wrong += binomial(random, requests, Math.min(1, Math.max(0, weather.wrongRate + difference.wrongRate)))
  }
  const answered = requests - errors
  if (drawn.latency) drawBins(arm.latency, LATENCY_DRAW, answered, weather.slowerBins + difference.slowerBins, random)
  if (drawn.score) drawBins(arm.score, SCORE_DRAW, answered, difference.scoreBins, random)
  for (let feature = 0; feature < drawn.features; feature += 1) drawBins(arm.features[feature]!, FEATURE_DRAW, requests, 0, random)
}

function drawBins(bins: Float64Array, draw: (random: Random) => number, rows: number, shift: number, random: Random): void {
  const last = bins.length - 1
  for (let row = 0; row < rows; row += 1) {
    const bin = draw(random) + shift
    bins[bin < 0 ? 0 : bin > last ? last : bin]! += 1
  }
}

/** Requests of one second, divided between the arms at random with this share. */
export function splitOf(random: Random, weather: Weather, seconds: number, share: number): { candidate: number; control: number } {
  const requests = volume(random, weather.requestsPerSecond * seconds)
  const candidate = binomial(random, requests, share)
  return { candidate, control: requests - candidate }
}
