/**
 * Traffic as a rollout sees it, for sample generators: the split ramps from 1 % to 50 %, the event's rate swings with the hour,
 * and volume swings against it. A test that mistakes any of these for harm is caught by the conformance suite.
 */
import { binomial, type Random } from './random.ts'

export interface Traffic {
  readonly candidateRequests: number
  readonly controlRequests: number
  /** Multiplies the rate of every event, on both arms. */
  readonly season: number
}

const STRATA_PER_DAY = 60
const RAMP = [0.01, 0.05, 0.1, 0.25, 0.5]
const STRATA_PER_STEP = 20

export function trafficAt(random: Random, stratum: number): Traffic {
  const share = RAMP[Math.min(RAMP.length - 1, Math.floor(stratum / STRATA_PER_STEP))]!
  const phase = (2 * Math.PI * stratum) / STRATA_PER_DAY
  const requests = Math.round(300 + 100 * Math.cos(phase))
  const candidateRequests = binomial(random, requests, share)
  return { candidateRequests, controlRequests: requests - candidateRequests, season: 1 + 0.8 * Math.sin(phase) }
}

/** One event in that traffic: `rate` on the control, and on the candidate the rate whose odds are `oddsRatio` times as high. */
export function sampleArms(random: Random, stratum: number, rate: number, oddsRatio: number) {
  const { candidateRequests, controlRequests, season } = trafficAt(random, stratum)
  const controlRate = rate * season
  const candidateRate = tilted(controlRate, oddsRatio)
  return {
    candidateRequests,
    controlRequests,
    candidateEvents: binomial(random, candidateRequests, candidateRate),
    controlEvents: binomial(random, controlRequests, controlRate),
  }
}

/** The rate whose odds are so many times as high. */
export function tilted(rate: number, oddsRatio: number): number {
  return (rate * oddsRatio) / (1 - rate + rate * oddsRatio)
}

/** Nested events (over q50, over q90, …): each is a share of the one before it. Rates fall; the season does not touch them. */
export function sampleNested(random: Random, stratum: number, candidateRates: readonly number[], controlRates: readonly number[]) {
  const { candidateRequests, controlRequests } = trafficAt(random, stratum)
  return {
    candidateRequests,
    controlRequests,
    candidateOver: nested(random, candidateRequests, candidateRates),
    controlOver: nested(random, controlRequests, controlRates),
  }
}

function nested(random: Random, requests: number, rates: readonly number[]): number[] {
  let among = requests
  let rateBefore = 1
  return rates.map((rate) => {
    among = binomial(random, among, rate / rateBefore)
    rateBefore = rate
    return among
  })
}
