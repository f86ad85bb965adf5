/**
 * The settings under which nothing may happen to a healthy candidate (STATISTICS §11.1, §11.4): a policy, a stream, and how long it is
 * watched. Guardrails have no margin wherever that is possible: an equal candidate then stands on the very edge of what counts as harm,
 * and every looseness would show. The proofs of promotion have margins, so that the ladder is climbed.
 */
import type { Random } from '../../src/kit/random.ts'
import type { Layout } from '../../src/policy/layout.ts'
import { type CountsSetting, countsFeed } from './counts-feed.ts'
import { chanceOf } from './draws.ts'
import type { Feed } from './feed.ts'
import { layoutFor } from './policies.ts'
import { requestsFeed } from './requests-feed.ts'
import { Rollout, type RolloutOptions, type RolloutResult } from './rollout.ts'
import { SEGMENT_FEATURES, SEGMENTS, segmentsFeed } from './segments-feed.ts'
import { CLIMATE, type Climate, NO_DIFFERENCE, type PanePair, weatherOf } from './traffic.ts'
import { betterModel, stickyUsers } from './who-asks.ts'

export interface Setting {
  readonly name: string
  /** One line for the table. */
  readonly what: string
  /** Rollouts of the whole run, and of the small one. */
  readonly rollouts: number
  readonly rolloutsSmall: number
  readonly slicesMax: number
  /** The same in the small run, where it is shorter. */
  readonly slicesSmall?: number
  /** What is known not to be kept, and why: shown, and not counted as broken. */
  readonly knownWeakness?: string
  /** The stream of one rollout. */
  readonly feed: (random: Random) => Feed
  /** How this rollout is driven; asked once a rollout, after the feed. */
  readonly options?: (random: Random) => Partial<RolloutOptions>
}

const MINUTE = 60_000

/** Each harm twice: once with the budget of rollbacks, once with that of throttles. */
const ERRORS_TWICE = [
  'kind: error-rate, marginPoints: 0, promote: { marginPoints: 1 }',
  'name: errors-throttle, kind: error-rate, marginPoints: 0, action: throttle, promote: false',
]
const WRONG_TWICE = [
  'kind: wrong-outcome, marginPoints: 0, promote: { marginPoints: 2 }',
  'name: wrong-throttle, kind: wrong-outcome, marginPoints: 0, action: throttle, promote: false',
]
const LATENCY_TWICE = [
  'kind: latency, marginPoints: 0, promote: { marginPoints: 2 }',
  'name: latency-throttle, kind: latency, marginPoints: 0, action: throttle, promote: false',
]
const LADDER = 'steps: [1, 5, 25, 50, 100], minimumRows: 200'
const WITH_LATENCY = 'score: null, decision: decision'

/** Compiled once a process. */
function once(make: () => Layout): () => Layout {
  let layout: Layout | null = null
  return () => (layout ??= make())
}

