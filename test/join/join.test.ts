/** The join by itself: ids whose hashes meet, distances that do not fit into an entry, horizons, and the memory it takes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MaturedBatch, OutcomeBatch, PredictionBatch } from '../../src/domain.ts'
import { Join, type OutcomeFate } from '../../src/join/join.ts'
import { UnitTable } from '../../src/join/units.ts'
import { seededRandom } from '../../src/kit/random.ts'
import type { Layout } from '../../src/policy/layout.ts'
import { worldLayout } from '../shell/source-world.ts'

interface P {
  readonly offset: number
  readonly id: readonly [number, number]
  readonly clockMs: number
  readonly score?: number
  readonly model?: number
  readonly version?: number
  readonly region?: number
}

interface O {
  readonly offset: number
  readonly id: readonly [number, number]
  readonly clockMs: number
  readonly label?: number
  readonly value?: number
}

const HORIZONS = [2000, 6000] as const

function predictionBatch(rows: readonly P[]): PredictionBatch {
  const doubles = (of: (row: P) => number) => Float64Array.from(rows, of)
  const ints = (of: (row: P) => number) => Int32Array.from(rows, of)
  const none = new Float64Array(rows.length)
  const zeros = new Uint8Array(rows.length)
  return {
    count: rows.length,
    offset: doubles((row) => row.offset),
    recordTimeMs: none,
    eventTimeMs: none,
    id1: ints((row) => row.id[0]),
    id2: ints((row) => row.id[1]),
    model: ints((row) => row.model ?? 0),
    version: ints((row) => row.version ?? 0),
    unit1: ints(() => 0),
    unit2: ints(() => 0),
    unitHome: zeros,
    error: zeros,
    decision: Uint8Array.from(rows, (row) => row.offset % 3),
    score: doubles((row) => row.score ?? 0.5),
    latencyMs: none,
    numbers: [],
    numberStates: [],
    symbols: [],
    dimensions: [ints((row) => row.region ?? 0)],
  }
}

function outcomeBatch(rows: readonly O[]): OutcomeBatch {
  const doubles = (of: (row: O) => number) => Float64Array.from(rows, of)
  return {
    count: rows.length,
    offset: doubles((row) => row.offset),
    recordTimeMs: doubles((row) => row.clockMs),
    eventTimeMs: doubles((row) => row.clockMs),
    id1: Int32Array.from(rows, (row) => row.id[0]),
    id2: Int32Array.from(rows, (row) => row.id[1]),
    label: doubles((row) => row.label ?? Number.NaN),
    value: doubles((row) => row.value ?? Number.NaN),
  }
}

class Desk {
  readonly fates: [OutcomeFate, number, number][] = []
  readonly join: Join

  constructor(layout: Layout = worldLayout()) {
    const hears = (fate: OutcomeFate, offset: number, _clockMs: number, prediction: number) => this.fates.push([fate, offset, prediction])
    this.join = new Join(layout, new UnitTable(0), hears, [], null)
  }

  run(sliceEndMs: number, rows: readonly P[]) {
    const run = this.join.openRun(sliceEndMs)
    this.join.accept(
      predictionBatch(rows),
      0,
      rows.length,
      Float64Array.from(rows, (row) => row.clockMs),
      run,
    )
    this.join.closeRun(run)
    return run
  }

  outcomes(rows: readonly O[], countUsed: ((rows: number) => void) | null = null): void {
    this.join.attach(
      outcomeBatch(rows),
      Float64Array.from(rows, (row) => row.clockMs),
      countUsed,
    )
  }

  matured(run: ReturnType<Desk['run']>, horizonMs: number): ReturnType<typeof rowsOf> {
    const all: ReturnType<typeof rowsOf> = []
    this.join.mature(run, horizonMs, (batch) => all.push(...rowsOf(batch)))
    return all
  }
}

function rowsOf({ count, model, version, dimensions, score, decision, label, value }: MaturedBatch) {
  return Array.from({ length: count }, (_, row) => ({
    model: model[row],
    version: version[row],
    region: dimensions[0]![row],
    score: score[row],
    decision: decision[row],
    label: label[row],
    value: value[row],
  }))
}

test('ids that share the first lane, or the second, are different ids; their outcomes find their own prediction', () => {
  const desk = new Desk()
  const ids = [
    [7, 1],
    [7, 2],
    [8, 1],
    [7 + 2 ** 11, 1],
  ] as const
  const run = desk.run(
    1000,
    ids.map((id, offset) => ({ offset, id, clockMs: 500, score: offset / 10 })),
  )
  assert.deepEqual([...desk.join.status.subarray(0, 4)], [0, 0, 0, 0])
  desk.outcomes([...ids].reverse().map((id, offset) => ({ offset, id, clockMs: 900, label: 1, value: id[0] * 10 + id[1] })))
  assert.deepEqual(
    desk.matured(run, 6000).map(({ value }) => value),
    ids.map(([one, other]) => one * 10 + other),
  )
})

test('ids whose 64 bits agree are one id: the second is a duplicate, also within one batch, and has no outcome of its own', () => {
  const desk = new Desk()
  const id = [-5, 1 << 31] as const
  const run = desk.run(1000, [
    { offset: 3, id, clockMs: 500 },
    { offset: 4, id, clockMs: 501 },
  ])
  assert.deepEqual([...desk.join.status.subarray(0, 2)], [0, 1])
  desk.outcomes([
    { offset: 0, id, clockMs: 900, label: 1 },
    { offset: 1, id, clockMs: 901, label: 1 },
    { offset: 2, id, clockMs: 902, label: 0 },
  ])
  assert.deepEqual(desk.fates, [
    ['used', 0, 3],
    ['duplicate-outcome', 1, 3],
    ['contradicting-outcome', 2, 3],
  ])
  assert.equal(desk.matured(run, 6000).length, 1)
})

test('offsets and times that lie further apart than an entry can say are kept to the last digit', () => {
  const desk = new Desk(worldLayout({ maxEarlyMs: 1500.25 }))
  const offsets = [0, 5, 2 ** 31 + 6, 2 ** 31 + 7, 2 ** 52]
  const clocks = [500, 500.5, 500.125, 900, 999]
  const rows = offsets.map((offset, n) => ({ offset, id: [n, n] as const, clockMs: clocks[n]! }))
  desk.run(1000, rows)
  const fitsFrom = clocks.map((clock) => Math.max(0, clock - 1500.25))
  assert.deepEqual(fitsFrom, [0, 0, 0, 0, 0])
  const later = clocks.map((clock) => clock + 2 ** 42)
  desk.run(
    2 ** 42 + 1000,
    offsets.map((offset, n) => ({ offset: offset + 1, id: [n, n + 100] as const, clockMs: later[n]! })),
  )
  desk.outcomes(offsets.map((_, n) => ({ offset: n, id: [n, n + 100] as const, clockMs: later[n]! - 1500.25, label: 1 })))
  assert.deepEqual(
    desk.fates,
    offsets.map((offset, n) => ['used', n, offset + 1]),
  )
  desk.join.predictionsReached(Number.POSITIVE_INFINITY)
  desk.fates.length = 0
  desk.outcomes(offsets.map((_, n) => ({ offset: 10 + n, id: [n, n + 100] as const, clockMs: later[n]! - 1500.26, label: 1 })))
  assert.deepEqual(
    desk.fates.map(([fate]) => fate),
    offsets.map(() => 'unmatched-outcome'),
  )
})

test('an outcome counts at the horizons it was in time for: until the last moment before each', () => {
  const desk = new Desk()
  const clocks = [1000 + 1999, 1000 + 2000, 1000 + 5999, 1000 + 6000]
  const run = desk.run(
    1000,
    clocks.map((_, offset) => ({ offset, id: [offset, 9] as const, clockMs: 700 })),
  )
  desk.outcomes(clocks.map((clockMs, n) => ({ offset: n, id: [n, 9] as const, clockMs, label: 1, value: n })))
  const at = (horizonMs: number) => desk.matured(run, horizonMs).map(({ label }) => label)
  const none = Number.NaN
  assert.deepEqual(HORIZONS.map(at), [
    [1, none, none, none],
    [1, 1, 1, none],
  ])
  assert.throws(() => desk.matured(run, 3000), /no model has a horizon of 3000 ms/)
})

for (const seed of [1, 2]) {
  test(`what comes out of an entry is what went in, with every bit, over growth and release (seed ${seed})`, () => {
    const random = seededRandom(seed)
    const desk = new Desk()
    const draw = (values: number) => Math.floor(random() * values)
    const held: ReturnType<Desk['run']>[] = []
    let offset = 0
    for (let slice = 1; slice <= 12; slice++) {
      const rows = Array.from({ length: 1 + draw(3000) }, () => ({
        offset: offset++,
        id: [draw(2 ** 32) | 0, draw(2 ** 32) | 0] as const,
        clockMs: slice * 1000 - draw(1000),
        score: random() < 0.1 ? Number.NaN : random(),
        model: draw(3),
        version: draw(2),
        region: draw(4),
      }))
      const run = desk.run(slice * 1000, rows)
      const answered = rows.map(() => random() < 0.5)
      const values = rows.map(() => (random() < 0.5 ? random() : Number.NaN))
      desk.outcomes(
        rows.flatMap(({ id }, n) => (answered[n] ? [{ offset: n, id, clockMs: slice * 1000, label: n % 2, value: values[n]! }] : [])),
      )
      assert.deepEqual(
        desk.matured(run, 6000),
        rows.map(({ model, version, region, score, offset }, n) => {
          const [label, value] = answered[n] ? [n % 2, values[n]!] : [Number.NaN, Number.NaN]
          return { model, version, region, score, decision: offset % 3, label, value }
        }),
      )
      held.push(run)
      if (random() < 0.6) for (const done of held.splice(0, 1 + draw(held.length))) desk.join.releaseRun(done)
    }
  })
}

test('a hundred thousand predictions wait in less than 80 bytes each, and their memory is given back', () => {
  const desk = new Desk()
  const empty = desk.join.bytes
  const rows = Array.from({ length: 100_000 }, (_, n) => ({ offset: n, id: [n * 2_654_435_761, n] as const, clockMs: 700 }))
  const run = desk.run(1000, rows)
  assert.equal(desk.join.pendingCount, 100_000)
  const each = desk.join.bytes / desk.join.pendingCount
  assert.ok(each > 32 && each < 80, `${each} bytes`)
  desk.join.releaseRun(run)
  assert.equal(desk.join.pendingCount, 0)
  assert.equal(desk.join.bytes, empty)
})

// ── mirrored candidates ────────────────────────────────────────────────────────────────────────────────────────────────────

const SHADOW = { name: 'shadow', kind: 'shadow', percent: 0, cohort: '', dwellMs: 0, minimumRows: 0, approval: false } as const

/** The candidate of the first model is mirrored. */
function mirroredLayout(): Layout {
  const layout = worldLayout()
  const [first, ...others] = layout.models
  const plan = { ...first!.plan, rollout: { ...first!.plan.rollout, shadow: SHADOW } }
  return { ...layout, models: [{ ...first!, plan }, ...others] }
}

