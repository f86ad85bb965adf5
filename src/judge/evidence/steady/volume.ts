/**
 * Volume: requests per bucket of time, all sources and both arms together, against what this hour usually brings.
 *
 * Buckets are judged once every source has passed them: a source that lags is not one that is silent. The forecast is the profile's
 * median for the hour of the week, else the model's own earlier weeks or days; where neither is known the bucket only teaches.
 */
import { emptySeason, expectedInHour, hourOfWeek, observeSeason } from '../../../../detectors/season.ts'
import { emptyVolume, observeVolume, volumeEvidence } from '../../../../detectors/volume.ts'
import type { Pane, StreamTimeMs } from '../../../domain.ts'
import type { ModelLayout, SteadyGuardrail } from '../../../policy/layout.ts'
import { blocksOf, requestsOf } from '../strata.ts'
import { about } from '../words.ts'
import type { SteadyState, Traffic, VolumeWatch, WaitingRequests, Watch } from './state.ts'

/** The same as the policy's: limits are compiled for it. */
const BUCKET_MS = 300_000
const BUCKETS_PER_HOUR = 3_600_000 / BUCKET_MS
/** A jump of more than four weeks is another time altogether. */
const BUCKETS_MAX = 4 * 168 * BUCKETS_PER_HOUR

export function emptyTraffic(): Traffic {
  return { waiting: [], nextBucket: -1, hourRequests: 0, hourIsWhole: false, season: emptySeason() }
}

export function emptyVolumeWatch(digest: string): VolumeWatch {
  return { kind: 'volume', digest, state: emptyVolume(), requests: 0, forecast: 0, alarm: null }
}

export function volumeDigest({ tolerance, reference }: SteadyGuardrail, model: ModelLayout): string {
  const requests = model.exposureBlocks.find((block) => block.kind === 'requests')
  return ['volume', tolerance, reference?.digest ?? '', requests?.hash ?? ''].join(' ')
}

/** Notes the requests of an exposure pane until every source has passed its bucket. A mirrored request is one request. */
export function noteTraffic(traffic: Traffic, pane: Pane, model: ModelLayout, isMirrored: boolean): Traffic {
  const bucket = Math.floor((pane.sliceEndMs - 1) / BUCKET_MS)
  if (bucket < traffic.nextBucket) return traffic
  const [candidate, control] = requestsOf(pane, model, blocksOf(model, pane.chain), 'all')
  const waiting: WaitingRequests = { source: pane.source, to: pane.to, bucket, requests: isMirrored ? control : candidate + control }
  const held = { ...traffic, waiting: [...traffic.waiting, waiting] }
  // The bucket in which the first request falls has not been seen whole.
  return traffic.nextBucket === -1 ? begunAt(held, bucket + 1) : held
}

function begunAt(traffic: Traffic, bucket: number): Traffic {
  return { ...traffic, nextBucket: bucket, hourRequests: 0, hourIsWhole: bucket % BUCKETS_PER_HOUR === 0 }
}

export function forgetTraffic(traffic: Traffic, source: string, through: number): Traffic {
  return { ...traffic, waiting: traffic.waiting.filter((each) => each.source !== source || each.to <= through) }
}

/** Judges every bucket that ends by `passedMs`. */
export function passTraffic(state: SteadyState, model: ModelLayout, passedMs: StreamTimeMs): SteadyState {
  const volumes = (model.plan.steady ?? []).filter((guardrail) => guardrail.kind === 'volume')
  const { nextBucket } = state.traffic
  const end = Math.floor(passedMs / BUCKET_MS)
  if (volumes.length === 0 || nextBucket === -1 || end <= nextBucket) return state
  const waiting = state.traffic.waiting.filter((each) => each.bucket >= end)
  if (end - nextBucket > BUCKETS_MAX) return { ...state, traffic: { ...begunAt(state.traffic, end), waiting } }
  const requests = new Map<number, number>()
  for (const each of state.traffic.waiting) requests.set(each.bucket, (requests.get(each.bucket) ?? 0) + each.requests)
  const watches: Record<string, Watch> = { ...state.watches }
  let { traffic } = state
  for (let bucket = nextBucket; bucket < end; bucket += 1) {
    const counted = requests.get(bucket) ?? 0
    for (const guardrail of volumes) {
      const watch = watches[guardrail.name]
      if (watch?.kind === 'volume') watches[guardrail.name] = judgeBucket(watch, guardrail, traffic, bucket, counted, model)
    }
    traffic = afterBucket(traffic, bucket, counted)
  }
  return { ...state, watches, traffic: { ...traffic, waiting } }
}

function forecastOf({ reference }: SteadyGuardrail, traffic: Traffic, bucket: number): number {
  const hour = Math.floor(bucket / BUCKETS_PER_HOUR)
  const inHour = reference?.hourOfWeek[hourOfWeek(hour)] || expectedInHour(traffic.season, hour)
  return inHour / BUCKETS_PER_HOUR
}

function judgeBucket(
  watch: VolumeWatch,
  guardrail: SteadyGuardrail,
  traffic: Traffic,
  bucket: number,
  requests: number,
  model: ModelLayout,
): VolumeWatch {
  const forecast = forecastOf(guardrail, traffic, bucket)
  if (forecast === 0) return { ...watch, requests, forecast, alarm: null }
  const logLimit = Math.log(guardrail.runLength)
  const state = observeVolume(watch.state, { requests, forecast }, guardrail.tolerance)
  const { status, logEvidence } = volumeEvidence(state, logLimit)
  const atMs = (bucket + 1) * BUCKET_MS
  if (status === 'usual') {
    const isOver = watch.alarm === null || watch.alarm.status === 'no-data' || atMs - watch.alarm.atMs >= model.plan.calmAfterMs
    return { ...watch, state, requests, forecast, alarm: isOver ? null : watch.alarm }
  }
  const words = wordsOf(status, requests, forecast, state.emptyBuckets)
  const alarm = { atMs, logEvidence, index: 0, words, rows: requests, status }
  // Too few or too many begins anew at each alarm; no data lasts as long as it lasts.
  return { ...watch, state: status === 'no-data' ? state : emptyVolume(), requests, forecast, alarm }
}

function wordsOf(status: 'few' | 'many' | 'no-data', requests: number, forecast: number, emptyBuckets: number): string {
  const minutes = BUCKET_MS / 60_000
  if (status === 'no-data')
    return `no data for ${emptyBuckets * minutes} minutes, where about ${about(forecast * emptyBuckets)} requests are usual`
  return `too ${status} requests: ${about(requests)} in ${minutes} minutes, where about ${about(forecast)} are usual`
}

function afterBucket(traffic: Traffic, bucket: number, requests: number): Traffic {
  const hourRequests = traffic.hourRequests + requests
  if ((bucket + 1) % BUCKETS_PER_HOUR !== 0) return { ...traffic, nextBucket: bucket + 1, hourRequests }
  const hour = Math.floor(bucket / BUCKETS_PER_HOUR)
  const season = traffic.hourIsWhole ? observeSeason(traffic.season, { hour, requests: hourRequests }) : traffic.season
  return { ...traffic, nextBucket: bucket + 1, hourRequests: 0, hourIsWhole: true, season }
}
