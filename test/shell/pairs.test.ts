/** Answers to one request in a shadow: which make a pair, what is counted of them, whatever the order of reading, and over restarts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PAIRED_LOG, PAIRED_STAKES, pairedLogBets } from '../../detectors/paired-scores.ts'
import type { Pane } from '../../src/domain.ts'
import { type Random, seededRandom } from '../../src/kit/random.ts'
import type { Block, Layout, ModelLayout, Stage } from '../../src/policy/layout.ts'
import type { TruthEvent } from '../measure/batch-truth.ts'
import { readAll, Worker } from './source-reading.ts'
import { SLICE_MS, type Traffic, worldLayout } from './source-world.ts'

const HORIZONS = [2000, 6000]
const ABSENT: Readonly<Record<number, number>> = { 2000: 0, 6000: Number.NaN }
const MARGIN = 0.02
const SHADOW: Stage = { name: 'shadow', kind: 'shadow', percent: 0, cohort: '', dwellMs: 0, minimumRows: 0, approval: false }

function pairedLayout(changes: Partial<Layout> = {}): Layout {
  const base = worldLayout()
  const [model] = base.models
  const plan = { ...model!.plan, rollout: { ...model!.plan.rollout, shadow: SHADOW } }
  const mirrored: ModelLayout = {
    ...model!,
    hasUnits: false,
    unitBlocks: {},
    plan,
    exposureBlocks: withPaired(model!.exposureBlocks, [{ id: 'paired', kind: 'paired', countSlots: 3, sumSlots: 0, outcome: '' }]),
    horizons: model!.horizons.map((horizon) => ({
      ...horizon,
      blocks: withPaired(horizon.blocks, outcomeBlocks(ABSENT[horizon.horizonMs]!)),
    })),
    describedBlocks: [],
  }
  return { ...base, models: [mirrored, ...base.models.slice(1)], ...changes }
}

type Draft = Partial<Block> & Pick<Block, 'id' | 'kind' | 'countSlots' | 'sumSlots'>

const outcomeBlocks = (absent: number): Draft[] => [
  { id: 'paired:late', kind: 'paired', countSlots: 4, sumSlots: 0, outcome: 'late', absent },
  {
    id: 'paired-log-score:late',
    kind: 'paired-scores',
    countSlots: 1,
    sumSlots: 2 + PAIRED_STAKES.length,
    outcome: 'late',
    absent,
    floor: PAIRED_LOG.floor,
    bets: { loss: 'log', margin: MARGIN },
  },
]

function withPaired(blocks: readonly Block[], added: readonly Draft[]): Block[] {
  const all = [...blocks]
  for (const draft of added) {
    const last = all.at(-1)!
    const place = { countOffset: last.countOffset + last.countSlots, sumOffset: last.sumOffset + last.sumSlots }
    all.push({ ...last, hash: `hash-${draft.id}`, inSegments: false, ...draft, ...place })
  }
  return all
}

/** Both versions answer most requests, up to some seconds apart and in either order; ids come twice, and some outcomes first. */
function mirroredTraffic(random: Random, requests: number): Traffic {
  const startMs = 1_700_000_000_000
  const predictions: TruthEvent[] = []
  const outcomes: TruthEvent[] = []
  for (let id = 1; id <= requests; id++) {
    const atMs = startMs + id * 20
    const versions = [
      0,
      ...(random() < 0.9 ? [1] : []),
      ...(random() < 0.1 ? [2] : []),
      ...(random() < 0.05 ? [0] : []),
      ...(random() < 0.05 ? [1] : []),
    ]
    for (const version of versions) {
      if (random() < 0.03) continue
      const lateMs = random() < 0.15 ? random() * 4000 : random() * 40
      predictions.push(answer(random, id, Math.floor(atMs + lateMs), version))
    }
    for (let copy = random() < 0.15 ? 1 : 0; copy < (random() < 0.1 ? 2 : 1); copy++) {
      const delayMs = random() < 0.2 ? -1800 * random() : random() * 7000
      const label = random() < 0.05 ? Number.NaN : random() < 0.4 ? 1 : 0
      outcomes.push({ ...answer(random, id, Math.floor(atMs + delayMs), 0), label })
    }
  }
  return { predictions: inOrder(predictions, 100), outcomes: inOrder(outcomes, 7), described: [] }
}

function inOrder(events: TruthEvent[], from: number): TruthEvent[] {
  return [...events].sort((one, other) => one.atMs - other.atMs).map((event, index) => ({ ...event, offset: from + index }))
}

function answer(random: Random, id: number, atMs: number, version: number): TruthEvent {
  const score = random() < 0.05 ? Number.NaN : random()
  const none = { error: 0, latencyMs: 1, number: 20, numberState: 0, symbol: 0, label: Number.NaN, value: Number.NaN }
  return { ...none, offset: 0, id, atMs, model: 0, version, unit: 0, home: 0, decision: Math.floor(random() * 3), score, region: 0 }
}