const plain = once(() =>
  layoutFor('plain', {
    outcomes: 'label: { horizon: 60s }',
    ladder: `${LADDER}, dwell: 10m`,
    guardrails: [...ERRORS_TWICE, ...WRONG_TWICE],
  }),
)
const exposures = once(() =>
  layoutFor('exposures', { fields: WITH_LATENCY, ladder: `${LADDER}, dwell: 10m`, guardrails: [...ERRORS_TWICE, ...LATENCY_TWICE] }),
)
/** As somebody would write it: the default margins. */
const defaults = once(() =>
  layoutFor('defaults', {
    fields: WITH_LATENCY,
    ladder: `${LADDER}, dwell: 10m`,
    guardrails: ['kind: error-rate', 'kind: latency', 'name: errors-throttle, kind: error-rate, action: throttle, promote: false'],
  }),
)
const hourly = once(() =>
  layoutFor('hourly', {
    outcomes: 'label: { horizon: 2h }',
    ladder: `${LADDER}, dwell: 1h`,
    guardrails: [...ERRORS_TWICE, ...WRONG_TWICE],
    slice: '60s',
  }),
)
const covered = once(() =>
  layoutFor('covered', {
    outcomes: 'label: { horizon: 60s, coverageMin: 0.5 }',
    ladder: `${LADDER}, dwell: 10m`,
    guardrails: [...ERRORS_TWICE, ...WRONG_TWICE],
  }),
)
const sticky = once(() =>
  layoutFor('sticky', {
    fields: 'score: null, latency: null, decision: decision, unit: user',
    outcomes: 'label: { horizon: 60s }',
    ladder: `${LADDER}, dwell: 2500s`,
    guardrails: [...ERRORS_TWICE, ...WRONG_TWICE].map((line) => line.replace('marginPoints: 1 }', 'marginPoints: 5 }')),
  }),
)
const retrain = once(() =>
  layoutFor('retrain', {
    fields: 'latency: null',
    outcomes: 'label: { horizon: 60s }',
    ladder: `${LADDER}, dwell: 10m`,
    guardrails: [
      ...ERRORS_TWICE,
      ...WRONG_TWICE,
      'kind: log-score, margin: 0.005, promote: false',
      'kind: feature-drift',
      'kind: score-drift',
    ],
    slice: '10s',
    model: ['features: { x: { low: -4, high: 4, bins: 20 } }'],
  }),
)
const scopes = once(() =>
  layoutFor('scopes', {
    fields: WITH_LATENCY,
    // As many strata as the setting asks for: 300 slices of one stratum each.
    ladder: `${LADDER}, dwell: 370s`,
    guardrails: [...ERRORS_TWICE, ...LATENCY_TWICE, 'kind: feature-drift, segments: [segment]'],
    model: [
      `segments: { segment: [${Array.from({ length: SEGMENTS - 1 }, (_, index) => `s${index}`).join(', ')}] }`,
      `features: { ${Array.from({ length: SEGMENT_FEATURES }, (_, index) => `f${index}: { low: 0, high: 20, bins: 20 }`).join(', ')} }`,
    ],
  }),
)

function counts(layout: () => Layout, more: (random: Random) => Partial<CountsSetting> = () => ({}), climate: Climate = CLIMATE) {
  return (random: Random) => countsFeed({ layout: layout(), sources: 1, weather: weatherOf(climate, random), ...more(random) }, random)
}

const users = (count: number) => (random: Random) =>
  requestsFeed(
    { layout: sticky(), weather: weatherOf({ ...CLIMATE, requestsPerSecond: 16 }, random), draw: stickyUsers(count, random) },
    random,
  )

/** Errors everywhere, again and again, for half a minute to some minutes: both arms alike. */
const STORM: Climate = { ...CLIMATE, burstChance: 1 / 240, burstMs: [30_000, 3 * MINUTE], burstErrors: 15, burstVolume: 1.5 }

/** A window of stream time somewhere in the first 30 minutes, anew every so often. */
function windows(random: Random, lengthMs: readonly [number, number], everyMs: number): (atMs: number) => boolean {
  const starts = Array.from({ length: 12 }, (_, index) => index * everyMs + random() * everyMs)
  const ends = starts.map((start) => start + lengthMs[0] + random() * (lengthMs[1] - lengthMs[0]))
  return (atMs) => starts.some((start, index) => atMs >= start && atMs < ends[index]!)
}

const pick = <Value>(random: Random, values: readonly Value[]): Value => values[Math.floor(random() * values.length)]!

