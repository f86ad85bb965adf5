/**
 * The peers as they are let loose on a rollout: which numbers each watches, how often it looks, and when it would stop. Thresholds that a
 * tool leaves to its user are set as a careful user would: the tolerance is Flyball's own margin for the same number.
 */
import type { Random } from '../../../src/kit/random.ts'
import { type ArmSummary, latencyEdgeMs, type PanePair } from '../traffic.ts'
import { Adwin } from './adwin.ts'
import { Ddm } from './ddm.ts'
import { type Column, datasetHasDrifted, hasDrifted } from './evidently.ts'
import { HddmA } from './hddm-a.ts'
import { classify, MARGINAL_SCORE, score } from './mann-whitney.ts'
import { chunkHasDrifted, performanceBand } from './nannyml.ts'
import { PageHinkley } from './page-hinkley.ts'
import { addArm, type Interval, MINUTE_MS, type Peer, perInterval, type Watch } from './peer.ts'
import { pooledZ } from './pooled-z.ts'
import { MODERATE, SHIFTED, stability } from './population-stability-rule.ts'
import { type FailedChecks, failedChecks, isOver, isWorseThanControl, rateOf } from './thresholds.ts'

/** Half a point more errors than the control, a tenth more latency: what the policies of this benchmark allow. */
const TOLERANCE = 0.005
const LATENCY_FACTOR = 1.1
/** Errors are 2 % on average: an absolute limit half as high again. */
const FIXED_LIMIT = 0.03
const CHUNK_MS = 5 * MINUTE_MS
const REFERENCE_CHUNKS_MIN = 5
/** The textbook's condition for a test of two shares. */
const EXPECTED_EVENTS_MIN = 5
/** With fewer rows PSI is above .1 by chance alone; a careful user waits. */
const PSI_ROWS_MIN = 1_000
const SLIDING_MINUTES = 15

export const PEERS: readonly Peer[] = [
  errorPeer('errors over a fixed limit, 3 of 5 minutes', 'errors > 3 % in 3 of the last 5 minutes', fixedCheck, () => failedChecks(3, 5)),
  errorPeer('errors over control, 3 of 5 minutes', 'errors > control + .5 points in 3 of 5', controlCheck, () => failedChecks(3, 5)),
  errorPeer('errors over control, 3 in a row', 'the same in 3 minutes in a row', controlCheck, () => failedChecks(3, 3)),
  errorPeer('errors over control, failureLimit 3', 'the same, 4th failure in all', controlCheck, () =>
    failedChecks(4, Number.POSITIVE_INFINITY),
  ),
  errorPeer('p95 latency over control, 3 of 5 minutes', 'p95 > 1.1 × control in 3 of 5', latencyCheck, () => failedChecks(3, 5), [
    'latency',
  ]),
  {
    name: 'Mann–Whitney intervals, growing',
    rule: 'errors, wrong outcomes, mean latency by minute, all so far; score < 75, every 5 minutes',
    needs: [],
    start: () => mannWhitney(Number.POSITIVE_INFINITY),
  },
  {
    name: 'Mann–Whitney intervals, sliding',
    rule: 'the same over the last 15 minutes',
    needs: [],
    start: () => mannWhitney(SLIDING_MINUTES),
  },
  {
    name: 'pooled z, p < .05 at every slice',
    rule: 'errors since the start, one-sided, from 5 expected on',
    needs: [],
    start: () => peekingZ(0.05),
  },
  {
    name: 'pooled z, p < .01 at every slice',
    rule: 'errors since the start, one-sided, from 5 expected on',
    needs: [],
    start: () => peekingZ(0.01),
  },
  {
    name: 'PSI ≥ .1',
    rule: 'ten bins of the score since the start, every 5 minutes, from 1,000 rows on',
    needs: ['score'],
    start: () => psi(MODERATE),
  },
  { name: 'PSI ≥ .2', rule: 'the same', needs: ['score'], start: () => psi(SHIFTED) },
  { name: 'ADWIN', rule: "candidate's errors, request by request, δ = .002", needs: [], start: (random) => stream(new Adwin(), random) },
  { name: 'Page–Hinkley', rule: 'the same stream, λ = 50', needs: [], start: (random) => stream(new PageHinkley(), random) },
  { name: 'DDM', rule: 'the same stream, 3 deviations', needs: [], start: (random) => stream(ddmOfNumbers(), random) },
  { name: 'HDDM_A', rule: 'the same stream, .001', needs: [], start: (random) => stream(new HddmA(), random) },
  {
    name: 'Evidently, a column',
    rule: 'candidate beside control by 5 minutes: features, score, latency',
    needs: ['features', 'score', 'latency'],
    start: () => drift((columns) => columns.some(hasDrifted)),
  },
  {
    name: 'Evidently, data set',
    rule: 'at least half of the columns',
    needs: ['features', 'score', 'latency'],
    start: () => drift(datasetHasDrifted),
  },
  {
    name: 'NannyML, drift',
    rule: 'Jensen–Shannon > .1 in a chunk of 5 minutes, any column',
    needs: ['features', 'score', 'latency'],
    start: () => drift((columns) => columns.some(({ reference, current }) => chunkHasDrifted(reference, current))),
  },
  {
    name: 'NannyML, performance',
    rule: "wrong outcomes of a chunk above mean + 3 s.d. of the control's chunks",
    needs: ['labels'],
    start: performance,
  },
]

export function peerNamed(name: string): Peer {
  const peer = PEERS.find((each) => each.name === name)
  if (!peer) throw new Error(`no peer is called ${name}`)
  return peer
}

type Check = (interval: Interval) => boolean | null

