/**
 * One rollout with a harm of known size, on one stream: how long Flyball's evidence takes, and how long the oracle's.
 *
 * Requests arrive by Poisson's law, so many a pane on average; each goes to the candidate with its share; an event befalls it at its arm's
 * rate. Panes merge into strata by the judge's own rule (`isFull` in src/judge/evidence/strata.ts, held equal by a test): at least
 * 200 requests and both arms. From the onset on, the candidate's odds are `odds` times the control's. Delay counts from there.
 * The oracle knows the onset, too. It looks after every request; a second one looks only where a stratum closes, as Flyball does.
 */
import { combine, type WeightedEvidence } from '../../detectors/budget.ts'
import { binomial } from '../../detectors/math/random.ts'
import { tilted } from '../../detectors/math/traffic.ts'
import { DEFAULT_GRID, emptyTwoArm, logEvidenceTwoArm, observeTwoArm, type TwoArmGrid, type TwoArmState } from '../../detectors/two-arm.ts'
import { weightOf } from '../../src/judge/evidence/asked.ts'
import { scopesOf } from '../../src/judge/evidence/events.ts'
import type { Random } from '../../src/kit/random.ts'
import { ALL_SCOPE } from '../../src/policy/layout.ts'
import { chanceOf } from './draws.ts'
import { oracleBets } from './peers/oracle.ts'
import { layoutFor } from './policies.ts'

export interface DelaySetting {
  readonly baseRate: number
  /** Odds of the event on the candidate, over the control's. */
  readonly odds: number
  readonly requestsPerPane: number
  readonly candidateShare: number
  readonly onsetStrata: number
  /** Strata after the onset at which a run is given up. */
  readonly strataMax: number
  readonly alpha: number
  readonly budget: ScopeBudget
}

/** How α is shared. With one scope: all of it. With more, the harmed event is also counted in each segment, and healthy events beside it. */
export interface ScopeBudget {
  readonly wholeWeight: number
  readonly segments: number
  readonly segmentWeight: number
  /** Healthy events, each counted in the whole population and in each segment. */
  readonly others: number
  readonly otherWholeWeight: number
  readonly otherSegmentWeight: number
}

export const ONE_SCOPE: ScopeBudget = {
  wholeWeight: 1,
  segments: 0,
  segmentWeight: 0,
  others: 0,
  otherWholeWeight: 0,
  otherSegmentWeight: 0,
}

const SEGMENTS = 20
const OTHER_FEATURES = 19

/**
 * 420 scopes as the judge weighs them, read off a compiled policy: one guardrail on errors and one on nineteen features, each in the
 * whole population and in twenty segments. Half of α goes to either, half of that to the whole population.
 */
export function manyScopes(): ScopeBudget {
  const values = Array.from({ length: SEGMENTS - 1 }, (_, index) => `s${index}`).join(', ')
  const features = Array.from({ length: OTHER_FEATURES }, (_, index) => `f${index}: { low: 0, high: 20, bins: 20 }`).join(', ')
  const { plan } = layoutFor('many-scopes', {
    fields: 'score: null, latency: null, decision: decision',
    ladder: 'steps: [10, 100]',
    guardrails: [
      'kind: error-rate, marginPoints: 0, segments: [segment], promote: false',
      'kind: feature-drift, class: critical, action: rollback, segments: [segment]',
    ],
    model: [`segments: { segment: [${values}] }`, `features: { ${features} }`],
  }).models[0]!
  const [errors, drift] = plan.guardrails
  const segment = scopesOf(errors!)[1]!
  return {
    wholeWeight: weightOf(errors!, ALL_SCOPE, plan),
    segments: scopesOf(errors!).length - 1,
    segmentWeight: weightOf(errors!, segment, plan),
    others: OTHER_FEATURES,
    otherWholeWeight: weightOf(drift!, ALL_SCOPE, plan) / OTHER_FEATURES,
    otherSegmentWeight: weightOf(drift!, segment, plan) / OTHER_FEATURES,
  }
}

/** Of one run, counted from the onset; +∞ for what did not happen before the run was given up. */
export interface Delays {
  readonly requests: number
  readonly panes: number
  readonly strata: number
  readonly oracleRequests: number
  readonly oraclePanes: number
  /** Of the oracle that looks only where a stratum closes. */
  readonly oracleReadRequests: number
  readonly oracleStrata: number
}

export const STRATUM_REQUESTS = 200

/** What became of the evidence, stratum by stratum: an own mixture can be tried in place of the published one. */
export interface Mixture {
  empty(): TwoArmState
  observe(state: TwoArmState, arms: Parameters<typeof observeTwoArm>[1]): TwoArmState
  logEvidence(state: TwoArmState): number
}

export function publishedMixture(grid: TwoArmGrid = DEFAULT_GRID): Mixture {
  return {
    empty: () => emptyTwoArm(grid),
    observe: (state, arms) => observeTwoArm(state, arms, 0, 'more', grid),
    logEvidence: (state) => logEvidenceTwoArm(state, grid),
  }
}