type Sums = Map<string, number[]>

/** What the pairs add up to by chain, slice and block: all answers at once, pair by pair, from the rules and nothing of the pipeline. */
function truthOf(layout: Layout, { predictions, outcomes }: Traffic): Sums {
  const endOf = ({ atMs }: TruthEvent) => (Math.floor(atMs / SLICE_MS) + 1) * SLICE_MS
  const counted: TruthEvent[] = []
  const mates = new Map<number, TruthEvent[]>()
  const found: Sums = new Map()
  const outcomesOf = new Map<number, TruthEvent[]>()
  for (const outcome of outcomes) outcomesOf.set(outcome.id, [...(outcomesOf.get(outcome.id) ?? []), outcome])
  const labelOf = (control: TruthEvent, horizonMs: number) => {
    const fits = (outcomesOf.get(control.id) ?? []).find(
      ({ atMs }) => atMs < endOf(control) + layout.maxHorizonMs && control.atMs <= atMs + layout.maxEarlyMs,
    )
    const seen = fits !== undefined && fits.atMs < endOf(control) + horizonMs ? fits.label : Number.NaN
    return Number.isNaN(seen) ? ABSENT[horizonMs]! : seen
  }
  for (const event of predictions) {
    const sameId = mates.get(event.id) ?? []
    const isDuplicate = sameId.some(
      (each) => (each.version === 1) === (event.version === 1) && event.atMs < endOf(each) + layout.maxHorizonMs,
    )
    if (isDuplicate) continue
    counted.push(event)
    const twin = sameId.findLast((each) => each.version === 1 - event.version && endOf(event) - endOf(each) <= layout.maxEarlyMs)
    mates.set(event.id, [...sameId, event])
    if (twin === undefined || event.version > 1) continue
    const [ours, theirs] = event.version === 1 ? [event, twin] : [twin, event]
    addPair(found, endOf(event), ours, theirs, (horizonMs) => labelOf(theirs, horizonMs))
  }
  return found
}

function addPair(found: Sums, endMs: number, ours: TruthEvent, theirs: TruthEvent, labelAt: (horizonMs: number) => number): void {
  const decided = ours.decision < 2 && theirs.decision < 2
  const differ = ours.decision !== theirs.decision
  add(found, `exposure ${endMs} paired`, decided ? [1, differ ? 1 : 0, 0] : [0, 0, 1])
  for (const horizonMs of HORIZONS) {
    const label = labelAt(horizonMs)
    if (Number.isNaN(label)) continue
    const [wrong, right] = [ours.decision !== label, theirs.decision !== label]
    if (decided)
      add(found, `outcome:${horizonMs} ${endMs} paired:late`, [1, differ ? 1 : 0, wrong && !right ? 1 : 0, right && !wrong ? 1 : 0])
    if (Number.isNaN(ours.score) || Number.isNaN(theirs.score)) continue
    const bets = pairedLogBets({ candidate: [ours.score], control: [theirs.score], outcome: [label] }, PAIRED_LOG, MARGIN)
    const loss = (score: number) => -Math.log(Math.min(1 - PAIRED_LOG.floor, Math.max(PAIRED_LOG.floor, label === 1 ? score : 1 - score)))
    const more = loss(ours.score) - loss(theirs.score)
    add(found, `outcome:${horizonMs} ${endMs} paired-log-score:late`, [1, more, more * more, ...bets])
  }
}

function add(found: Sums, key: string, values: readonly number[]): void {
  const before = found.get(key)
  found.set(key, before === undefined ? [...values] : before.map((value, index) => value + values[index]!))
}

/** Of panes, likewise; and that a pair stands in the candidate's cell of the whole population, and nowhere else. */
function sumsIn(panes: readonly Pane[]): Sums {
  const found: Sums = new Map()
  for (const pane of panes) {
    for (const cell of pane.cells) {
      for (const [id, { counts, sums }] of cell.blocks) {
        if (!id.startsWith('paired') || [...counts].every((count) => count === 0)) continue
        assert.deepEqual([pane.model, cell.version, cell.scope, cell.population], ['risk', 'v2', '__all__', 'all'])
        add(found, `${pane.chain} ${pane.sliceEndMs} ${id}`, [...counts, ...sums])
      }
    }
  }
  return found
}

function assertSame(found: Sums, truth: Sums): void {
  assert.deepEqual([...found.keys()].sort(), [...truth.keys()].sort())
  for (const [key, values] of truth) {
    for (const [index, value] of values.entries()) {
      const got = found.get(key)![index]!
      assert.ok(Math.abs(got - value) <= 1e-9 * Math.max(1, Math.abs(value)), `${key} ${index}: ${got}, not ${value}`)
    }
  }
}