test('a mirrored request: control and candidate under one id are no duplicates, one outcome counts for both, and its fate is told once', () => {
  const id = [9, 1] as const
  const others = [10, 1] as const
  const answers = [
    { offset: 0, id, clockMs: 500, version: 0 },
    { offset: 1, id, clockMs: 500, version: 1 },
    { offset: 2, id, clockMs: 501, version: 1 },
    { offset: 3, id: others, clockMs: 502, version: 1 },
  ]
  const told = [
    { offset: 0, id, clockMs: 900, label: 1 },
    { offset: 1, id: others, clockMs: 900, label: 0 },
    { offset: 2, id: [77, 7] as const, clockMs: 900, label: 0 },
  ]
  const labels = [
    [0, 1],
    [1, 1],
    [1, 0],
  ]
  const later = new Desk(mirroredLayout())
  const run = later.run(1000, answers)
  assert.deepEqual([...later.join.status.subarray(0, 4)], [0, 0, 1, 0])
  later.outcomes(told)
  assert.deepEqual(
    later.matured(run, 6000).map(({ version, label }) => [version, label]),
    labels,
  )
  const earlier = new Desk(mirroredLayout())
  earlier.outcomes(told)
  const runAfter = earlier.run(1000, answers)
  assert.deepEqual(
    earlier.matured(runAfter, 6000).map(({ version, label }) => [version, label]),
    labels,
  )
  for (const desk of [later, earlier]) {
    desk.join.predictionsReached(1e9)
    assert.deepEqual(desk.fates.map(([fate, offset]) => `${offset} ${fate}`).sort(), ['0 used', '1 used', '2 unmatched-outcome'])
  }
  const plain = new Desk()
  plain.run(1000, answers)
  assert.deepEqual([...plain.join.status.subarray(0, 4)], [0, 1, 1, 0], 'without a shadow in the plan an id is an id')
})

