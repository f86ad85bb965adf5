/**
 * What the statistics cost: nanoseconds a request where requests are counted, microseconds a stratum where evidence is weighed, bytes
 * that a model's evidence fills. Through the product's own compiled policy, measure and judge; only the columns are drawn.
 *
 * Settings take turns within one run, so that a busy machine meets them all, and the figures to compare are ratios: cost for each
 * scope as scopes are added, and cost of a stratum as its requests are multiplied. Lower quartiles over the turns; the first are
 * not counted.
 */
import { DEFAULT_GRID, emptyTwoArm, observeTwoArm } from '../../detectors/two-arm.ts'
import type { Pane, PredictionBatch } from '../../src/domain.ts'
import { type EvidenceState, emptyEvidence, encodeEvidence, harms, observePane } from '../../src/judge/evidence/evidence.ts'
import { type Random, seededRandom } from '../../src/kit/random.ts'
import type { ModelCells } from '../../src/measure/measure.ts'
import { ChainMeasure } from '../../src/measure/measure.ts'
import type { Layout, ModelLayout } from '../../src/policy/layout.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import type { Section, SectionOptions } from './section.ts'

const FEATURES = 20
const SEGMENTS = 20
const CANDIDATE_SHARE = 0.1
const REQUESTS_PER_SEGMENT = 100
const SEGMENTS_TRIED = [1, 5, SEGMENTS, 84] as const
const SLICE_MS = 5_000
const WARM_UP_TURNS = 4
const MILLION_ROUNDS = 40

interface Setting {
  readonly name: string
  readonly segments: number
  readonly requests: number
}

interface Cost extends Setting {
  /** The whole beside the segments. */
  readonly scopes: number
  readonly measureNsPerRequest: number
  readonly judgeUsPerStratum: number
  readonly harmsUs: number
  readonly storedBytes: number
}

export async function cost({ seed, small, log }: SectionOptions): Promise<Section> {
  const settings = SEGMENTS_TRIED.map((segments) =>
    settingOf(segments === 1 ? '1 segment' : `${segments} segments`, segments, segments * REQUESTS_PER_SEGMENT),
  )
  settings.push(settingOf('ten times the traffic', SEGMENTS, 10 * SEGMENTS * REQUESTS_PER_SEGMENT))
  const costs = measured(settings, seed, small ? 10 : 40, log)
  const ratios = ratiosOf(costs)
  const million = millionUs()
  return {
    title: 'Cost',
    markdown: `${tableOf(costs)}\n${wordsOf(ratios, million)}`,
    json: { cost: { settings: costs, ...ratios, twoArmMillionUs: rounded(million) } },
    plots: [],
  }
}

function settingOf(name: string, segments: number, requests: number): Setting {
  // Fewer would not fill a stratum.
  return { name, segments, requests: Math.max(200, requests) }
}

// ── the work ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** One setting in work: its model, its measure, its evidence, and the times taken. */
interface Bench {
  readonly setting: Setting
  readonly model: ModelLayout
  readonly measure: ChainMeasure
  readonly columns: Columns
  readonly random: Random
  evidence: EvidenceState
  read: number
  readonly measureNs: number[]
  readonly judgeNs: number[]
  readonly harmsNs: number[]
}

function measured(settings: readonly Setting[], seed: number, turns: number, log: SectionOptions['log']): readonly Cost[] {
  const benches = settings.map((setting) => openBench(setting, seed))
  for (let turn = 0; turn < turns + WARM_UP_TURNS; turn += 1) {
    log(`cost: turn ${turn + 1} of ${turns + WARM_UP_TURNS}`)
    for (const bench of benches) takeTurn(bench, turn)
  }
  return benches.map(costOf)
}

function openBench(setting: Setting, seed: number): Bench {
  const layout = layoutOf(setting.segments)
  const model = layout.models[0]!
  const measure = new ChainMeasure(layout.models, layout.predictions, 'exposure', (each) => each.exposureBlocks)
  const columns = columnsOf(setting.requests)
  const times = { measureNs: [], judgeNs: [], harmsNs: [] }
  return { setting, model, measure, columns, random: seededRandom(seed), evidence: emptyEvidence(model), read: 0, ...times }
}

