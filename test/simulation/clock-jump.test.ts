/** Somebody sets the clock of the daemon's machine, an hour forward or back: its timers and its heartbeat go on as before. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../../src/kit/clock.ts'
import { breakGlass } from '../../src/shell/break-glass.ts'
import { MODEL, Stage } from './stage.ts'

const HOUR_MS = 3_600_000
const HEARTBEAT_SECONDS = 10
const POLICY = `
version: 1
inputs:
  predictions: { topic: predictions }
timing: { slice: 5s, idleAfter: 10s, alignPatience: 10s, settling: 1s }
models:
  ${MODEL}:
    control: v1
    candidate: v2
    mode: enforce
    ladder: { steps: [20, 50, 100], dwell: 60s, minimumRows: 200 }
    acks: { heartbeat: ${HEARTBEAT_SECONDS}s }
    guardrails:
      - { kind: error-rate, marginPoints: 1, promote: { marginPoints: 12 } }
`

function shifted(world: Stage): { readonly clock: Clock; jump(ms: number): void } {
  let shiftMs = 0
  const { clock } = world
  return {
    clock: {
      nowMs: () => clock.nowMs() + shiftMs,
      monotonicMs: () => clock.monotonicMs(),
      sleep: (ms) => clock.sleep(ms),
    },
    jump: (ms) => {
      shiftMs = ms
    },
  }
}

test('after an hour forward for some seconds judge time has not moved by an hour, and the climb goes on', async () => {
  const world = new Stage({ seed: 5, partitions: 3, policy: POLICY })
  const { clock, jump } = shifted(world)
  const life = await world.start(undefined, clock)
  await world.runUntilShare(20, 120)
  // Between two pulses, when nothing but the clock speaks.
  await world.run(2)
  jump(HOUR_MS)
  await world.run(5)
  jump(0)
  await world.runUntilShare(50, 400)
  const last = (await world.decisions()).at(-1)!
  assert.ok(last.judgeTimeMs <= world.clock.nowMs(), `judge time is ${last.judgeTimeMs - world.clock.nowMs()} ms ahead`)
  await life.stop()
})

test('after an hour back the command in force is published as often as before', async () => {
  const world = new Stage({ seed: 5, partitions: 3, policy: POLICY })
  const { clock, jump } = shifted(world)
  const life = await world.start(undefined, clock)
  await world.runUntilShare(20, 120)
  jump(-HOUR_MS)
  const before = (await world.commands()).length
  await world.run(6 * HEARTBEAT_SECONDS)
  const published = (await world.commands()).length - before
  assert.ok(published >= 5, `published ${published} times in six heartbeats`)
  await life.stop()
})

test('the clock of whoever breaks the glass is a minute ahead of the stream: judge time in the audit log does not go back', async () => {
  const world = new Stage({ seed: 5, partitions: 3, policy: POLICY })
  const life = await world.start()
  await world.runUntilShare(20, 120)
  const { clock, jump } = shifted(world)
  jump(60_000)
  const options = { log: world.log, layout: world.layout, prefix: 'flyball.', model: world.layout.models[0]!, clock }
  await world.whileTimePasses(breakGlass({ ...options, who: 'test', reason: 'drill' }))
  await world.run(40)
  const decisions = await world.decisions()
  assert.ok(decisions.some(({ verdict }) => verdict.kind === 'adopt') && decisions.at(-1)!.verdict.kind !== 'adopt')
  const times = decisions.map(({ judgeTimeMs }) => judgeTimeMs)
  assert.deepEqual(
    times,
    [...times].sort((a, b) => a - b),
  )
  await life.stop()
})