test('mirrored or not, what counts for a prediction does not depend on how the two partitions are interleaved, and every outcome has one fate', () => {
  const random = seededRandom(31)
  const pick = (count: number) => Math.floor(random() * count)
  for (let round = 0; round < 200; round++) {
    const runs = Array.from({ length: 4 }, (_, index) =>
      Array.from({ length: 8 }, (_, row) => ({
        offset: index * 8 + row,
        id: [pick(6), 0] as const,
        clockMs: index * 1000 + 500,
        version: pick(2),
      })),
    )
    const outcomes = Array.from({ length: 24 }, (_, offset) => ({
      offset,
      id: [pick(6), 0] as const,
      clockMs: offset * 250,
      label: pick(2),
    }))
    const seen = [0, 12, 24].map((before) => {
      const desk = new Desk(mirroredLayout())
      desk.outcomes(outcomes.slice(0, before))
      const first = runs.slice(0, 2).map((rows, index) => desk.run(index * 1000 + 1000, rows))
      desk.outcomes(outcomes.slice(before))
      const last = runs.slice(2).map((rows, index) => desk.run(index * 1000 + 3000, rows))
      const labels = [...first, ...last].map((run) => desk.matured(run, 6000).map(({ version, label }) => `${version} ${label}`))
      desk.join.predictionsReached(1e9)
      return { labels, fates: desk.fates.map(([fate, offset]) => `${offset} ${fate}`).sort() }
    })
    assert.deepEqual(seen[1]!.labels, seen[0]!.labels)
    assert.deepEqual(seen[2]!.labels, seen[0]!.labels)
    for (const { fates } of seen) assert.equal(fates.length, outcomes.length)
  }
})

