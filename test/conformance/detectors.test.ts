/** What every detector of detectors/index.ts promises, whatever it looks for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Detector, Truth } from '../../detectors/detector.ts'
import { DETECTORS } from '../../detectors/index.ts'
import { seededRandom } from '../../detectors/math/random.ts'

const SEED = 20_240_607
/** Every healthy stream is watched at every stratum, through ramp and season. */
const STREAMS = 300
const STRATA = 120
const ALPHA = 0.05
const POWER_STREAMS = 40

type Stream = { seed: number; truth: Truth; strata: number }

function stateAfter(detector: Detector<unknown, unknown>, { seed, truth, strata }: Stream): unknown {
  const random = seededRandom(seed)
  let state = detector.empty()
  for (let index = 0; index < strata; index++) state = detector.observe(state, detector.sample(random, truth, index))
  return state
}

/** Whether the evidence ever reaches 1/α. */
function alarms(detector: Detector<unknown, unknown>, { seed, truth, strata }: Stream, alpha: number): boolean {
  const random = seededRandom(seed)
  let state = detector.empty()
  for (let index = 0; index < strata; index++) {
    state = detector.observe(state, detector.sample(random, truth, index))
    if (detector.logEvidence(state) >= -Math.log(alpha)) return true
  }
  return false
}

/** Every number in an observation: its field, and a copy of the whole with another number in its place. */
function* damages(observation: object, damaged: number): Generator<{ field: string; copy: object }> {
  for (const [field, value] of Object.entries(observation)) {
    if (typeof value === 'number') yield { field, copy: { ...observation, [field]: damaged } }
    else {
      const entries = value.slice()
      entries[Math.floor(entries.length / 2)] = damaged
      yield { field, copy: { ...observation, [field]: entries } }
    }
  }
}

for (const detector of DETECTORS) {
  const name = detector.name
  const random = seededRandom(SEED)
  const stratum = detector.sample(random, 'harmful', 70) as object
  const before = stateAfter(detector, { seed: SEED, truth: 'harmful', strata: 5 })

  test(`${name}: the same input gives the same output, bit for bit`, () => {
    const stream = { seed: SEED, truth: 'harmful', strata: 30 } as const
    assert.deepEqual(stateAfter(detector, stream), stateAfter(detector, stream))
  })

  test(`${name}: what it is given stays untouched`, () => {
    const [stateCopy, stratumCopy] = [structuredClone(before), structuredClone(stratum)]
    const once = structuredClone(detector.observe(before, stratum))
    assert.deepEqual(before, stateCopy)
    assert.deepEqual(stratum, stratumCopy)
    assert.deepEqual(detector.observe(before, stratum), once)
  })

  test(`${name}: before anything was seen there is no evidence`, () => {
    assert.ok(detector.logEvidence(detector.empty()) <= 0)
  })

  if (detector.stateIsJson) {
    test(`${name}: its state survives being stored as JSON`, () => {
      for (const state of [detector.empty(), before]) {
        const restored: unknown = JSON.parse(JSON.stringify(state))
        assert.deepEqual(restored, state)
        assert.deepEqual(detector.observe(restored, stratum), detector.observe(state, stratum))
      }
    })
  }

  test(`${name}: a stratum that lacks an arm or rows changes nothing`, () => {
    for (const state of [detector.empty(), before]) assert.deepEqual(detector.observe(state, detector.nothing), state)
  })

  test(`${name}: NaN, infinities and negative counts are refused with the field's name`, () => {
    for (const damaged of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1]) {
      for (const { field, copy } of damages(stratum, damaged)) {
        assert.throws(
          () => detector.observe(before, copy),
          (error: Error) => error instanceof RangeError && error.message.includes(field),
          `${field} = ${damaged}`,
        )
      }
    }
  })

  test(`${name}: a healthy candidate is accused in at most 5 % of rollouts, though it is judged at every stratum of a ramp`, () => {
    let falseAlarms = 0
    for (let i = 0; i < STREAMS; i++) falseAlarms += alarms(detector, { seed: SEED + i, truth: 'healthy', strata: STRATA }, ALPHA) ? 1 : 0
    const limit = STREAMS * ALPHA + 3 * Math.sqrt(STREAMS * ALPHA * (1 - ALPHA))
    assert.ok(falseAlarms <= limit, `${falseAlarms} false alarms in ${STREAMS}`)
  })

  test(`${name}: the harm it is made for is found at 1 % within ${detector.findsWithin} strata, nine times in ten`, () => {
    let found = 0
    for (let i = 0; i < POWER_STREAMS; i++) {
      const stream = { seed: SEED + i, truth: 'harmful', strata: detector.findsWithin } as const
      found += alarms(detector, stream, 0.01) ? 1 : 0
    }
    assert.ok(found >= 0.9 * POWER_STREAMS, `found ${found} of ${POWER_STREAMS}`)
  })
}

test('no two detectors share a name', () => {
  const names = DETECTORS.map((detector) => detector.name)
  assert.equal(new Set(names).size, names.length)
})
