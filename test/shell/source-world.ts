/** A small world for the source pipeline: a layout with every kind of block, seeded traffic with all that goes wrong, and a stand-in for ingest. */
import type { DescribedOutcomeBatch, DropReason, OutcomeBatch, RecordBatch, Rejected } from '../../src/domain.ts'
import type { Ingest } from '../../src/ingest/ingest.ts'
import type { Random } from '../../src/kit/random.ts'
import { NO_FIELDS } from '../../src/policy/inputs.ts'
import type { Block, InputLayout, Layout, ModelLayout } from '../../src/policy/layout.ts'
import { unitBlocksOf } from '../../src/policy/unit-blocks.ts'
import { scramble, type TruthEvent } from '../measure/batch-truth.ts'

const PATH = { path: ['x'], constant: null, default: null, scale: 1, test: null, isTime: false }

function inputLayout(topic: string): InputLayout {
  return {
    topic,
    format: 'json',
    schemaFile: null,
    registry: null,
    fields: NO_FIELDS,
    numbers: [{ name: 'age', path: PATH }],
    symbols: [{ name: 'device', path: PATH, values: ['a', 'b', 'c'] }],
    dimensions: [{ name: 'region', path: PATH, values: ['eu', 'us', 'asia', '__other__'] }],
  }
}

function row(...blocks: (Partial<Block> & Pick<Block, 'id' | 'kind' | 'countSlots' | 'sumSlots'>)[]): Block[] {
  let countOffset = 0
  let sumOffset = 0
  return blocks.map((block) => {
    const whole: Block = {
      hash: `hash-${block.id}`,
      inSegments: true,
      countOffset,
      sumOffset,
      slot: 0,
      edges: [],
      firstMs: 1,
      perOctave: 4,
      bins: 8,
      outcome: '',
      absent: Number.NaN,
      floor: 0.01,
      lambdas: [0.5, 2],
      ...block,
    }
    countOffset += block.countSlots
    sumOffset += block.sumSlots
    return whole
  })
}

const AGE_EDGES = [0, 10, 30, 60, 61, 90]
const AGE = { name: 'age', slot: 0, edges: AGE_EDGES, values: 0 }
const DEVICE = { name: 'device', slot: 0, edges: [], values: 3 }

const exposureBlocks = row(
  { id: 'requests', kind: 'requests', countSlots: 1, sumSlots: 0 },
  { id: 'errors', kind: 'errors', countSlots: 1, sumSlots: 0 },
  { id: 'latency', kind: 'latency', countSlots: 2 * 24 + 2, sumSlots: 2, bins: 24 },
  { id: 'score', kind: 'score', countSlots: 12, sumSlots: 2, bins: 10, inSegments: false },
  { id: 'feature:age', kind: 'feature', countSlots: 10, sumSlots: 2, edges: AGE_EDGES },
  { id: 'category:device', kind: 'category', countSlots: 6, sumSlots: 0 },
  { id: 'stale', kind: 'stale', countSlots: 1, sumSlots: 0, staleAfterMs: 2000 },
  { id: 'pair:age×device', kind: 'pair', countSlots: 65, sumSlots: 0, inSegments: false, pair: [AGE, DEVICE] },
  { id: 'resource:age', kind: 'value', countSlots: 2, sumSlots: 6, bounds: { low: 0, high: 80, worse: 'higher' } },
  { id: 'tail:age', kind: 'tail', countSlots: 25, sumSlots: 0, bins: 24 },
  { id: 'duplicate', kind: 'duplicate', countSlots: 1, sumSlots: 0, inSegments: false },
)

const outcomeBlocks = (name: string, absent: number): Block[] =>
  row(
    { id: `outcome:${name}`, kind: 'outcome', countSlots: 4, sumSlots: 0, absent },
    { id: `probability:${name}`, kind: 'probability', countSlots: 16, sumSlots: 17, inSegments: false, absent },
    { id: `value:${name}`, kind: 'value', countSlots: 1, sumSlots: 2, slot: -1 },
    { id: `cost:${name}`, kind: 'value', countSlots: 2, sumSlots: 6, slot: -1, bounds: { low: 1, high: 8, worse: 'lower' } },
  )

const horizon = (horizonMs: number, name: string, absent: number) => ({
  horizonMs,
  chain: `outcome:${horizonMs}`,
  blocks: outcomeBlocks(name, absent),
})

const SCOPES = [
  { name: '__all__', dimensionSlot: -1, value: -1 },
  { name: 'region=eu', dimensionSlot: 0, value: 0 },
  { name: 'region=us', dimensionSlot: 0, value: 1 },
  { name: 'region=__other__', dimensionSlot: 0, value: 3 },
]

export const SLICE_MS = 1000