export function delayRun(setting: DelaySetting, random: Random, mixture: Mixture = publishedMixture()): Delays {
  const stratum = new Stratum(setting, random)
  const evidence = new ScopedEvidence(setting, mixture, random)
  const oracle = new Oracle(setting)
  const never = Number.POSITIVE_INFINITY
  let found = { requests: never, panes: never, strata: never }
  let requests = 0
  let panes = 0
  for (let index = 0; index < setting.onsetStrata + setting.strataMax; index += 1) {
    const isHarmed = index >= setting.onsetStrata
    stratum.fill(isHarmed ? setting.odds : 1)
    if (isHarmed) {
      oracle.see(stratum)
      requests += stratum.requests
      panes += stratum.panes
    }
    // What crossed before the onset is a false alarm, counted elsewhere: here the first look at harm is what counts.
    const hasCrossed = evidence.observe(stratum)
    if (isHarmed && hasCrossed && found.strata === never) found = { requests, panes, strata: index - setting.onsetStrata + 1 }
    if (found.strata < never && oracle.strata < never) break
  }
  return {
    ...found,
    oracleRequests: oracle.requests,
    oraclePanes: oracle.panes,
    oracleReadRequests: oracle.readRequests,
    oracleStrata: oracle.strata,
  }
}

const EVENT = 1
const CANDIDATE = 2

interface SegmentCounts {
  candidate: number
  control: number
  candidateEvents: number
  controlEvents: number
}

function count(counts: SegmentCounts, isCandidate: boolean, isEvent: boolean): void {
  if (isCandidate) counts.candidate += 1
  else counts.control += 1
  if (isEvent && isCandidate) counts.candidateEvents += 1
  else if (isEvent) counts.controlEvents += 1
}

/** A stratum as it fills: single requests for the oracle, counts for Flyball. */
export class Stratum {
  requests = 0
  panes = 0
  candidate = 0
  control = 0
  candidateEvents = 0
  controlEvents = 0
  readonly segments: SegmentCounts[]
  /** Bits of each request: 1 event, 2 candidate. And the pane, counted within the stratum, it came with. */
  bits = new Uint8Array(2048)
  pane = new Int32Array(2048)
  private readonly setting: DelaySetting
  private readonly random: Random

  constructor(setting: DelaySetting, random: Random) {
    this.setting = setting
    this.random = random
    this.segments = Array.from({ length: setting.budget.segments }, () => ({
      candidate: 0,
      control: 0,
      candidateEvents: 0,
      controlEvents: 0,
    }))
  }

  fill(odds: number): void {
    const { baseRate, requestsPerPane } = this.setting
    const candidateRate = tilted(baseRate, odds)
    this.requests = this.panes = this.candidate = this.control = this.candidateEvents = this.controlEvents = 0
    for (const segment of this.segments) segment.candidate = segment.control = segment.candidateEvents = segment.controlEvents = 0
    while (this.candidate === 0 || this.control === 0 || this.requests < STRATUM_REQUESTS) {
      this.panes += emptyPanes(this.random, requestsPerPane) + 1
      const arrived = someArrivals(this.random, requestsPerPane)
      for (let count = 0; count < arrived; count += 1) this.add(candidateRate, baseRate)
    }
  }

  private add(candidateRate: number, controlRate: number): void {
    const isCandidate = this.random() < this.setting.candidateShare
    const isEvent = this.random() < (isCandidate ? candidateRate : controlRate)
    if (this.requests === this.bits.length) this.grow()
    this.bits[this.requests] = (isCandidate ? CANDIDATE : 0) | (isEvent ? EVENT : 0)
    this.pane[this.requests] = this.panes
    this.requests += 1
    count(this, isCandidate, isEvent)
    if (this.segments.length > 0) count(this.segments[Math.floor(this.random() * this.segments.length)]!, isCandidate, isEvent)
  }

  private grow(): void {
    const bits = new Uint8Array(2 * this.bits.length)
    const pane = new Int32Array(2 * this.pane.length)
    bits.set(this.bits)
    pane.set(this.pane)
    this.bits = bits
    this.pane = pane
  }
}

/** Panes without a request before the next one with some. */
function emptyPanes(random: Random, mean: number): number {
  return Math.floor(Math.log(1 - random()) / -mean)
}

/** Requests of a pane that has at least one: Poisson's law by inversion, its zero cut off. */
function someArrivals(random: Random, mean: number): number {
  let term = Math.exp(-mean)
  let left = term + random() * (1 - term) - term
  let count = 0
  while (left > 0) {
    count += 1
    term *= mean / count
    left -= term
    if (count > 10 * mean + 100) break
  }
  return Math.max(1, count)
}

