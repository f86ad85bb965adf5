/** The pipeline of one source against a plain batch program, in many readings: other interleavings, other batches, restarts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeadLetter, Pane } from '../../src/domain.ts'
import type { UnitChunk } from '../../src/join/units.ts'
import { type Random, seededRandom } from '../../src/kit/random.ts'
import type { Layout } from '../../src/policy/layout.ts'
import type { SourceCheckpoint } from '../../src/shell/source-checkpoint.ts'
import { type SliceClosing, SourcePipeline, type UnstampedPane } from '../../src/shell/source-pipeline.ts'
import { encodePacked } from '../../src/wire/panes.ts'
import { type TruthEvent, type TruthPanes, truthOf } from '../measure/batch-truth.ts'
import { readPane } from '../wire/records.ts'
import { recordsOf, SLICE_MS, standIn, type Traffic, traffic, wholeWorldLayout, worldLayout } from './source-world.ts'

const SOURCE = 'predictions/0'
const INPUTS = ['predictions', 'outcomes', 'described'] as const

interface Reading {
  readonly panes: Pane[]
  readonly closings: SliceClosing[]
  readonly deadLetters: DeadLetter[]
  readonly pipeline: SourcePipeline
  readonly restarts: number
}

const NO_STAMP = { epoch: 0, sequence: 0 }

/** As the judge reads it. */
function sent(pane: UnstampedPane): Pane {
  const found = readPane(encodePacked({ ...pane, stamp: NO_STAMP, base: NO_STAMP }))
  assert.ok(found.kind === 'pane')
  return found
}

/** What a worker would do, with its outputs, checkpoint and unit chunks kept as a log would keep them. */
class Worker {
  readonly panes: Pane[] = []
  readonly closings: SliceClosing[] = []
  readonly deadLetters: DeadLetter[] = []
  pipeline: SourcePipeline
  restarts = 0
  next = { predictions: 0, outcomes: 0, described: 0 }
  private stored: string | null = null
  private storedAt = { panes: 0, closings: 0, deadLetters: 0 }
  private readonly chunks = new Map<number, UnitChunk>()
  private readonly layout: Layout
  private readonly input: Traffic

  constructor(layout: Layout, input: Traffic) {
    this.layout = layout
    this.input = input
    this.pipeline = this.build(null)
  }

  build(restored: SourceCheckpoint | null): SourcePipeline {
    const { predictions, outcomes, described } = this.input
    const ingest = { predictions: standIn(predictions), outcomes: standIn(outcomes), described: standIn(described) }
    return new SourcePipeline({ layout: this.layout, source: SOURCE, ingest, restored })
  }

  read(name: (typeof INPUTS)[number], count: number): void {
    const events = this.input[name].slice(this.next[name], this.next[name] + count)
    if (events.length === 0) return
    this.next[name] += events.length
    this.pipeline[name](recordsOf(name, events))
  }

  collect(): void {
    const taken = this.pipeline.take()
    this.panes.push(...taken.panes.map(sent))
    this.closings.push(...taken.closings)
    this.deadLetters.push(...taken.deadLetters)
  }

  store(): void {
    for (const chunk of this.pipeline.unitChunks()) this.chunks.set(chunk.from, chunk)
    this.stored = JSON.stringify(this.pipeline.checkpoint())
    // While re-reading the checkpoint is still the old one: what was sent since is not covered by it.
    if (!this.pipeline.replaying())
      this.storedAt = { panes: this.panes.length, closings: this.closings.length, deadLetters: this.deadLetters.length }
  }

  /** Dies; what was sent after the checkpoint comes again and must be the same. Unit chunks written after it may be there as well. */
  crash(): void {
    this.restarts++
    const lost = { panes: this.panes.splice(this.storedAt.panes), closings: this.closings.splice(this.storedAt.closings) }
    this.deadLetters.splice(this.storedAt.deadLetters)
    this.resent.push(...lost.panes)
    const restored = this.stored === null ? null : (JSON.parse(this.stored) as SourceCheckpoint)
    this.pipeline = this.build(restored)
    for (const from of [...this.chunks.keys()].sort((a, b) => a - b)) {
      if (restored !== null && from < restored.unitEntries) this.pipeline.loadUnits(this.chunks.get(from)!)
    }
    for (const name of INPUTS) {
      const offset = restored?.[name].rewindOffset ?? -1
      const at = this.input[name].findIndex((event) => event.offset >= offset)
      this.next[name] = at < 0 ? this.input[name].length : at
    }
  }