export const HEALTHY: readonly Setting[] = [
  {
    name: 'plain',
    what: 'errors and wrong outcomes, one scope',
    rollouts: 2_000,
    rolloutsSmall: 24,
    slicesMax: 720,
    feed: counts(plain),
  },
  {
    name: 'scopes',
    what: '20 features × 20 segments, errors, latency: 420 scopes',
    rollouts: 100,
    rolloutsSmall: 1,
    slicesMax: 300,
    slicesSmall: 100,
    feed: (random) => segmentsFeed(scopes(), weatherOf({ ...CLIMATE, requestsPerSecond: 100 }, random), random),
  },
  ...[2_000, 5_000, 50_000].map(
    (count): Setting => ({
      name: `sticky-${count}`,
      what: `${count.toLocaleString('en')} users who stay on their arm, Beta rates, heavy-tailed activity`,
      rollouts: 400,
      rolloutsSmall: 2,
      slicesMax: 2_000,
      slicesSmall: 600,
      feed: users(count),
    }),
  ),
  {
    name: 'storm',
    what: 'errors storm on both arms while the clock of one producer of one partition is wrong',
    rollouts: 400,
    rolloutsSmall: 3,
    slicesMax: 720,
    feed: counts(
      exposures,
      (random) => {
        const skewMs = pick(random, [25_000, 12_000, 90_000, -60_000])
        const wrong = windows(random, [MINUTE, 10 * MINUTE], 12 * MINUTE)
        return { sources: 2, skewMs: (atMs, source) => (source === 1 && wrong(atMs) ? skewMs : 0) }
      },
      STORM,
    ),
  },
  {
    name: 'cold-cache',
    what: 'the candidate is slow for two minutes after each change of the split',
    rollouts: 400,
    rolloutsSmall: 3,
    slicesMax: 720,
    feed: counts(exposures, () => ({ difference: (_, sinceMs) => ({ ...NO_DIFFERENCE, slowerBins: sinceMs < 2 * MINUTE ? 5 : 0 }) })),
  },
  {
    name: 'label-batch',
    what: 'labels come once an hour, all at once',
    rollouts: 400,
    rolloutsSmall: 3,
    slicesMax: 1_200,
    feed: counts(hourly, () => ({ outcomeClock: (atMs) => Math.floor(atMs / (60 * MINUTE)) * 60 * MINUTE }), {
      ...CLIMATE,
      requestsPerSecond: 5,
      seasonMs: 6 * 60 * MINUTE,
      rampMs: 2 * 60 * MINUTE,
      burstChance: 1 / 3_600,
    }),
  },
  {
    name: 'label-outage',
    what: 'the labels of one arm stop coming for some minutes, again and again',
    rollouts: 400,
    rolloutsSmall: 3,
    slicesMax: 720,
    feed: counts(covered, (random) => {
      const out = windows(random, [2 * MINUTE, 8 * MINUTE], 15 * MINUTE)
      const arm = pick(random, ['candidate', 'control'] as const)
      const left = pick(random, [0, 0.2, 0.6])
      return { labels: (atMs, each) => (each === arm && out(atMs) ? left : 0.97) }
    }),
  },
  {
    name: 'healthy-retrain',
    what: 'a better candidate: scores and decisions move, mistakes become fewer',
    rollouts: 400,
    rolloutsSmall: 2,
    slicesMax: 360,
    feed: (random) =>
      requestsFeed(
        { layout: retrain(), weather: weatherOf({ ...CLIMATE, requestsPerSecond: 24 }, random), draw: betterModel(random) },
        random,
      ),
  },
]

/** One of two partitions is not read for half a minute to six minutes, about every ten minutes. */
function lateReading(random: Random): (atMs: number, source: number) => boolean {
  const late = windows(random, [30_000, 6 * MINUTE], 10 * MINUTE)
  const which = pick(random, [0, 1])
  return (atMs, source) => source !== which || !late(atMs)
}

/** What gateways might do wrong with the share they are given. */
function brokenSplitter(random: Random): Partial<RolloutOptions> {
  const fromMs = random() * 20 * MINUTE
  const kind = pick(random, ['half', 'double', 'stuck', 'drift'] as const)
  let before = 0
  const splitter = (commanded: number, afterMs: number): number => {
    if (afterMs < fromMs) {
      before = Math.max(before, commanded)
      return commanded
    }
    if (kind === 'half') return commanded / 2
    if (kind === 'double') return Math.min(1, commanded * 2)
    // One that gives nothing at all is not told from a candidate that answers nothing, so it sticks at a share.
    if (kind === 'stuck') return before > 0 ? before : commanded
    return commanded * (1 - 0.4 * Math.min(1, (afterMs - fromMs) / (10 * MINUTE)))
  }
  return { splitter, routedCounts: random() < 0.5 }
}