for (const seed of [3, 4]) {
  test(`outcomes that are counted are those that are told one by one, and every prediction comes out the same (seed ${seed})`, () => {
    const random = seededRandom(seed)
    const draw = (values: number) => Math.floor(random() * values)
    const told = new Desk()
    const counted = new Desk()
    let used = 0
    for (let slice = 1; slice <= 8; slice++) {
      // Few ids: some come again, some outcomes are early, late, second ones, or contradict.
      const rows = Array.from({ length: 400 }, (_, n) => ({
        offset: slice * 1000 + n,
        id: [draw(900), 1] as const,
        clockMs: slice * 1000 - 1,
      }))
      const outcomes = Array.from({ length: 700 }, (_, n) => {
        const value = random() < 0.5 ? random() : Number.NaN
        return { offset: slice * 1000 + n, id: [draw(900), 1] as const, clockMs: slice * 1000 + draw(3000), label: draw(3) - 1, value }
      })
      const labelled = outcomes.map(({ label, ...rest }) => (label < 0 ? rest : { ...rest, label }))
      const runs = [told, counted].map((desk) => desk.run(slice * 1000, rows))
      told.outcomes(labelled)
      counted.outcomes(labelled, (count) => {
        used += count
      })
      for (const horizonMs of HORIZONS) assert.deepEqual(counted.matured(runs[1]!, horizonMs), told.matured(runs[0]!, horizonMs))
      for (const { join } of [told, counted]) join.predictionsReached(slice * 1000)
    }
    const early = (desk: Desk) => desk.fates.filter(([fate]) => fate === 'used').length
    assert.equal(used + early(counted), early(told))
    assert.ok(used > 300 && early(counted) > 0, `${used} counted, ${early(counted)} met later`)
    const others = (desk: Desk) => desk.fates.filter(([fate]) => fate !== 'used')
    assert.deepEqual(others(counted), others(told))
    assert.ok(new Set(others(told).map(([fate]) => fate)).size >= 3)
  })
}