/** One slice: its requests are drawn (not timed), counted, and judged; it makes one stratum. */
function takeTurn(bench: Bench, slice: number): void {
  const { columns, measure, model, setting } = bench
  draw(columns, setting, bench.random)
  const start = process.hrtime.bigint()
  measure.predictions(columns.batch, 0, setting.requests, columns.status, columns.first)
  const taken = measure.take()
  const counted = process.hrtime.bigint()
  const pane = paneOf(taken[0]!, slice, bench.read, setting.requests)
  const context = { settlingUntilMs: 0, commandedShare: CANDIDATE_SHARE, maxStratumAgeMs: 3_600_000 }
  const opened = process.hrtime.bigint()
  const observed = observePane(bench.evidence, pane, model, context)
  const judged = process.hrtime.bigint()
  harms(observed.state, model)
  const done = process.hrtime.bigint()
  if (observed.closed.length === 0) throw new Error(`a slice of ${setting.requests} requests did not close its stratum`)
  bench.evidence = observed.state
  bench.read += setting.requests
  bench.measureNs.push(Number(counted - start))
  bench.judgeNs.push(Number(judged - opened))
  bench.harmsNs.push(Number(done - judged))
}

function costOf({ setting, evidence, measureNs, judgeNs, harmsNs }: Bench): Cost {
  const harmsUs = steady(harmsNs) / 1_000
  return {
    ...setting,
    scopes: 1 + setting.segments,
    measureNsPerRequest: rounded(steady(measureNs) / setting.requests),
    judgeUsPerStratum: rounded(steady(judgeNs) / 1_000 + harmsUs),
    harmsUs: rounded(harmsUs),
    storedBytes: encodeEvidence(evidence).length,
  }
}

/** The lower quartile: what the work takes when nothing else wants the processor. */
function steady(times: readonly number[]): number {
  const sorted = times.slice(WARM_UP_TURNS).sort((one, other) => one - other)
  return sorted[sorted.length >> 2]!
}

/** One event in a stratum of a million requests: the longest sum there is. */
function millionUs(): number {
  const arms = { candidateRequests: 500_000, controlRequests: 500_000, candidateEvents: 250_100, controlEvents: 249_900 }
  const times = Array.from({ length: MILLION_ROUNDS }, () => {
    const start = process.hrtime.bigint()
    observeTwoArm(emptyTwoArm(DEFAULT_GRID), arms, 0.1, 'more', DEFAULT_GRID)
    return Number(process.hrtime.bigint() - start)
  })
  return steady(times) / 1_000
}

// ── policy, columns, panes ─────────────────────────────────────────────────────────────────────────────────────────────────

/** Feature drift, errors and latency at four quantiles, in every segment and in the whole. */
function layoutOf(segments: number): Layout {
  const features = Array.from({ length: FEATURES }, (_, index) => `f${index}`)
  const each = (names: readonly string[], value: (name: string) => string) => names.map(value).join(', ')
  const text = `version: 1
inputs:
  predictions:
    topic: cost.predictions
    fields: { id: id, time: ts, model: { value: cost }, version: version, latency: latencyMs, error: error }
    segments: { segment: segment }
    features: { ${each(features, (name) => `${name}: features.${name}`)} }
models:
  cost:
    control: v1
    candidate: v2
    segments: { segment: [${each(
      Array.from({ length: segments }, (_, index) => `s${index}`),
      (name) => name,
    )}] }
    features: { ${each(features, (name) => `${name}: { low: -3, high: 3, bins: 20 }`)} }
    guardrails:
      - { kind: error-rate, marginPoints: 0.5, segments: all }
      - { kind: latency, segments: all }
      - { kind: feature-drift, segments: all }
`
  return parsePolicy(text, 'cost.yaml').layout
}

/** The columns of a batch, written again for each slice. */
interface Columns {
  readonly batch: PredictionBatch
  readonly version: Int32Array
  readonly segment: Int32Array
  readonly error: Uint8Array
  readonly latencyMs: Float64Array
  readonly numbers: readonly Float64Array[]
  readonly status: Uint8Array
  readonly first: Uint8Array
}

function columnsOf(count: number): Columns {
  const floats = () => new Float64Array(count)
  const ints = () => new Int32Array(count)
  const bytes = () => new Uint8Array(count)
  const own = { version: ints(), segment: ints(), error: bytes(), latencyMs: floats() }
  const numbers = Array.from({ length: FEATURES }, floats)
  const ids = { offset: floats(), recordTimeMs: floats(), eventTimeMs: floats(), id1: ints(), id2: ints(), unit1: ints(), unit2: ints() }
  const absent = { unitHome: bytes(), decision: bytes().fill(2), score: floats().fill(Number.NaN), symbols: [] }
  const features = { numbers, numberStates: numbers.map(bytes) }
  const { version, segment, error, latencyMs } = own
  const batch = { count, model: ints(), version, error, latencyMs, dimensions: [segment], ...ids, ...absent, ...features }
  return { batch, ...own, numbers, status: bytes(), first: bytes() }
}