function errorPeer(name: string, rule: string, check: Check, counter: () => FailedChecks, needs: Peer['needs'] = []): Peer {
  return {
    name,
    rule,
    needs,
    start: () => {
      const checks = counter()
      return perInterval(MINUTE_MS, (interval) => checks.see(check(interval)))
    },
  }
}

function fixedCheck({ candidate }: Interval): boolean | null {
  return isOver(rateOf(candidate.errors, candidate.requests), FIXED_LIMIT)
}

function controlCheck({ candidate, control }: Interval): boolean | null {
  return isWorseThanControl(rateOf(candidate.errors, candidate.requests), rateOf(control.errors, control.requests), TOLERANCE)
}

function latencyCheck({ candidate, control }: Interval): boolean | null {
  const usual = latencyQuantileMs(control, 0.95)
  return isWorseThanControl(latencyQuantileMs(candidate, 0.95), usual, (LATENCY_FACTOR - 1) * usual)
}

/** Within the bin by straight line; NaN: no rows. */
export function latencyQuantileMs(arm: ArmSummary, share: number): number {
  const rows = totalOf(arm.latency)
  let below = 0
  for (let bin = 0; bin < arm.latency.length; bin += 1) {
    const count = arm.latency[bin]!
    if (count > 0 && below + count >= share * rows) {
      const low = latencyEdgeMs(bin)
      return low + ((share * rows - below) / count) * (latencyEdgeMs(bin + 1) - low)
    }
    below += count
  }
  return Number.NaN
}

function totalOf(counts: Float64Array): number {
  return counts.reduce((sum, count) => sum + count, 0)
}

function meanLatencyMs(arm: ArmSummary): number {
  let rows = 0
  let sum = 0
  for (let bin = 0; bin < arm.latency.length; bin += 1) {
    rows += arm.latency[bin]!
    sum += arm.latency[bin]! * ((latencyEdgeMs(bin) + latencyEdgeMs(bin + 1)) / 2)
  }
  return rateOf(sum, rows)
}

const JUDGED: readonly ((arm: ArmSummary) => number)[] = [
  (arm) => rateOf(arm.errors, arm.requests),
  (arm) => rateOf(arm.wrong, arm.known),
  meanLatencyMs,
]

function mannWhitney(lookBack: number): Watch {
  const points = JUDGED.map(() => ({ candidate: [] as number[], control: [] as number[] }))
  let minutes = 0
  return perInterval(MINUTE_MS, ({ candidate, control }) => {
    for (const [index, metric] of JUDGED.entries()) {
      points[index]!.candidate.push(metric(candidate))
      points[index]!.control.push(metric(control))
    }
    minutes += 1
    if (minutes % (CHUNK_MS / MINUTE_MS) !== 0) return false
    const last = (values: readonly number[]) => values.slice(-Math.min(lookBack, values.length))
    return score(points.map((metric) => classify(last(metric.candidate), last(metric.control)))) < MARGINAL_SCORE
  })
}

function peekingZ(level: number): Watch {
  const sum = { candidate: [0, 0] as [number, number], control: [0, 0] as [number, number] }
  return {
    see({ candidate, control }) {
      sum.candidate[0] += candidate.errors
      sum.candidate[1] += candidate.requests
      sum.control[0] += control.errors
      sum.control[1] += control.requests
      const rate = (sum.candidate[0] + sum.control[0]) / (sum.candidate[1] + sum.control[1])
      if (!(Math.min(sum.candidate[1], sum.control[1]) * rate >= EXPECTED_EVENTS_MIN)) return false
      return pooledZ(...sum.candidate, ...sum.control) < level
    },
  }
}

function psi(limit: number): Watch {
  let sum: Interval | null = null
  return perInterval(CHUNK_MS, (interval) => {
    if (sum === null) sum = interval
    else {
      addArm(sum.candidate, interval.candidate)
      addArm(sum.control, interval.control)
    }
    if (Math.min(totalOf(sum.candidate.score), totalOf(sum.control.score)) < PSI_ROWS_MIN) return false
    return stability(sum.candidate.score, sum.control.score) >= limit
  })
}

interface NumberStream {
  see(value: number): boolean
}

function ddmOfNumbers(): NumberStream {
  const ddm = new Ddm()
  return { see: (value) => ddm.see(value === 1) }
}

/** The candidate's requests one by one; within a slice errors fall where they may. */
function stream(detector: NumberStream, random: Random): Watch {
  return {
    see({ candidate }: PanePair) {
      let errors = candidate.errors
      let hasChanged = false
      for (let left = candidate.requests; left > 0; left -= 1) {
        const isError = random() * left < errors
        if (isError) errors -= 1
        if (detector.see(isError ? 1 : 0)) hasChanged = true
      }
      return hasChanged
    },
  }
}

function drift(rule: (columns: readonly Column[]) => boolean): Watch {
  return perInterval(CHUNK_MS, ({ candidate, control }) => {
    const column = (current: Float64Array, reference: Float64Array): Column => ({ kind: 'numerical', current, reference })
    const features = candidate.features.map((counts, index) => column(counts, control.features[index]!))
    const columns = [...features, column(candidate.score, control.score), column(candidate.latency, control.latency)]
    return rule(columns.filter(({ current, reference }) => current.some((count) => count > 0) && reference.some((count) => count > 0)))
  })
}

function performance(): Watch {
  const reference: number[] = []
  return perInterval(CHUNK_MS, ({ candidate, control }) => {
    const usual = rateOf(control.wrong, control.known)
    if (!Number.isNaN(usual)) reference.push(usual)
    const wrong = rateOf(candidate.wrong, candidate.known)
    return reference.length >= REFERENCE_CHUNKS_MIN && wrong > performanceBand(reference).high
  })
}
