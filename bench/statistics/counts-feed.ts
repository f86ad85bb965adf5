/**
 * A feed at the level of counts, for everything that does not need to know users: one or more source partitions, each with the
 * product's own partition clock, second by second. A pane is closed when its partition's clock has left the slice, so a wrong
 * producer clock bends the panes just as it would bend the real ones.
 */
import type { Pane, Pulse } from '../../src/domain.ts'
import type { Random } from '../../src/kit/random.ts'
import { advanceClock, newClock } from '../../src/measure/partition-clock.ts'
import type { Layout, ModelLayout } from '../../src/policy/layout.ts'
import { drawnFor, exposureCells, outcomeCells } from './cells.ts'
import { binomial } from './draws.ts'
import { type FedSlice, type Feed, type Shares, SourceLog } from './feed.ts'
import { type ArmSummary, addTo, BEGIN_MS, type Difference, type Drawn, emptyArm, NO_DIFFERENCE, splitOf, type Weather } from './traffic.ts'

/** What a setting does to its traffic; times are milliseconds since the beginning. */
export interface CountsSetting {
  readonly layout: Layout
  readonly sources: number
  readonly weather: (atMs: number) => Weather
  /** How the candidate differs from the control now, `sinceMs` after the share last changed. */
  readonly difference?: (atMs: number, sinceMs: number) => Difference
  /** Share of an arm's requests whose label comes. */
  readonly labels?: (atMs: number, arm: 'candidate' | 'control') => number
  /** How far ahead of the time one of the producers of this source stamps its records; 0: right. */
  readonly skewMs?: (atMs: number, source: number) => number
  /** False: what producers send to this source is lost now. */
  readonly produced?: (atMs: number, source: number) => boolean
  /** False: this source's records are not read now; they wait. */
  readonly read?: (atMs: number, source: number) => boolean
  /** Outcome clock at a time: how far labels have been read. Default: the time itself. */
  readonly outcomeClock?: (atMs: number) => number
  /** Control writes to the first source and the candidate to the last. */
  readonly armPerSource?: boolean
}

interface OpenRun {
  readonly slice: number
  readonly candidate: ArmSummary
  readonly control: ArmSummary
}

interface Source {
  readonly index: number
  readonly log: SourceLog
  readonly clock: ReturnType<typeof newClock>
  open: OpenRun | null
  lastRecordMs: number
  idle: boolean
  /** Closed and not read yet. */
  readonly queue: { readonly run: OpenRun; readonly clockMs: number; readonly idle: boolean }[]
}

export function countsFeed(setting: CountsSetting, random: Random): Feed {
  return new CountsFeed(setting, random)
}

class CountsFeed implements Feed {
  readonly layout: Layout
  readonly model: ModelLayout
  private readonly setting: CountsSetting
  private readonly random: Random
  private readonly sources: readonly Source[]
  private readonly drawn: Drawn
  /** One arm in one second; poured out after each. */
  private readonly moment: ArmSummary
  private lastShare = 0
  private changedAtMs = 0

  constructor(setting: CountsSetting, random: Random) {
    this.setting = setting
    this.random = random
    this.layout = setting.layout
    this.model = setting.layout.models[0]!
    this.drawn = drawnFor(this.model)
    this.moment = emptyArm(this.drawn.features)
    this.sources = Array.from({ length: setting.sources }, (_, index) => ({
      index,
      log: new SourceLog(this.model, index),
      clock: newClock(),
      open: null,
      lastRecordMs: 0,
      idle: false,
      queue: [],
    }))
  }

  slice(index: number, shares: Shares): FedSlice {
    const startMs = index * this.layout.sliceMs
    const features = this.drawn.features
    const pair = { index, startMs: BEGIN_MS + startMs, share: shares[0]!, candidate: emptyArm(features), control: emptyArm(features) }
    const routed = { candidate: 0, control: 0 }
    for (const [second, share] of shares.entries()) {
      const atMs = startMs + second * 1_000
      if (Math.abs(share - this.lastShare) > 1e-9) this.changedAtMs = atMs
      this.lastShare = share
      const weather = this.setting.weather(atMs)
      const split = splitOf(this.random, weather, 1, share)
      routed.candidate += split.candidate
      routed.control += split.control
      this.second(atMs, split, weather, pair)
    }
    const endMs = startMs + this.layout.sliceMs
    return { records: this.sources.flatMap((source) => this.readFrom(source, endMs)), routed, pair }
  }

  /** One second's requests, dealt out to the sources. */
  private second(
    atMs: number,
    split: { candidate: number; control: number },
    weather: Weather,
    pair: { candidate: ArmSummary; control: ArmSummary },
  ): void {
    let { candidate, control } = split
    for (const source of this.sources) {
      const left = this.sources.length - source.index
      const mine = this.setting.armPerSource
        ? { candidate: left === 1 ? candidate : 0, control: source.index === 0 ? control : 0 }
        : { candidate: binomial(this.random, candidate, 1 / left), control: binomial(this.random, control, 1 / left) }
      candidate -= mine.candidate
      control -= mine.control
      if (this.setting.produced?.(atMs, source.index) ?? true) this.arrive(source, atMs, mine, weather, pair)
      else this.quiet(source, atMs)
    }
  }