/** Equal arms: 2 % errors, latencies around 20 ms, features as the sum of four uniform numbers. */
function draw({ version, segment, error, latencyMs, numbers }: Columns, setting: Setting, random: Random): void {
  for (let row = 0; row < setting.requests; row += 1) {
    version[row] = random() < CANDIDATE_SHARE ? 1 : 0
    segment[row] = Math.floor(random() * setting.segments)
    error[row] = random() < 0.02 ? 1 : 0
    latencyMs[row] = 20 * Math.exp(random() + random() - 1)
  }
  for (const column of numbers) {
    for (let row = 0; row < setting.requests; row += 1) column[row] = 1.7 * (random() + random() + random() + random() - 2)
  }
}

function paneOf(cells: ModelCells, slice: number, from: number, requests: number): Pane {
  const sliceStartMs = slice * SLICE_MS
  return {
    kind: 'pane',
    model: cells.model,
    source: 'cost.predictions/0',
    chain: 'exposure',
    stamp: { epoch: 1, sequence: slice + 1 },
    base: { epoch: 0, sequence: 0 },
    from,
    to: from + requests,
    previousTo: from,
    sliceStartMs,
    sliceEndMs: sliceStartMs + SLICE_MS,
    finalAtMs: sliceStartMs + SLICE_MS,
    sampleRate: 1,
    blockHashes: cells.blockHashes,
    cells: cells.cells,
  }
}

// ── words ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

interface Ratios {
  /** Judging a stratum per scope, at the most scopes against the setting of 20 segments. */
  readonly judgePerScopeGrowth: number
  /** Judging a stratum of ten times the requests. */
  readonly judgeTrafficGrowth: number
  /** Counting a request, at the most scopes against one segment. */
  readonly measureScopeGrowth: number
  /** Counting a request, at ten times the traffic. */
  readonly measureTrafficGrowth: number
}

function ratiosOf(costs: readonly Cost[]): Ratios {
  const few = costs[0]!
  const usual = costs[SEGMENTS_TRIED.indexOf(SEGMENTS)]!
  const many = costs[SEGMENTS_TRIED.length - 1]!
  const busy = costs.at(-1)!
  const perScope = ({ judgeUsPerStratum, scopes }: Cost) => judgeUsPerStratum / scopes
  return {
    judgePerScopeGrowth: rounded(perScope(many) / perScope(usual)),
    judgeTrafficGrowth: rounded(busy.judgeUsPerStratum / usual.judgeUsPerStratum),
    measureScopeGrowth: rounded(many.measureNsPerRequest / few.measureNsPerRequest),
    measureTrafficGrowth: rounded(busy.measureNsPerRequest / usual.measureNsPerRequest),
  }
}

function tableOf(costs: readonly Cost[]): string {
  const rows = costs.map(({ name, scopes, requests, measureNsPerRequest, judgeUsPerStratum, harmsUs, storedBytes }) => {
    const perScope = rounded(judgeUsPerStratum / scopes)
    const cells = [name, scopes, requests, measureNsPerRequest, judgeUsPerStratum, perScope, harmsUs, rounded(storedBytes / 1_000)]
    return `| ${cells.map((cell) => cell.toLocaleString('en-US')).join(' | ')} |`
  })
  return `${FEATURES} features of 25 slots, errors and latency (4 thresholds), each in every scope; ${100 * CANDIDATE_SHARE} % of requests on the candidate.

| setting | scopes | requests a stratum | measure, ns a request | judge, µs a stratum | µs a scope | of it, weighing the budget, µs | evidence stored, kB |
| --- | --: | --: | --: | --: | --: | --: | --: |
${rows.join('\n')}
`
}

function wordsOf(ratios: Ratios, million: number): string {
  const { judgePerScopeGrowth, judgeTrafficGrowth, measureScopeGrowth, measureTrafficGrowth } = ratios
  return `From ${SEGMENTS} to ${SEGMENTS_TRIED.at(-1)} segments the judge's cost a scope changes by a factor of ${judgePerScopeGrowth}; ten times the traffic multiplies its cost a stratum by ${judgeTrafficGrowth}.
Counting a request costs ${measureScopeGrowth} times as much in ${SEGMENTS_TRIED.at(-1)} segments as in one, and ${measureTrafficGrowth} times as much at ten times the traffic.
One event of a stratum of a million requests, half of them showing it, is weighed exactly in ${rounded(million)} µs.
`
}

/** Three digits: more would be noise. */
function rounded(value: number): number {
  return Number(value.toPrecision(3))
}
