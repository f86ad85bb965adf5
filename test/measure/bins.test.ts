/** Bins agree with their definitions to the last bit, at their edges above all. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../src/kit/random.ts'
import { FeatureBins, LatencyBins, scoreBin } from '../../src/measure/bins.ts'

for (const block of [
  { firstMs: 1, perOctave: 4, bins: 64 },
  { firstMs: 0.25, perOctave: 4, bins: 64 },
  { firstMs: 3, perOctave: 3, bins: 20 },
  { firstMs: 0.1, perOctave: 1, bins: 10 },
]) {
  test(`latency bins equal floor(log2(ms / ${block.firstMs}) · ${block.perOctave} + 1e-9), clamped to ${block.bins} bins`, () => {
    const bins = new LatencyBins(block)
    const defined = (ms: number) =>
      Math.max(0, Math.min(block.bins - 1, Math.floor(Math.log2(ms / block.firstMs) * block.perOctave + 1e-9)))
    const random = seededRandom(4)
    const samples = Array.from({ length: 20_000 }, () => 2 ** (random() * 24 - 6))
    for (let k = -8; k < 70; k++) {
      const edge = block.firstMs * 2 ** (k / block.perOctave)
      for (const factor of [1, 1 - 2 ** -52, 1 + 2 ** -52, 1 - 1e-9, 1 - 1e-10, 1 + 1e-9]) samples.push(edge * factor)
    }
    for (const ms of samples) assert.equal(bins.of(ms), defined(ms), `${ms} ms`)
  })
}

test('latencies of zero, below zero and without end fall into the first and the last bin', () => {
  const bins = new LatencyBins({ firstMs: 1, perOctave: 4, bins: 64 })
  assert.deepEqual(
    [0, -5, 1e-300, Number.POSITIVE_INFINITY, 1e300].map((ms) => bins.of(ms)),
    [0, 0, 0, 63, 63],
  )
})

for (const edges of [[-4, -3.6, -3.2, -2.8, -2.4], [0, 1, 10, 100], Array.from({ length: 21 }, (_, k) => k * 0.1), [5, 6]]) {
  test(`feature bins over ${edges.length} edges from ${edges[0]} hold edge ≤ x < next edge, the last its upper edge too`, () => {
    const bins = new FeatureBins(edges)
    const last = edges.length - 1
    const defined = (x: number) => {
      if (x < edges[0]!) return 0
      if (x > edges[last]!) return last + 1
      return Math.min(last, edges.filter((edge) => edge <= x).length)
    }
    const random = seededRandom(9)
    const near = edges.flatMap((edge) => [edge, edge - 1e-12, edge + 1e-12])
    const spread = Array.from({ length: 2000 }, () => edges[0]! - 1 + random() * (edges[last]! - edges[0]! + 2))
    for (const x of [...near, ...spread]) assert.equal(bins.slotOf(x), defined(x), `${x}`)
  })
}

test('a score of 1 falls into the last bin', () => {
  assert.deepEqual(
    [0, 0.0999, 0.1, 0.9999, 1].map((score) => scoreBin(score, 10)),
    [0, 0, 1, 9, 9],
  )
})