class Oracle {
  requests = Number.POSITIVE_INFINITY
  panes = Number.POSITIVE_INFINITY
  readRequests = Number.POSITIVE_INFINITY
  strata = Number.POSITIVE_INFINITY
  private readonly bets: readonly number[]
  private readonly logLimit: number
  private log = 0
  private seen = 0
  private seenPanes = 0
  private seenStrata = 0

  constructor({ baseRate, odds, candidateShare, alpha }: DelaySetting) {
    const bets = oracleBets(baseRate, tilted(baseRate, odds), candidateShare)
    this.bets = [bets.controlNone, bets.controlEvent, bets.candidateNone, bets.candidateEvent]
    this.logLimit = -Math.log(alpha)
  }

  see(stratum: Stratum): void {
    for (let index = 0; index < stratum.requests; index += 1) {
      this.log += this.bets[stratum.bits[index]!]!
      if (this.log < this.logLimit || this.requests < Number.POSITIVE_INFINITY) continue
      this.requests = this.seen + index + 1
      this.panes = this.seenPanes + stratum.pane[index]!
    }
    this.seen += stratum.requests
    this.seenPanes += stratum.panes
    this.seenStrata += 1
    if (this.log < this.logLimit || this.strata < Number.POSITIVE_INFINITY) return
    this.strata = this.seenStrata
    this.readRequests = this.seen
  }
}

/** Evidence in every scope that the budget pays for: of the harmed event, and of healthy ones beside it. */
class ScopedEvidence {
  private readonly budget: ScopeBudget
  private readonly mixture: Mixture
  private readonly alpha: number
  private readonly random: Random
  private readonly weights: readonly number[]
  private readonly states: TwoArmState[]

  constructor({ budget, alpha }: DelaySetting, mixture: Mixture, random: Random) {
    const perEvent = (whole: number, segment: number) => [whole, ...new Array<number>(budget.segments).fill(segment)]
    const others = new Array<number[]>(budget.others).fill(perEvent(budget.otherWholeWeight, budget.otherSegmentWeight))
    this.budget = budget
    this.mixture = mixture
    this.alpha = alpha
    this.random = random
    this.weights = [...perEvent(budget.wholeWeight, budget.segmentWeight), ...others.flat()]
    this.states = this.weights.map(() => mixture.empty())
  }

  /** Adds a stratum; says whether the weighted evidence stands at its limit. */
  observe(stratum: Stratum): boolean {
    this.push(0, stratum, stratum.candidateEvents, stratum.controlEvents)
    for (let segment = 0; segment < this.budget.segments; segment += 1) {
      const arms = stratum.segments[segment]!
      this.push(1 + segment, arms, arms.candidateEvents, arms.controlEvents)
    }
    for (let other = 1; other <= this.budget.others; other += 1) this.observeHealthy(other * (1 + this.budget.segments), stratum)
    const parts = this.weights.map((weight, index): WeightedEvidence => ({ weight, logEvidence: this.logEvidence(index) }))
    return combine(parts, this.alpha).logEvidence >= -Math.log(this.alpha)
  }

  private observeHealthy(first: number, stratum: Stratum): void {
    let candidateEvents = 0
    let controlEvents = 0
    for (let segment = 0; segment < this.budget.segments; segment += 1) {
      const arms = stratum.segments[segment]!
      const candidate = binomial(this.random, arms.candidate, OTHER_RATE)
      const control = binomial(this.random, arms.control, OTHER_RATE)
      this.push(first + 1 + segment, arms, candidate, control)
      candidateEvents += candidate
      controlEvents += control
    }
    this.push(first, stratum, candidateEvents, controlEvents)
  }

  private push(index: number, arms: { candidate: number; control: number }, candidateEvents: number, controlEvents: number): void {
    const given = { candidateRequests: arms.candidate, controlRequests: arms.control, candidateEvents, controlEvents }
    this.states[index] = this.mixture.observe(this.states[index]!, given)
  }

  private logEvidence(index: number): number {
    const state = this.states[index]!
    return state.strata === 0 ? 0 : this.mixture.logEvidence(state)
  }
}

/** How often a healthy event beside the harmed one happens: one bin in twenty. */
const OTHER_RATE = 0.05

/** The pool's task: a share of the runs of one setting. */
export interface DelayTask {
  readonly seed: number
  readonly settings: readonly { readonly name: string; readonly rollouts: number; readonly setting: DelaySetting }[]
  /** Parts that each setting's runs are dealt out to. */
  readonly parts: number
}

/** Part `index % parts` of setting `index / parts`; ∞ crosses as null. */
export function delayRuns({ seed, settings, parts }: DelayTask, index: number): Delays[] {
  const { name, rollouts, setting } = settings[Math.floor(index / parts)]!
  const runs: Delays[] = []
  for (let run = index % parts; run < rollouts; run += parts) runs.push(delayRun(setting, chanceOf(seed, name, run)))
  return runs
}