export const OUTAGES: readonly Setting[] = [
  {
    name: 'input-outage',
    what: 'predictions are lost or not read for minutes, of all partitions or one',
    rollouts: 200,
    rolloutsSmall: 3,
    slicesMax: 720,
    feed: counts(defaults, (random) => {
      const out = windows(random, [MINUTE, 8 * MINUTE], 15 * MINUTE)
      const isHit = pick(random, [() => true, (source: number) => source === 1])
      const works = (atMs: number, source: number) => !(out(atMs) && isHit(source))
      return { sources: 2, ...(random() < 0.5 ? { produced: works } : { read: works }) }
    }),
    options: (random) => ({ routedCounts: random() < 0.5 }),
  },
  {
    name: 'lagging-partition',
    what: 'one partition is read minutes late, again and again',
    rollouts: 200,
    rolloutsSmall: 3,
    slicesMax: 720,
    feed: counts(defaults, (random) => ({ sources: 2, read: lateReading(random) })),
    options: (random) => ({ routedCounts: random() < 0.5 }),
  },
  {
    name: 'lagging-arm',
    what: 'the same, where each arm writes to a partition of its own',
    knownWeakness:
      'the clock of a partition with few records runs behind (it waits for records that agree), so strata may still pair different moments',
    rollouts: 200,
    rolloutsSmall: 3,
    slicesMax: 720,
    feed: counts(defaults, (random) => ({ sources: 2, armPerSource: true, read: lateReading(random) })),
    options: (random) => ({ routedCounts: random() < 0.5 }),
  },
  {
    name: 'skewed-producer',
    what: 'one producer of one partition stamps its records seconds to hours wrong',
    rollouts: 200,
    rolloutsSmall: 3,
    slicesMax: 720,
    feed: counts(defaults, (random) => {
      const skewMs = pick(random, [5_000, 28_000, 45_000, 10 * MINUTE, 120 * MINUTE, -10 * MINUTE])
      const wrong = windows(random, [MINUTE, 15 * MINUTE], 15 * MINUTE)
      return { sources: 2, skewMs: (atMs, source) => (source === 1 && wrong(atMs) ? skewMs : 0) }
    }),
    options: (random) => ({ routedCounts: random() < 0.5 }),
  },
  {
    name: 'broken-splitter',
    what: 'gateways give half, double, the last or a drifting share instead of the one commanded',
    rollouts: 200,
    rolloutsSmall: 3,
    slicesMax: 720,
    feed: counts(defaults),
    options: brokenSplitter,
  },
]

export function settingNamed(name: string): Setting {
  const found = [...HEALTHY, ...OUTAGES].find((setting) => setting.name === name)
  if (found === undefined) throw new Error(`no setting is called ${name}`)
  return found
}

export interface RolloutTask {
  readonly seed: number
  readonly small?: boolean
  readonly setting: string
}

/** One rollout of a setting: the pool's task. */
export function rolloutOf({ seed, small, setting: name }: RolloutTask, index: number): RolloutResult {
  const setting = settingNamed(name)
  const random = chanceOf(seed, name, index)
  const feed = setting.feed(random)
  const horizonMs = Math.max(0, ...feed.model.horizons.map((horizon) => horizon.horizonMs))
  const slicesMax = (small ? setting.slicesSmall : undefined) ?? setting.slicesMax
  const slicesAfter = Math.ceil(horizonMs / feed.layout.sliceMs) + 12
  return new Rollout(feed, random, { slicesMax, slicesAfter, ...setting.options?.(random) }).run()
}

/** Share of slices at which each rung of a fixed ladder ends: what the peers are shown, since they command nothing themselves. */
const PEER_LADDER: readonly (readonly [until: number, share: number])[] = [
  [0.25, 0.01],
  [0.5, 0.05],
  [0.75, 0.25],
  [1, 0.5],
]

/**
 * The stream of one healthy rollout as summaries, under a ladder climbed on the clock: 1, 5, 25 and 50 % for a quarter of the slices
 * each. The weather, the users and what goes wrong are those of the rollout with the same seed and index.
 */
export function* healthyPairs(seed: number, name: string, index: number, slices: number): Generator<PanePair> {
  const setting = settingNamed(name)
  const feed = setting.feed(chanceOf(seed, name, index))
  const seconds = Math.round(feed.layout.sliceMs / 1_000)
  for (let slice = 0; slice < slices; slice += 1) {
    const share = PEER_LADDER.find(([until]) => slice < until * slices)?.[1] ?? 0.5
    yield feed.slice(slice, new Array<number>(seconds).fill(share)).pair
  }
}