  readonly resent: Pane[] = []
}

function readAll(layout: Layout, input: Traffic, random: Random, plan: { crashes: number; cuts: readonly number[] }): Reading {
  const worker = new Worker(layout, input)
  const crashAt = plan.crashes
  while (INPUTS.some((name) => worker.next[name] < input[name].length)) {
    const name = INPUTS[Math.floor(random() * 3)]!
    worker.read(
      name,
      name === 'predictions' ? beforeCut(worker, plan.cuts, 1 + Math.floor(random() * 200)) : 1 + Math.floor(random() * 200),
    )
    if (name === 'predictions') cutIfDue(worker, input, plan.cuts, random)
    if (random() < 0.5) worker.collect()
    if (random() < 0.3) worker.store()
    if (worker.restarts < crashAt && random() < 0.15) worker.crash()
  }
  worker.pipeline.end()
  worker.collect()
  for (const pane of worker.resent) {
    const again = worker.panes.find((one) => one.chain === pane.chain && one.model === pane.model && one.from === pane.from)
    assert.deepEqual(again, pane, 'a pane sent again after a crash is the pane sent before')
  }
  return worker
}

/** How many records may be read before the next planned idle cut. */
function beforeCut(worker: Worker, cuts: readonly number[], wanted: number): number {
  const at = worker.next.predictions
  const cut = cuts.find((row) => row > at)
  return cut === undefined ? wanted : Math.min(wanted, cut - at)
}

function cutIfDue(worker: Worker, input: Traffic, cuts: readonly number[], random: Random): void {
  if (!cuts.includes(worker.next.predictions)) return
  const cut = worker.pipeline.cutIdle()
  if (cut !== null) assert.equal(cut.offset, input.predictions[worker.next.predictions - 1]!.offset + 1)
  worker.store()
  if (random() < 0.5) worker.collect()
}

const byChain = (panes: readonly Pane[]) =>
  [...panes].sort((a, b) => a.chain.localeCompare(b.chain) || a.model.localeCompare(b.model) || a.from - b.from)

const letterKeys = (letters: readonly DeadLetter[]) => letters.map((letter) => `${letter.topic} ${letter.reason} ${letter.offset}`).sort()

function cellsOf(panes: readonly Pane[]): TruthPanes {
  const found: TruthPanes = new Map()
  for (const pane of panes) {
    const cells = new Map<string, { counts: number[]; sums: number[] }>()
    for (const cell of pane.cells) {
      for (const [id, { counts, sums }] of cell.blocks) {
        cells.set(`${cell.version}|${cell.scope}|${cell.population}|${id}`, { counts: [...counts], sums: [...sums] })
      }
    }
    found.set(`${pane.chain}|${pane.model}|${pane.from}|${pane.to}`, cells)
  }
  return found
}

const sorted = (panes: TruthPanes) =>
  [...panes]
    .map(([pane, cells]) => [pane, [...cells].sort((a, b) => (a[0] < b[0] ? -1 : 1))] as const)
    .sort((a, b) => (a[0] < b[0] ? -1 : 1))

const cutOffsets = (predictions: readonly TruthEvent[], rows: readonly number[]) => rows.map((row) => predictions[row - 1]!.offset + 1)

function compareWithTruth(layout: Layout, input: Traffic, reading: Reading, cuts: readonly number[]): void {
  const truth = truthOf(layout, input.predictions, input.outcomes, input.described, cutOffsets(input.predictions, cuts))
  assert.deepEqual(sorted(cellsOf(reading.panes)), sorted(truth.panes))
  const counters = reading.pipeline.counters()
  for (const name of ['predictions', 'outcomes'] as const) {
    assert.deepEqual({ ...counters[name].dropped }, truth.drops[name], name)
    assert.equal(counters[name].used, truth.used[name])
    assert.equal(counters[name].read, input[name].length)
    assert.equal(counters[name].waiting, 0)
  }
  assert.equal(counters.described.used + (counters.described.dropped.undecodable ?? 0), input.described.length)
  const offsets = (reason: string) => reading.deadLetters.filter((letter) => letter.reason === reason).map((letter) => letter.offset)
  assert.deepEqual(
    offsets('contradicting-outcome').sort((a, b) => a - b),
    truth.contradictions,
  )
  assert.deepEqual(offsets('duplicate-id'), truth.duplicates)
}

