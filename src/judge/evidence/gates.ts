/**
 * Sample ratio and silence: does the candidate get the share that was commanded, and does it answer at all?
 * Both are judged slice by slice, over slices that every source has passed: a lagging input is not a missing one.
 * Both look at first exposures of units (at requests where there are none): who comes again stays where it is, and a candidate whose
 * few users pause is not silent. What has gone quiet after everybody was seen is told by the gateways' counts (arrivals.ts).
 */
import { emptySampleRatio, logEvidenceSampleRatio, observeSampleRatio } from '../../../detectors/sample-ratio.ts'
import { emptySilence, observeSilence } from '../../../detectors/silence.ts'
import type { Pane, StreamTimeMs } from '../../domain.ts'
import type { ModelLayout } from '../../policy/layout.ts'
import type { Gates, WaitingSlice } from './state.ts'
import { blocksOf, requestsOf } from './strata.ts'

/** Slices kept while no pulse passes them: an hour of 5-second slices from six sources. */
const WAITING_MAX = 4_320

export function emptyGates(): Gates {
  return { waiting: [], passedTo: {}, ...freshGates() }
}

/** A new command: another share is commanded, evidence about it starts anew. Slices not yet passed stay. */
export function startGatesStage(gates: Gates): Gates {
  return { ...gates, ...freshGates(), heardUntilMs: gates.heardUntilMs }
}

const NOBODY_HEARD = { arrived: 0, total: 0, quiet: 0 }

function freshGates(): Omit<Gates, 'waiting' | 'passedTo'> {
  const ratio = { ratio: emptySampleRatio(), ratioCandidate: 0, ratioTotal: 0, ratioBreach: null, share: Number.NaN }
  return {
    ...ratio,
    silence: emptySilence(),
    candidate: 0,
    total: 0,
    quietFromMs: -1,
    quietToMs: -1,
    quietRequests: 0,
    heardUntilMs: -1,
    heard: NOBODY_HEARD,
  }
}

/** Notes the requests of an exposure pane until its slice has been passed by every source. */
export function awaitSlice(gates: Gates, pane: Pane, model: ModelLayout, stage: number, share: number | null): Gates {
  if (pane.to <= (gates.passedTo[pane.source] ?? 0)) return gates
  const blocks = blocksOf(model, pane.chain)
  const [candidate, control] = requestsOf(pane, model, blocks, 'all')
  const [firstCandidate, firstControl] = model.hasUnits ? requestsOf(pane, model, blocks, 'first') : [candidate, control]
  const slice: WaitingSlice = {
    source: pane.source,
    to: pane.to,
    stage,
    sliceStartMs: pane.sliceStartMs,
    sliceEndMs: pane.sliceEndMs,
    share,
    candidate,
    total: candidate + control,
    firstCandidate,
    firstTotal: firstCandidate + firstControl,
  }
  const waiting = [...gates.waiting, slice].slice(-WAITING_MAX)
  if (candidate === 0) return { ...gates, waiting }
  // A partition with few records has a slow clock: what it stamped long ago is heard of now, and ends the quiet now.
  return { ...gates, waiting, heardUntilMs: Math.max(gates.heardUntilMs, gates.quietToMs, ...waiting.map((each) => each.sliceEndMs)) }
}

export function forgetSlices(gates: Gates, source: string, through: number): Gates {
  return { ...gates, waiting: gates.waiting.filter((slice) => slice.source !== source || slice.to <= through) }
}

/** When a mismatch is proved, and after how long without another it is over. */
export interface RatioLimits {
  readonly logLimit: number
  readonly calmAfterMs: number
}

export function ratioLimitsOf(model: ModelLayout): RatioLimits {
  return { logLimit: -Math.log(model.plan.rollbackAlpha), calmAfterMs: model.plan.calmAfterMs }
}

/** Judges every waiting slice that ends by `passedMs`, in slice order; slices of stages before are let go. */
export function passGates(gates: Gates, stage: number, passedMs: StreamTimeMs, limits: RatioLimits): Gates {
  const passed = gates.waiting.filter((slice) => slice.sliceEndMs <= passedMs)
  if (passed.length === 0) return gates
  const passedTo = { ...gates.passedTo }
  for (const slice of passed) passedTo[slice.source] = Math.max(slice.to, passedTo[slice.source] ?? 0)
  const waiting = gates.waiting.filter((slice) => slice.sliceEndMs > passedMs)
  const current = passed.filter((slice) => slice.stage === stage)
  const begun: Gates = { ...gates, waiting, passedTo }
  return groupBySlice(current).reduce((judged, slice) => judgeSlice(judged, slice, limits), begun)
}

