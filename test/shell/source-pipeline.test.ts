/** The pipeline of one source against a plain batch program, in many readings: other interleavings, other batches, restarts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeadLetter, Pane } from '../../src/domain.ts'
import { seededRandom } from '../../src/kit/random.ts'
import type { Layout } from '../../src/policy/layout.ts'
import { type TruthEvent, type TruthPanes, truthOf } from '../measure/batch-truth.ts'
import { type Reading, readAll } from './source-reading.ts'
import { SLICE_MS, type Traffic, traffic, wholeWorldLayout, worldLayout } from './source-world.ts'

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
  const { pending, pendingBytes, countingBytes } = reading.pipeline.gauges()
  assert.ok(pending <= 150)
  assert.ok(pendingBytes > 0 && pendingBytes < 500_000, `${pendingBytes} bytes`)
  assert.ok(countingBytes > 0 && countingBytes < 1_000_000, `${countingBytes} bytes`)
  const { outcomes } = reading.pipeline.counters()
  assert.ok((outcomes.dropped['sampled-out'] ?? 0) > 0)
  assert.equal(outcomes.waiting, 0)
})
