/**
 * A feed request by request, where it matters who asks or what a model answers: rows go through the product's own first exposures and
 * measure, so that every population and block of a pane is the product's. One source partition.
 */
import type { MaturedBatch, PredictionBatch } from '../../src/domain.ts'
import { FirstExposures, UnitTable } from '../../src/join/units.ts'
import { unitBucket } from '../../src/kit/hash.ts'
import type { Random } from '../../src/kit/random.ts'
import { ChainMeasure } from '../../src/measure/measure.ts'
import type { Layout, ModelLayout } from '../../src/policy/layout.ts'
import { volume } from './draws.ts'
import { type FedSlice, type Feed, type Shares, SourceLog } from './feed.ts'
import { type ArmSummary, BEGIN_MS, emptyArm, FEATURE_BINS, SCORE_BINS, type Weather } from './traffic.ts'

/** One request and what became of it; written anew for each. */
export interface Request {
  version: number
  /** Both 0: no unit. */
  unit1: number
  unit2: number
  error: boolean
  /** NaN: none. */
  score: number
  decision: number
  label: number
  feature: number
}

export interface RequestsSetting {
  readonly layout: Layout
  readonly weather: (atMs: number) => Weather
  /** Draws one request under this share; fills every field. */
  readonly draw: (into: Request, share: number, weather: Weather) => void
}

const ROWS = 8_192
const FEATURE_LOW = -4
const FEATURE_HIGH = 4

export function requestsFeed(setting: RequestsSetting, random: Random): Feed {
  return new RequestsFeed(setting, random)
}

class RequestsFeed implements Feed {
  readonly layout: Layout
  readonly model: ModelLayout
  private readonly setting: RequestsSetting
  private readonly random: Random
  private readonly log: SourceLog
  private readonly firsts: FirstExposures
  private readonly exposure: ChainMeasure
  private readonly matured: readonly { readonly chain: string; readonly measure: ChainMeasure }[]
  private readonly batch: PredictionBatch
  private readonly labels: MaturedBatch
  private readonly status = new Uint8Array(ROWS)
  private readonly first = new Uint8Array(ROWS)
  private readonly request: Request = { version: 0, unit1: 0, unit2: 0, error: false, score: 0, decision: 0, label: 0, feature: 0 }
  private offset = 0

  constructor(setting: RequestsSetting, random: Random) {
    this.setting = setting
    this.random = random
    this.layout = setting.layout
    this.model = setting.layout.models[0]!
    this.log = new SourceLog(this.model, 0)
    const { models, predictions } = setting.layout
    this.firsts = new FirstExposures(new UnitTable(0), models, 'exposure')
    this.exposure = new ChainMeasure(models, predictions, 'exposure', (model) => model.exposureBlocks)
    this.matured = this.model.horizons.map(({ chain, horizonMs }) => ({
      chain,
      measure: new ChainMeasure(
        models,
        predictions,
        chain,
        (model) => model.horizons.find((horizon) => horizon.horizonMs === horizonMs)?.blocks ?? [],
      ),
    }))
    this.batch = emptyBatch(setting.layout)
    this.labels = emptyLabels()
  }

  slice(index: number, shares: Shares): FedSlice {
    const startMs = index * this.layout.sliceMs
    const endMs = BEGIN_MS + startMs + this.layout.sliceMs
    const pair = { index, startMs: BEGIN_MS + startMs, share: shares[0]!, candidate: emptyArm(), control: emptyArm() }
    this.batch.count = 0
    for (const [second, share] of shares.entries()) {
      const weather = this.setting.weather(startMs + second * 1_000)
      const requests = volume(this.random, weather.requestsPerSecond)
      for (let request = 0; request < requests; request += 1) this.add(share, weather, pair)
    }
    const rows = this.measured()
    const outcomes = new Map(this.matured.map(({ chain, measure }) => [chain, measure.take()[0]?.cells ?? []] as const))
    const run = { sliceStartMs: BEGIN_MS + startMs, sliceEndMs: endMs, rows, exposure: this.exposure.take()[0]?.cells ?? [], outcomes }
    const records = this.log.close(run, { exposureMs: endMs, outcomeMs: this.matured.length > 0 ? endMs : -1, lag: 0 })
    return { records, routed: { candidate: pair.candidate.requests, control: pair.control.requests }, pair }
  }