/** Sums of one slice over its sources, ascending in time. One commanded share a group. */
function groupBySlice(slices: readonly WaitingSlice[]): readonly WaitingSlice[] {
  const groups = new Map<string, WaitingSlice>()
  for (const slice of slices) {
    const key = `${slice.sliceStartMs} ${slice.sliceEndMs} ${slice.share}`
    const sum = groups.get(key)
    groups.set(key, sum ? addSlices(sum, slice) : slice)
  }
  return [...groups.values()].sort((one, other) => one.sliceEndMs - other.sliceEndMs || one.sliceStartMs - other.sliceStartMs)
}

function addSlices(sum: WaitingSlice, slice: WaitingSlice): WaitingSlice {
  return {
    ...sum,
    candidate: sum.candidate + slice.candidate,
    total: sum.total + slice.total,
    firstCandidate: sum.firstCandidate + slice.firstCandidate,
    firstTotal: sum.firstTotal + slice.firstTotal,
  }
}

function judgeSlice(gates: Gates, slice: WaitingSlice, limits: RatioLimits): Gates {
  const quietFromMs = gates.quietFromMs === -1 ? slice.sliceStartMs : gates.quietFromMs
  const next: Gates = {
    ...gates,
    candidate: gates.candidate + slice.candidate,
    total: gates.total + slice.total,
    quietFromMs: Math.max(quietFromMs, gates.heardUntilMs),
    quietToMs: Math.max(gates.quietToMs, slice.sliceEndMs),
    quietRequests: slice.sliceEndMs <= gates.heardUntilMs ? 0 : gates.quietRequests + slice.total,
  }
  const share = slice.share
  if (share === null || share <= 0 || share >= 1) return next
  return judgeSilence(judgeRatio(next, slice, share, limits), slice, share)
}

/**
 * A splitter that gives half of what it should has not silenced anybody: silence is less than half of the share seen so far, or of the
 * share commanded while nothing has been seen. What has been seen is that of the time up to the last arrival.
 */
function judgeSilence(gates: Gates, slice: WaitingSlice, share: number): Gates {
  if (slice.firstTotal === 0) return gates
  const counts = { arrived: slice.firstCandidate, total: slice.firstTotal, share: LEFT_OF_SHARE * shareHeard(gates, share) }
  const { arrived, total, quiet } = gates.heard
  const heard = {
    arrived: arrived + slice.firstCandidate,
    total: total + slice.firstTotal,
    quiet: slice.firstCandidate > 0 || slice.sliceEndMs <= gates.heardUntilMs ? 0 : quiet + slice.firstTotal,
  }
  return { ...gates, silence: observeSilence(gates.silence, counts), heard }
}

const LEFT_OF_SHARE = 0.5

function shareHeard({ heard }: Gates, share: number): number {
  return heard.arrived === 0 ? share : Math.min(share, (heard.arrived + 1) / (heard.total - heard.quiet + 1))
}

/** The present quiet is too long for chance, though one may have looked for it after every arrival. */
export function quietTooLong(gates: Gates, logLimit: number): boolean {
  const missing = LEFT_OF_SHARE * gates.heard.quiet * shareHeard(gates, Number.isNaN(gates.share) ? 1 : gates.share)
  return missing >= logLimit + Math.log(gates.heard.arrived + 1)
}

/**
 * A mismatch once proved must not hold a rollout for ever: at each proof the evidence starts anew, so a split that is right again
 * proves nothing more, and the mismatch is over after `calmAfterMs`. One that lasts proves itself again and again.
 */
function judgeRatio(gates: Gates, slice: WaitingSlice, share: number, { logLimit, calmAfterMs }: RatioLimits): Gates {
  const first = { candidate: slice.firstCandidate, total: slice.firstTotal, share }
  const ratio = slice.firstTotal > 0 ? observeSampleRatio(gates.ratio, first) : gates.ratio
  const candidate = gates.ratioCandidate + slice.firstCandidate
  const total = gates.ratioTotal + slice.firstTotal
  const logEvidence = logEvidenceSampleRatio(ratio)
  if (logEvidence >= logLimit) {
    const ratioBreach = { atMs: slice.sliceEndMs, logEvidence, candidate, total }
    return { ...gates, share, ratio: emptySampleRatio(), ratioCandidate: 0, ratioTotal: 0, ratioBreach }
  }
  const over = gates.ratioBreach !== null && slice.sliceEndMs - gates.ratioBreach.atMs >= calmAfterMs
  return { ...gates, share, ratio, ratioCandidate: candidate, ratioTotal: total, ratioBreach: over ? null : gates.ratioBreach }
}