for (const seed of [1, 2, 3]) {
  test(`pairs are those of a plain batch program, each counted once, with the control's outcome for both (seed ${seed})`, () => {
    const input = mirroredTraffic(seededRandom(seed), 1500)
    const layout = pairedLayout()
    const truth = truthOf(layout, input)
    assert.ok([...truth.values()].reduce((sum, [pairs]) => sum + pairs!, 0) > 1500)
    assertSame(sumsIn(readAll(layout, input, seededRandom(seed + 50), { crashes: 0, cuts: [] }).panes), truth)
  })

  test(`another interleaving, other batches, idle cuts and many restarts make the same pairs, to the last bit (seed ${seed})`, () => {
    const input = mirroredTraffic(seededRandom(seed), 1500)
    const layout = pairedLayout()
    const cuts = [401, 402, 900]
    const whole = readAll(layout, input, seededRandom(seed + 60), { crashes: 0, cuts })
    const broken = readAll(layout, input, seededRandom(seed + 70), { crashes: 40, cuts })
    assert.ok(broken.restarts > 3)
    assert.deepEqual([...sumsIn(broken.panes)].sort(), [...sumsIn(whole.panes)].sort())
    assertSame(sumsIn(broken.panes), truthOf(layout, input))
  })
}

test('a crash after each second of outcomes, with predictions read far ahead of them, changes no pair', () => {
  const input = mirroredTraffic(seededRandom(6), 1500)
  const layout = pairedLayout()
  const worker = new Worker(layout, input)
  worker.read('predictions', input.predictions.length)
  while (worker.next.outcomes < input.outcomes.length) {
    worker.read('outcomes', 50)
    worker.collect()
    worker.store()
    if (!worker.pipeline.replaying()) worker.crash()
    while (worker.next.predictions < input.predictions.length || worker.pipeline.replaying()) {
      worker.read('predictions', input.predictions.length)
      worker.read('outcomes', 10)
      worker.collect()
    }
  }
  worker.pipeline.end()
  worker.collect()
  assert.ok(worker.restarts > 20)
  assertSame(sumsIn(worker.panes), truthOf(layout, input))
})

test('what waits is held no longer than two answers may lie apart, and a restart reads no further back than that', () => {
  const input = mirroredTraffic(seededRandom(9), 3000)
  const paired = pairedLayout()
  const plain = {
    ...paired,
    models: worldLayout().models.map((model, index) => (index === 0 ? { ...model, plan: paired.models[0]!.plan } : model)),
  }
  const perSecond = input.predictions.length / ((input.predictions.at(-1)!.atMs - input.predictions[0]!.atMs) / 1000)
  const [more, most] = [mostHeld(paired, input), mostHeld(plain, input)]
  assert.ok(more >= most && more <= most + perSecond * ((paired.maxEarlyMs + 2 * SLICE_MS) / 1000), `${more} against ${most}`)
})

/** Predictions held at most, read in step. */
function mostHeld(layout: Layout, input: Traffic): number {
  const worker = new Worker(layout, input)
  let most = 0
  while (worker.next.predictions < input.predictions.length) {
    const untilMs = input.predictions[Math.min(worker.next.predictions + 50, input.predictions.length) - 1]!.atMs
    worker.read('predictions', 50)
    worker.read('outcomes', input.outcomes.slice(worker.next.outcomes).filter(({ atMs }) => atMs <= untilMs).length)
    worker.collect()
    most = Math.max(most, worker.pipeline.gauges().pending)
  }
  return most
}

test('past maxPending whole requests are left out, so of the candidate as many answers as ever have a partner', () => {
  const input = mirroredTraffic(seededRandom(4), 5000)
  const share = (layout: Layout) => {
    const { panes } = readAll(layout, input, seededRandom(5), { crashes: 0, cuts: [] })
    const matured = panes.filter(({ chain }) => chain === 'outcome:2000')
    const sum = (block: string) =>
      matured.reduce((total, { cells }) => {
        const cell = cells.find(({ version, scope, population }) => version === 'v2' && scope === '__all__' && population === 'all')
        return total + (cell?.blocks.get(block)?.counts[0] ?? 0)
      }, 0)
    return { sampled: matured.some(({ sampleRate }) => sampleRate < 1), pairs: sum('paired:late'), matured: sum('outcome:soon') }
  }
  const [all, some] = [share(pairedLayout()), share(pairedLayout({ maxPending: 900 }))]
  assert.ok(some.sampled && some.matured < 0.9 * all.matured)
  assert.ok(Math.abs(some.pairs / some.matured - all.pairs / all.matured) < 0.06, `${some.pairs / some.matured}`)
})
