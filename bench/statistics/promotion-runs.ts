/** Rollouts of `promotion.ts`: equal candidates under several designs, harmful ones under every profile. */
import { effectInterval, rareEventInterval } from '../../detectors/confidence-sequence.ts'
import { emptyRiskDifference, observeRiskDifference, riskDifference } from '../../detectors/effects.ts'
import { deviationOfRate, rowsNeeded } from '../../detectors/risk-budget.ts'
import type { Arms } from '../../detectors/two-arm.ts'
import type { Random } from '../../src/kit/random.ts'
import type { Layout } from '../../src/policy/layout.ts'
import { PROFILES, type ProfileName } from '../../src/policy/profiles.ts'
import { countsFeed } from './counts-feed.ts'
import { chanceOf } from './draws.ts'
import type { Feed } from './feed.ts'
import { layoutFor } from './policies.ts'
import { requestsFeed } from './requests-feed.ts'
import { Rollout, type RolloutResult } from './rollout.ts'
import { CALM, type Difference, NO_DIFFERENCE, weatherOf } from './traffic.ts'
import { stickyUsers } from './who-asks.ts'

export const PROFILES_TRIED = Object.keys(PROFILES) as readonly ProfileName[]
export const LADDER_COMPARED = [1, 5, 25, 50, 100] as const
export const HARMS = ['errors', 'wrong', 'sticky-errors', 'sticky-wrong'] as const
export type Harm = (typeof HARMS)[number]

const MARGIN = 0.005
const WRONG_MARGIN = 0.02
const PROMOTION_ALPHA = 0.05
const SLICE_MS = 5_000
export const EQUAL_SLICES_MAX = 8_640

// ── equal candidates ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** `budget`: the standard profile's risk budget alone, without its dwell and least rows. */
export type Design = 'budget' | 'fixed-margin' | 'fixed-horizon'

export interface EqualTask {
  readonly seed: number
  readonly design: ProfileName | Design
}

const layouts = new Map<string, Layout>()

function kept(key: string, make: () => Layout): Layout {
  const layout = layouts.get(key) ?? make()
  layouts.set(key, layout)
  return layout
}

function equalLayout(design: ProfileName | 'budget'): Layout {
  const profile = design === 'budget' ? 'standard, dwell: 5s, minimumRows: 1' : design
  return kept(`equal ${design}`, () =>
    layoutFor('equal', {
      fields: 'score: null, latency: null',
      ladder: `profile: ${profile}, steps: [${LADDER_COMPARED.join(', ')}]`,
      guardrails: [`kind: error-rate, marginPoints: ${100 * MARGIN}`],
    }),
  )
}

/** Minutes of stream time to 100 %; null: it did not arrive. The traffic of rollout r is the same for every design. */
export function minutesToPromote({ seed, design }: EqualTask, index: number): number | null {
  const random = chanceOf(seed, 'equal', index)
  const isProfile = design !== 'fixed-margin' && design !== 'fixed-horizon'
  const layout = equalLayout(isProfile ? design : 'standard')
  const feed = countsFeed({ layout, sources: 1, weather: weatherOf(CALM, random) }, random)
  if (isProfile) {
    const result = new Rollout(feed, chanceOf(seed, 'equal gateways', index), { slicesMax: EQUAL_SLICES_MAX, slicesAfter: 0 }).run()
    return result.promoted ? result.promotedAfterMs / 60_000 : null
  }
  return climbedOnTheClock(feed, design === 'fixed-margin' ? fixedMargin : fixedHorizon)
}

/** Whether a step is passed, given all slices of the step so far. */
type Proof = (slices: readonly Arms[], share: number) => boolean

function climbedOnTheClock(feed: Feed, isProven: Proof): number | null {
  let rung = 0
  let stage: Arms[] = []
  for (let slice = 0; slice < EQUAL_SLICES_MAX; slice += 1) {
    const share = LADDER_COMPARED[rung]! / 100
    const { candidate, control } = feed.slice(slice, new Array<number>(SLICE_MS / 1_000).fill(share)).pair
    stage.push({
      candidateRequests: candidate.requests,
      controlRequests: control.requests,
      candidateEvents: candidate.errors,
      controlEvents: control.errors,
    })
    if (!isProven(stage, share)) continue
    rung += 1
    stage = []
    if (LADDER_COMPARED[rung] === 100) return ((slice + 1) * SLICE_MS) / 60_000
  }
  return null
}

