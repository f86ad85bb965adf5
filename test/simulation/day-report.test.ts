/** The verdict on a simulated day: what may grow, what may not, and what is no part of the daemon. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { normal, seededRandom } from '../../detectors/math/random.ts'
import { SAMPLES_PER_HOUR, type Sample } from './simulator/day.ts'
import { hourLine, judgeDay, partLine } from './simulator/day-report.ts'

const SEED = 11
const HOURS = 24
const KIB = 1024

/** What is added in every hour. */
type Leak = Partial<Record<'programBytes' | 'engineBytes' | 'bufferBytes' | 'handles', number>>

/**
 * The sizes and the noise of a day as it was measured; the broker holds now more, now less, and it shows in the heap. `brokerPerHour`: by
 * so much its buffers grow, since its records lie less densely in them.
 */
function dayWith(leak: Leak, brokerPerHour = 0): Sample[] {
  const [random, randomOfBuffers] = [seededRandom(SEED), seededRandom(SEED + 1)]
  return Array.from({ length: HOURS * SAMPLES_PER_HOUR }, (_, at) => {
    const hour = (at + 1) / SAMPLES_PER_HOUR
    const brokerObjects = Math.round(182_000 + 3000 * normal(random))
    const brokerBufferBytes = (30_700 + 200 * normal(randomOfBuffers)) * KIB + brokerPerHour * hour
    return {
      minute: 60 * hour,
      programBytes: 16_700 * KIB + 94 * brokerObjects + 25 * KIB * normal(random) + (leak.programBytes ?? 0) * hour,
      engineBytes: 13_400 * KIB * (1 - 0.06 * Math.exp(-hour)) + (leak.engineBytes ?? 0) * hour,
      bufferBytes: brokerBufferBytes + (1920 + 17 * normal(random)) * KIB + (leak.bufferBytes ?? 0) * hour,
      handles: Math.round(50 + 3 * normal(random) + (leak.handles ?? 0) * hour),
      brokerObjects,
      brokerBufferBytes,
      decisions: Math.floor(42 * hour),
    }
  })
}

const growing = (leak: Leak): readonly string[] =>
  judgeDay(dayWith(leak)).parts.flatMap(({ name, finding }) => (finding === 'grows' ? [name] : []))

test('a day in which nothing grows is flat, in every part, and says how little would have been noticed', () => {
  const { parts, verdict, warmUpHours } = judgeDay(dayWith({}))
  assert.deepEqual([verdict, warmUpHours, parts.map(({ finding }) => finding)], ['flat', 3, ['flat', 'flat', 'flat', 'flat']])
  assert.match(partLine(parts[0]!), /^program: flat: .* KiB an hour, standard error .* in a day; from 0\.\d+ % on it would be growth$/)
  assert.match(
    hourLine(dayWith({})[2]!),
    /^hour 1: program 3\d\.\d+ MiB, engine .* buffers 1\.\d+ MiB.* simulated broker 1\d{5} objects in buffers of \d+\.\d+ MiB/,
  )
})

test('buffers in which the simulated broker’s records lie are no part of the daemon: they may grow, and hide none that it keeps', () => {
  const growingOf = (days: readonly Sample[]) => judgeDay(days).parts.flatMap(({ name, finding }) => (finding === 'grows' ? [name] : []))
  assert.deepEqual(growingOf(dayWith({}, 60 * KIB)), [])
  assert.deepEqual(growingOf(dayWith({ bufferBytes: 3 * KIB }, -60 * KIB)), ['buffers'])
})

test('what grows is named: a few KiB an hour that the program keeps, buffers, handles; and the verdict is theirs', () => {
  assert.deepEqual(growing({ programBytes: 5 * KIB }), ['program'])
  assert.deepEqual(growing({ bufferBytes: 3 * KIB }), ['buffers'])
  assert.deepEqual(growing({ handles: 1 }), ['handles'])
  assert.equal(judgeDay(dayWith({ programBytes: 5 * KIB })).verdict, 'grows')
})

test('the engine may grow by what functions that run seldom still cost, and not by more', () => {
  assert.deepEqual(growing({ engineBytes: 15 * KIB }), [])
  assert.deepEqual(growing({ engineBytes: 60 * KIB }), ['engine'])
})

test('a day too short to tell says so', () => {
  assert.equal(judgeDay(dayWith({}).slice(0, 4 * SAMPLES_PER_HOUR)).verdict, 'too noisy to tell')
})