/** Three models: with units and two horizons, plain with one horizon, and one without outcomes. */
export function worldLayout(changes: Partial<Layout> = {}): Layout {
  const plan = { rollout: { shadow: null } } as ModelLayout['plan']
  const base = { control: 0, candidate: 1, dimensionSlots: [0], scopes: SCOPES, exposureBlocks, plan }
  return {
    policyDigest: 'digest',
    environment: 'test',
    sliceMs: SLICE_MS,
    maxClockSkewMs: 3000,
    idleAfterMs: 1,
    alignWithinMs: 1,
    alignPatienceMs: 1,
    maxStratumAgeMs: 1,
    maxPending: 1_000_000,
    maxHorizonMs: 6000,
    maxEarlyMs: 1500,
    recordBytesMax: 1000,
    predictions: inputLayout('predictions'),
    outcomes: inputLayout('outcomes'),
    described: inputLayout('described'),
    models: withUnitBlocks([
      {
        ...base,
        index: 0,
        name: 'risk',
        versions: ['v1', 'v2', 'v3'],
        hasUnits: true,
        horizons: [horizon(2000, 'soon', 0), horizon(6000, 'late', Number.NaN)],
        describedBlocks: outcomeBlocks('own', Number.NaN),
      },
      {
        ...base,
        index: 1,
        name: 'rank',
        versions: ['a', 'b'],
        hasUnits: false,
        horizons: [horizon(2000, 'soon', Number.NaN)],
        describedBlocks: [],
      },
      {
        ...base,
        index: 2,
        name: 'free',
        versions: ['x', 'y'],
        hasUnits: true,
        scopes: SCOPES.slice(0, 1),
        horizons: [],
        describedBlocks: [],
      },
    ]),
    ...changes,
  }
}

/** Every region has a scope: the counts of `__all__` are then added up from theirs. */
export function wholeWorldLayout(changes: Partial<Layout> = {}): Layout {
  const layout = worldLayout(changes)
  const scopes = [...SCOPES, { name: 'region=asia', dimensionSlot: 0, value: 2 }]
  return { ...layout, models: layout.models.map((model) => (model.scopes.length === 1 ? model : { ...model, scopes })) }
}

function withUnitBlocks(models: ModelLayout[]): ModelLayout[] {
  return models.map((model) => (model.hasUnits ? { ...model, unitBlocks: unitBlocksOf(model, PATH, PATH) } : model))
}

export interface Traffic {
  readonly predictions: TruthEvent[]
  readonly outcomes: TruthEvent[]
  readonly described: TruthEvent[]
}

const NO_NUMBER = Number.NaN

/** Seeded traffic: offsets with holes, skewed clocks, ids used again at once and much later, outcomes first, late, missing, twice, contradicting. */
export function traffic(random: Random, count: number): Traffic {
  const startMs = 1_700_000_000_000
  const predictions: TruthEvent[] = []
  const outcomes: { event: TruthEvent; sortMs: number }[] = []
  let offset = 100
  let atMs = startMs
  for (let n = 0; n < count; n++) {
    offset += random() < 0.03 ? 3 : 1
    atMs += Math.floor(random() * 25) + (random() < 0.004 ? 4500 : 0)
    const again = random() < 0.06 && n > 0 ? predictions[Math.floor(n * (1 - random() ** 3 * 0.99))] : undefined
    const event = prediction(random, offset, atMs, again?.id ?? n + 1)
    predictions.push(event)
    addOutcomes(random, event, atMs, outcomes)
  }
  for (let n = 0; n < count / 10; n++) {
    const sortMs = startMs + random() * (atMs - startMs)
    outcomes.push({ event: prediction(random, 0, sortMs, 10_000_000 + n), sortMs }) // ids nobody predicted
  }
  outcomes.sort((a, b) => a.sortMs - b.sortMs)
  return {
    predictions,
    outcomes: outcomes.map(({ event, sortMs }, index) => ({ ...event, offset: 7 + index, atMs: skewed(random, Math.floor(sortMs)) })),
    described: predictions
      .filter(() => random() < 0.5)
      .map((event, index) => ({ ...event, offset: 50 + index, label: index % 3 === 0 ? 1 : 0, value: index })),
  }
}

function skewed(random: Random, atMs: number): number {
  const dice = random()
  if (dice < 0.005) return -1
  if (dice < 0.02) return atMs + 50_000
  return dice < 0.1 ? atMs - Math.floor(random() * 3000) : atMs
}