function checkLinks(panes: readonly Pane[]): void {
  const through = new Map<string, number>()
  for (const pane of panes) {
    const key = `${pane.chain}|${pane.model}`
    assert.equal(pane.previousTo, through.get(key) ?? 0)
    assert.ok(pane.from >= pane.previousTo && pane.to > pane.from)
    assert.equal(pane.sliceEndMs - pane.sliceStartMs, SLICE_MS)
    through.set(key, pane.to)
  }
}

const CUTS = [333, 334, 900, 1500]

for (const seed of [1, 2, 3]) {
  test(`cells, drop counts and dead letters equal a plain batch program over the same partitions (seed ${seed})`, () => {
    const layout = worldLayout()
    const input = traffic(seededRandom(seed), 2500)
    const reading = readAll(layout, input, seededRandom(seed + 100), { crashes: 0, cuts: CUTS })
    compareWithTruth(layout, input, reading, CUTS)
    checkLinks(reading.panes)
  })
}

test('where every record is in a segment, the cells of all of them are still those of a plain batch program, over restarts too', () => {
  const layout = wholeWorldLayout()
  const input = traffic(seededRandom(21), 2500)
  const reading = readAll(layout, input, seededRandom(121), { crashes: 6, cuts: CUTS })
  compareWithTruth(layout, input, reading, CUTS)
})

for (const seed of [11, 12, 13, 14, 15, 16]) {
  test(`restarts at random moments change nothing: panes, counters, dead letters and first exposures (seed ${seed})`, () => {
    const layout = worldLayout()
    const input = traffic(seededRandom(seed), 2500)
    const whole = readAll(layout, input, seededRandom(seed + 100), { crashes: 0, cuts: CUTS })
    const broken = readAll(layout, input, seededRandom(seed + 200), { crashes: 12, cuts: CUTS })
    assert.ok(broken.restarts > 3, `${broken.restarts} restarts`)
    assert.deepEqual(byChain(broken.panes), byChain(whole.panes))
    assert.deepEqual(broken.pipeline.counters(), { ...whole.pipeline.counters() })
    assert.deepEqual(letterKeys(broken.deadLetters), letterKeys(whole.deadLetters))
    assert.deepEqual(
      broken.closings.map(({ from, to, models }) => ({ from, to, models })),
      whole.closings.map(({ from, to, models }) => ({ from, to, models })),
    )
    compareWithTruth(layout, input, broken, CUTS)
    checkLinks(broken.panes)
  })
}

test('past maxPending a sample by id is joined on both sides, its rate stands in the pane, and everything is still accounted for', () => {
  const layout = worldLayout({ maxPending: 150 })
  const input = traffic(seededRandom(31), 2500)
  const reading = readAll(layout, input, seededRandom(32), { crashes: 0, cuts: [] })
  const exact = truthOf(worldLayout(), input.predictions, input.outcomes, input.described, [])
  const exposures = (panes: TruthPanes) => sorted(panes).filter(([key]) => key.startsWith('exposure|risk'))
  assert.deepEqual(exposures(cellsOf(reading.panes)).length, exposures(exact.panes).length)
  const sampled = reading.panes.filter((pane) => pane.chain.startsWith('outcome:') && pane.sampleRate < 1)
  assert.ok(sampled.length > 0)
  assert.ok(reading.panes.every((pane) => pane.chain.startsWith('outcome:') || pane.sampleRate === 1))
  const { pending, pendingBytes } = reading.pipeline.gauges()
  assert.ok(pending <= 150)
  assert.ok(pendingBytes > 0 && pendingBytes < 500_000, `${pendingBytes} bytes`)
  const { outcomes } = reading.pipeline.counters()
  assert.ok((outcomes.dropped['sampled-out'] ?? 0) > 0)
  assert.equal(outcomes.waiting, 0)
})
