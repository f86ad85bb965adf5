/** A profile is a sample too: healthy streams stay silent whatever its size, and a real shift is found, early or late. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BaselineState, bandConstant, baselineDistance, emptyBaseline, observeBaseline } from '../../detectors/baseline-drift.ts'
import { KS_CONSTANTS, ksRadius } from '../../detectors/confidence-sequence.ts'
import { multinomial, type Random, seededRandom } from '../../detectors/math/random.ts'

const SLOTS = 25
const UNIFORM = Array.from({ length: SLOTS }, () => 1 / SLOTS)
/** Mass moved from the lower half to the upper: a distance of `by`. */
const shifted = (by: number) => UNIFORM.map((share, slot) => share + (slot < 12 ? -by / 12 : slot > 12 ? by / 12 : 0))
const OPTIONS = { tolerance: 0.1, alpha: 0.01, ordered: true }

interface Stream {
  readonly seed: number
  readonly profileRows: number
  readonly batches: number
  readonly tolerance?: number
  readonly ordered?: boolean
  readonly law?: (batch: number) => readonly number[]
}

/** First batch of 500 rows at which drift is said; -1: never. */
function firstAlarm({ seed, profileRows, batches, tolerance = 0.1, ordered = true, law = () => UNIFORM }: Stream): number {
  const random = seededRandom(seed)
  const profile = { counts: multinomial(random, profileRows, UNIFORM) }
  let state = emptyBaseline(SLOTS)
  for (let batch = 0; batch < batches; batch++) {
    state = observeBaseline(state, multinomial(random, 500, law(batch)))
    const found = baselineDistance(state, profile, { ...OPTIONS, tolerance, ordered })
    if (found !== null && found.excess > tolerance) return batch
  }
  return -1
}

/** What the rule would be if the profile were taken for the truth: the usual fixed test at 1 %, looked at after each batch. */
function firstNaiveAlarm(seed: number, profileRows: number, batches: number): number {
  const random: Random = seededRandom(seed)
  const profile = multinomial(random, profileRows, UNIFORM)
  let present = new Array<number>(SLOTS).fill(0)
  for (let batch = 0; batch < batches; batch++) {
    const more = multinomial(random, 500, UNIFORM)
    present = present.map((count, slot) => count + more[slot]!)
    const rows = (batch + 1) * 500
    let [left, right, distance] = [0, 0, 0]
    for (let slot = 0; slot < SLOTS; slot++) {
      left += present[slot]! / rows
      right += profile[slot]! / profileRows
      distance = Math.max(distance, Math.abs(left - right))
    }
    if (distance > Math.sqrt(Math.log(200) / (2 * rows))) return batch
  }
  return -1
}

for (const profileRows of [1_000, 10_000]) {
  test(`with a profile of ${profileRows} rows no healthy stream is called drifting, not even with no tolerance at all`, () => {
    const alarms = Array.from({ length: 60 }, (_, seed) => firstAlarm({ seed: 500 + seed, profileRows, batches: 100, tolerance: 0 }))
    assert.equal(alarms.filter((batch) => batch >= 0).length, 0)
  })
}

test('the same streams under a profile taken for the truth: most are called drifting', () => {
  const alarms = Array.from({ length: 60 }, (_, seed) => firstNaiveAlarm(500 + seed, 1_000, 100))
  assert.ok(alarms.filter((batch) => batch >= 0).length >= 50)
})

test('labels on a healthy stream stay silent, and a label that swallows a third of the others is found', () => {
  const swallowed = UNIFORM.map((share, slot) => (slot === 3 ? share + 0.33 * (1 - share) : share * 0.67))
  const found = { profileRows: 10_000, batches: 40, ordered: false }
  for (let seed = 600; seed < 620; seed++) {
    assert.equal(firstAlarm({ ...found, seed, tolerance: 0 }), -1)
    assert.ok(firstAlarm({ ...found, seed, law: () => swallowed }) >= 0)
  }
})

test('a shift of .3 is found within 2,500 rows', () => {
  for (let seed = 700; seed < 720; seed++) {
    const batch = firstAlarm({ seed, profileRows: 10_000, batches: 20, law: () => shifted(0.3) })
    assert.ok(batch >= 0 && batch <= 4, `batch ${batch}`)
  }
})

test('the same shift after 200,000 healthy rows is found within a window, not drowned in the past', () => {
  for (let seed = 720; seed < 726; seed++) {
    const batch = firstAlarm({ seed, profileRows: 10_000, batches: 460, law: (at) => (at < 400 ? UNIFORM : shifted(0.3)) })
    assert.ok(batch >= 400 && batch < 440, `batch ${batch}`)
  }
})

test('drift within the tolerance is not called drift', () => {
  for (let seed = 740; seed < 750; seed++) {
    assert.equal(firstAlarm({ seed, profileRows: 10_000, batches: 60, law: () => shifted(0.09) }), -1)
  }
})

test('the closed form of the band is never narrower than the published constants', () => {
  for (const { alpha, constant } of KS_CONSTANTS) {
    assert.ok(bandConstant(alpha) >= constant)
    assert.ok(bandConstant(alpha) <= constant * 1.05)
    assert.ok(ksRadius(1_000, 100, bandConstant(alpha)) >= ksRadius(1_000, 100, constant))
  }
})

test('at most two windows are kept, and one of them is always at most half full when the other is full', () => {
  let state: BaselineState = emptyBaseline(2)
  for (let batch = 0; batch < 200; batch++) {
    state = observeBaseline(state, [7, 3], 100)
    assert.ok(state.windows.length >= 1 && state.windows.length <= 2)
    assert.ok(state.windows.every((window) => window.rows < 100))
    assert.ok(state.windows.some((window) => window.rows < 50) || state.windows.length === 1)
  }
  assert.ok(state.begun > 30)
})

test('a batch without rows changes nothing, state survives JSON, and impossible counts are refused by name', () => {
  const state = observeBaseline(emptyBaseline(3), [50, 60, 70])
  assert.equal(observeBaseline(state, [0, 0, 0]), state)
  assert.deepEqual(observeBaseline(JSON.parse(JSON.stringify(state)), [1, 2, 3]), observeBaseline(state, [1, 2, 3]))
  for (const damaged of [Number.NaN, Number.POSITIVE_INFINITY, -1]) assert.throws(() => observeBaseline(state, [1, damaged, 0]), /counts/)
  assert.throws(() => observeBaseline(state, [1, 2]), /slots/)
  assert.throws(() => baselineDistance(state, { counts: [1, 1, 1] }, { ...OPTIONS, tolerance: 2 }), /tolerance/)
  assert.throws(() => baselineDistance(state, { counts: [1, 1, 1] }, { ...OPTIONS, alpha: 0 }), /alpha/)
})