function prediction(random: Random, offset: number, atMs: number, id: number): TruthEvent {
  const model = Math.floor(random() * 3)
  const state = random() < 0.1 ? 1 + Math.floor(random() * 3) : 0
  return {
    offset,
    id,
    atMs: skewed(random, atMs),
    model,
    version: model === 0 && random() < 0.1 ? 2 : Math.floor(random() * 2),
    unit: random() < 0.1 ? 0 : 1 + Math.floor(random() * 400),
    home: random() < 0.8 ? 1 : 0,
    error: random() < 0.1 ? 1 : 0,
    decision: Math.floor(random() * 3),
    score: random() < 0.05 ? NO_NUMBER : random() * 1.05 - 0.01,
    latencyMs: random() < 0.1 ? NO_NUMBER : random() * 90,
    number: state === 0 ? Math.floor(random() * 120) - 10 : NO_NUMBER,
    numberState: state,
    symbol: Math.floor(random() * 4) - (random() < 0.2 ? 4 : 0) === 3 ? -4 : Math.floor(random() * 3),
    eventAtMs: random() < 0.1 ? NO_NUMBER : atMs - Math.floor(random() * 3000),
    region: Math.floor(random() * 4),
    label: NO_NUMBER,
    value: NO_NUMBER,
    ...(random() < 0.03 ? { broken: 'undecodable' } : {}),
  }
}

function addOutcomes(random: Random, event: TruthEvent, atMs: number, into: { event: TruthEvent; sortMs: number }[]): void {
  if (random() < 0.15) return
  const copies = random() < 0.1 ? 2 + Math.floor(random() * 2) : 1
  for (let copy = 0; copy < copies; copy++) {
    const delayMs = random() < 0.2 ? -2000 * random() : random() < 0.1 ? 5500 + random() * 4000 : random() * 4000
    const label = random() < 0.05 ? NO_NUMBER : random() < 0.3 ? 1 : 0
    const value = random() < 0.5 ? NO_NUMBER : random() * 10
    const { broken: _, ...whole } = event
    into.push({ event: { ...whole, label, value, ...(random() < 0.02 ? { broken: 'wrong-type' } : {}) }, sortMs: atMs + delayMs })
  }
}

export function recordsOf(topic: string, events: readonly TruthEvent[]): RecordBatch {
  const bytes = Buffer.alloc(32, 'x')
  const places = (at: number) => new Int32Array(events.length).fill(at)
  return {
    topic,
    partition: 0,
    bytes,
    count: events.length,
    offset: Float64Array.from(events, (event) => event.offset),
    timestampMs: Float64Array.from(events, (event) => event.atMs),
    keyStart: places(0),
    keyEnd: places(2),
    valueStart: places(2),
    valueEnd: places(6),
    headerStart: places(-1),
  }
}

/** Gives the columns of the events with the offsets read. The id's second lane and both of the unit's are scrambled as hashes are. */
export function standIn(events: readonly TruthEvent[]): Ingest<DescribedOutcomeBatch & OutcomeBatch> {
  const byOffset = new Map(events.map((event) => [event.offset, event]))
  return {
    prepare: () => null,
    read: (records) => {
      const all = Array.from(records.offset.subarray(0, records.count), (offset) => byOffset.get(offset)!)
      const rejected: Rejected[] = []
      all.forEach((event, index) => {
        if (event.broken !== undefined) rejected.push({ row: index, reason: event.broken as DropReason, detail: 'broken on purpose' })
      })
      return { batch: columnsOf(all.filter((event) => event.broken === undefined)), rejected }
    },
  }
}

function columnsOf(events: readonly TruthEvent[]): DescribedOutcomeBatch & OutcomeBatch {
  const doubles = (of: (event: TruthEvent) => number) => Float64Array.from(events, of)
  const ints = (of: (event: TruthEvent) => number) => Int32Array.from(events, of)
  const bytes = (of: (event: TruthEvent) => number) => Uint8Array.from(events, of)
  return {
    count: events.length,
    offset: doubles((e) => e.offset),
    recordTimeMs: doubles((e) => e.atMs),
    eventTimeMs: doubles((e) => e.eventAtMs ?? NO_NUMBER),
    id1: ints((e) => e.id % 97),
    id2: ints((e) => scramble(e.id)),
    model: ints((e) => e.model),
    version: ints((e) => e.version),
    unit1: ints((e) => e.unit),
    unit2: ints((e) => (e.unit === 0 ? 0 : scramble(e.unit))),
    unitHome: bytes((e) => e.home),
    error: bytes((e) => e.error),
    decision: bytes((e) => e.decision),
    score: doubles((e) => e.score),
    latencyMs: doubles((e) => e.latencyMs),
    numbers: [doubles((e) => e.number)],
    numberStates: [bytes((e) => e.numberState)],
    symbols: [ints((e) => e.symbol)],
    dimensions: [ints((e) => e.region)],
    label: doubles((e) => e.label),
    value: doubles((e) => e.value),
  }
}