/** The product's interval, with the whole margin at every step. */
function fixedMargin(slices: readonly Arms[], share: number): boolean {
  const sums = total(slices)
  if (Math.min(sums.candidateEvents, sums.controlEvents) < 5) return rareEventInterval(sums, PROMOTION_ALPHA).high <= MARGIN
  const effect = riskDifference(slices.reduce(observeRiskDifference, emptyRiskDifference()))
  const deviation = deviationOfRate(0.02, share)
  const interval = effectInterval(effect, PROMOTION_ALPHA, rowsNeeded({ deviation, halfWidth: MARGIN, alpha: PROMOTION_ALPHA }))
  return interval.high <= MARGIN
}

/** One-sided quantiles of the normal law at 95 % and 90 %. */
const Z_LEVEL = 1.6449
const Z_POWER = 1.2816

/** One look at the planned size; a step that fails it begins anew. */
function fixedHorizon(slices: readonly Arms[], share: number): boolean {
  const rows = ((Z_LEVEL + Z_POWER) * deviationOfRate(0.02, share)) ** 2 / MARGIN ** 2
  const sums = total(slices)
  const seen = sums.candidateRequests + sums.controlRequests
  const last = slices.at(-1)!
  const before = seen - last.candidateRequests - last.controlRequests
  // The look falls on the slice in which another multiple of the planned size is reached.
  if (Math.floor(seen / rows) === Math.floor(before / rows)) return false
  const candidate = sums.candidateEvents / sums.candidateRequests
  const control = sums.controlEvents / sums.controlRequests
  const variance = (candidate * (1 - candidate)) / sums.candidateRequests + (control * (1 - control)) / sums.controlRequests
  return candidate - control + Z_LEVEL * Math.sqrt(variance) <= MARGIN
}

function total(slices: readonly Arms[]): Arms {
  return slices.reduce((sum, slice) => ({
    candidateRequests: sum.candidateRequests + slice.candidateRequests,
    controlRequests: sum.controlRequests + slice.controlRequests,
    candidateEvents: sum.candidateEvents + slice.candidateEvents,
    controlEvents: sum.controlEvents + slice.controlEvents,
  }))
}

// ── harmful candidates ─────────────────────────────────────────────────────────────────────────────────────────────────────

export interface HarmTask {
  readonly seed: number
  readonly profile: ProfileName
  readonly harm: Harm
  /** How many margins worse. */
  readonly times: 0 | 1 | 2 | 4
}

/** How long a harmful candidate is watched: a conservative ladder takes hours by itself. */
export const HARM_WATCH_HOURS = { rapid: 3, standard: 3, conservative: 6 } as const satisfies Record<ProfileName, number>
/** Users differ so much that half a point is beyond proof: their margins are wider, and so are their harms. */
const STICKY_TIMES = 4
const STICKY_USERS = 20_000

function harmLayout(profile: ProfileName, sticky: boolean): Layout {
  return kept(`harm ${profile} ${sticky}`, () =>
    layoutFor('harm', {
      fields: `score: null, latency: null, decision: decision${sticky ? ', unit: user' : ''}`,
      outcomes: 'label: { horizon: 60s }',
      ladder: `profile: ${profile}`,
      guardrails: [
        `kind: error-rate, marginPoints: ${100 * MARGIN * (sticky ? STICKY_TIMES : 1)}`,
        `kind: wrong-outcome, marginPoints: ${100 * WRONG_MARGIN * (sticky ? STICKY_TIMES / 2 : 1)}`,
      ],
      slice: `${(sticky ? 20 : 10) * (HARM_WATCH_HOURS[profile] / 3)}s`,
    }),
  )
}

export function harmfulRollout({ seed, profile, harm, times }: HarmTask, index: number): RolloutResult {
  const random = chanceOf(seed, `harm ${profile} ${harm} ${times}`, index)
  const feed = harmfulFeed(harmLayout(profile, harm.startsWith('sticky')), harm, times, random)
  return new Rollout(feed, random, { slicesMax: (HARM_WATCH_HOURS[profile] * 3_600_000) / feed.layout.sliceMs, slicesAfter: 0 }).run()
}

function harmfulFeed(layout: Layout, harm: Harm, times: number, random: Random): Feed {
  const isSticky = harm.startsWith('sticky')
  const worse: Difference = harm.endsWith('errors')
    ? { ...NO_DIFFERENCE, errorRate: times * MARGIN * (isSticky ? STICKY_TIMES : 1) }
    : { ...NO_DIFFERENCE, wrongRate: times * WRONG_MARGIN * (isSticky ? STICKY_TIMES / 2 : 1) }
  if (!isSticky) return countsFeed({ layout, sources: 1, weather: weatherOf(CALM, random), difference: () => worse }, random)
  const weather = weatherOf({ ...CALM, requestsPerSecond: 16 }, random)
  return requestsFeed({ layout, weather, draw: stickyUsers(STICKY_USERS, random, worse) }, random)
}