  private arrive(
    source: Source,
    atMs: number,
    requests: { candidate: number; control: number },
    weather: Weather,
    pair: { candidate: ArmSummary; control: ArmSummary },
  ): void {
    if (requests.candidate + requests.control === 0) return this.quiet(source, atMs)
    source.lastRecordMs = atMs
    source.idle = false
    const skewMs = this.setting.skewMs?.(atMs, source.index) ?? 0
    advanceClock(source.clock, BEGIN_MS + atMs, this.layout.maxClockSkewMs)
    if (skewMs !== 0) advanceClock(source.clock, BEGIN_MS + atMs + skewMs, this.layout.maxClockSkewMs)
    const slice = Math.floor(source.clock.nowMs / this.layout.sliceMs)
    if (source.open !== null && source.open.slice !== slice) this.closeOpen(source, false)
    const { features } = this.drawn
    source.open ??= { slice, candidate: emptyArm(features), control: emptyArm(features) }
    const difference = this.setting.difference?.(atMs, atMs - this.changedAtMs) ?? NO_DIFFERENCE
    this.addArm(source.open.candidate, pair.candidate, requests.candidate, weather, difference, atMs, 'candidate')
    this.addArm(source.open.control, pair.control, requests.control, weather, NO_DIFFERENCE, atMs, 'control')
  }

  private addArm(
    open: ArmSummary,
    whole: ArmSummary,
    requests: number,
    weather: Weather,
    difference: Difference,
    atMs: number,
    name: 'candidate' | 'control',
  ): void {
    if (requests === 0) return
    const arm = this.moment
    addTo(arm, requests, weather, difference, this.drawn, this.random)
    const coverage = this.setting.labels?.(atMs, name) ?? 1
    if (coverage < 1) {
      const right = binomial(this.random, arm.known - arm.wrong, coverage)
      arm.wrong = binomial(this.random, arm.wrong, coverage)
      arm.known = right + arm.wrong
    }
    pourInto(open, whole, arm, this.drawn)
  }

  /** Nothing came: after a while the partition is idle, and its open slice is closed. */
  private quiet(source: Source, atMs: number): void {
    if (source.idle || source.open === null || atMs - source.lastRecordMs < this.layout.idleAfterMs) return
    source.idle = true
    this.closeOpen(source, true)
  }

  private closeOpen(source: Source, idle: boolean): void {
    source.queue.push({ run: source.open!, clockMs: source.clock.nowMs, idle })
    source.open = null
  }

  private readFrom(source: Source, endMs: number): (Pane | Pulse)[] {
    if (!(this.setting.read?.(endMs, source.index) ?? true)) return []
    const outcomeMs = this.model.horizons.length === 0 ? -1 : BEGIN_MS + (this.setting.outcomeClock?.(endMs) ?? endMs)
    const isQuiet = source.open === null && source.queue.length === 0
    if (isQuiet) return source.log.heartbeat(source.clock.nowMs, outcomeMs)
    const records: (Pane | Pulse)[] = []
    let lag = source.queue.reduce((sum, { run }) => sum + run.candidate.requests + run.control.requests, 0)
    for (const { run, clockMs, idle } of source.queue) {
      const rows = run.candidate.requests + run.control.requests
      lag -= rows
      // A backlog that is read late has no idle moments: who is idle has read to the end.
      const isCaughtUp = lag === 0 && source.open === null
      records.push(...source.log.close(this.closed(run, rows), { exposureMs: clockMs, outcomeMs, lag, idle: idle && isCaughtUp }))
    }
    source.queue.length = 0
    return records
  }

  private closed({ slice, candidate, control }: OpenRun, rows: number) {
    const { sliceMs } = this.layout
    return {
      sliceStartMs: slice * sliceMs,
      sliceEndMs: (slice + 1) * sliceMs,
      rows,
      exposure: exposureCells(this.model, candidate, control),
      outcomes: outcomeCells(this.model, candidate, control),
    }
  }
}

/** Adds one arm's second to its slice and to the whole, and leaves it empty. */
function pourInto(open: ArmSummary, whole: ArmSummary, arm: ArmSummary, drawn: Drawn): void {
  for (const into of [open, whole]) {
    into.requests += arm.requests
    into.errors += arm.errors
    into.matured += arm.matured
    into.known += arm.known
    into.wrong += arm.wrong
  }
  arm.requests = arm.errors = arm.matured = arm.known = arm.wrong = 0
  if (drawn.latency) pourBins(open.latency, whole.latency, arm.latency)
  if (drawn.score) pourBins(open.score, whole.score, arm.score)
  for (let index = 0; index < drawn.features; index += 1) pourBins(open.features[index]!, whole.features[index]!, arm.features[index]!)
}

function pourBins(open: Float64Array, whole: Float64Array, bins: Float64Array): void {
  for (let bin = 0; bin < bins.length; bin += 1) {
    const count = bins[bin]!
    if (count === 0) continue
    open[bin]! += count
    whole[bin]! += count
    bins[bin] = 0
  }
}