  private add(share: number, weather: Weather, pair: { candidate: ArmSummary; control: ArmSummary }): void {
    const { batch, request } = this
    const row = batch.count
    if (row === ROWS) throw new Error(`more than ${ROWS} requests in a slice`)
    this.setting.draw(request, share, weather)
    batch.offset[row] = this.offset + row
    batch.version[row] = request.version
    batch.unit1[row] = request.unit1
    batch.unit2[row] = request.unit2
    batch.error[row] = request.error ? 1 : 0
    batch.score[row] = request.score
    batch.decision[row] = request.decision
    for (const column of batch.numbers) column[row] = request.feature
    this.first[row] = this.firsts.isFirst(0, request.version, request.unit1, request.unit2, this.offset + row) ? 1 : 0
    this.labels.label[row] = request.label
    batch.count = row + 1
    summarise(request.version === this.model.candidate ? pair.candidate : pair.control, request)
  }

  /** Through measure: exposures now, labels into the cells that go out at the horizon. */
  private measured(): number {
    const { batch, labels, first } = this
    this.exposure.predictions(batch, 0, batch.count, this.status, first)
    labels.count = batch.count
    labels.version.set(batch.version.subarray(0, batch.count))
    labels.first.set(first.subarray(0, batch.count))
    labels.score.set(batch.score.subarray(0, batch.count))
    labels.decision.set(batch.decision.subarray(0, batch.count))
    for (let row = 0; row < batch.count; row += 1) labels.unitBucket[row] = unitBucket(batch.unit1[row]!, batch.unit2[row]!)
    for (const { measure } of this.matured) measure.matured(labels)
    this.offset += batch.count
    return batch.count
  }
}

function summarise(arm: ArmSummary, request: Request): void {
  arm.requests += 1
  if (request.error) arm.errors += 1
  arm.matured += 1
  if (!Number.isNaN(request.label)) {
    arm.known += 1
    if (request.label !== request.decision) arm.wrong += 1
  }
  if (request.score >= 0) arm.score[Math.min(SCORE_BINS - 1, Math.floor(request.score * SCORE_BINS))]! += 1
  const place = ((request.feature - FEATURE_LOW) / (FEATURE_HIGH - FEATURE_LOW)) * FEATURE_BINS
  arm.features[0]![Math.min(FEATURE_BINS - 1, Math.max(0, Math.floor(place)))]! += 1
}

function emptyBatch(layout: Layout): PredictionBatch {
  const { numbers, symbols, dimensions } = layout.predictions
  const doubles = () => new Float64Array(ROWS)
  return {
    count: 0,
    offset: doubles(),
    recordTimeMs: doubles(),
    eventTimeMs: doubles().fill(Number.NaN),
    id1: new Int32Array(ROWS),
    id2: new Int32Array(ROWS),
    model: new Int32Array(ROWS),
    version: new Int32Array(ROWS),
    unit1: new Int32Array(ROWS),
    unit2: new Int32Array(ROWS),
    unitHome: new Uint8Array(ROWS).fill(1),
    error: new Uint8Array(ROWS),
    decision: new Uint8Array(ROWS),
    score: doubles(),
    latencyMs: doubles().fill(Number.NaN),
    numbers: numbers.map(doubles),
    numberStates: numbers.map(() => new Uint8Array(ROWS)),
    symbols: symbols.map(() => new Int32Array(ROWS)),
    dimensions: dimensions.map(() => new Int32Array(ROWS)),
  }
}

function emptyLabels(): MaturedBatch {
  return {
    count: 0,
    model: new Int32Array(ROWS),
    version: new Int32Array(ROWS),
    dimensions: [],
    first: new Uint8Array(ROWS),
    unitBucket: new Int16Array(ROWS),
    score: new Float64Array(ROWS),
    decision: new Uint8Array(ROWS),
    label: new Float64Array(ROWS),
    value: new Float64Array(ROWS).fill(Number.NaN),
    pairs: null,
  }
}
