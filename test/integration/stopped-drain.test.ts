/** A drain that is told to stop, at the worst moment: while its threads are still connecting. It ends, says so, and can be gone on with. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fill } from '../simulation/fill.ts'
import { runFlyball } from '../simulation/flyball-process.ts'
import { traffic } from '../simulation/traffic.ts'
import { withBroker } from './broker.ts'

const broker = withBroker()
const folder = mkdtempSync(join(tmpdir(), 'flyball-stopped-'))
after(() => rmSync(folder, { recursive: true }))

const PARTITIONS = 2

test(
  'a drain stopped while its threads begin ends with an error and no summary, and the next one reads everything',
  broker.options,
  async () => {
    const topics = { predictions: broker.unique('predictions'), outcomes: broker.unique('outcomes') }
    const input = traffic({
      seed: 5,
      models: [{ name: 'fraud', share: 0.3, errorsAdded: 0, shiftAdded: 0 }],
      partitions: PARTITIONS,
      startMs: 1_760_000_000_000,
      durationMs: 30_000,
      perSecond: 50,
      outcomeShare: 0.8,
      outcomeDelayMs: 5000,
      units: 100,
    })
    const log = await broker.connect()
    await fill(log, topics.predictions, PARTITIONS, input.predictions)
    await fill(log, topics.outcomes, PARTITIONS, input.outcomes)
    const file = join(folder, 'flyball.yaml')
    writeFileSync(file, policyText(topics, `${broker.unique('stopped')}.`))
    const stopped = runFlyball(['-p', file, '--create-topics', '--drain', '--json', '--workers', '2'], broker.bootstrap)
    await stopped.event('judge-took-over')
    stopped.child.kill('SIGTERM')
    const code = await stopped.ended
    // On a quick machine it may have been whole already.
    if (code === 1) assert.match(stopped.stderr(), /FLY-CLI-014/)
    else assert.equal(code, 0, stopped.stderr())
    assert.equal(stopped.stdout() === '', code === 1)
    const whole = runFlyball(['-p', file, '--drain', '--json', '--workers', '2'], broker.bootstrap)
    assert.equal(await whole.ended, 0, whole.stderr())
    const { topics: accounts } = JSON.parse(whole.stdout()) as { topics: { used: number }[] }
    assert.equal(accounts[0]!.used, input.predictions.length)
  },
)

const policyText = (topics: { predictions: string; outcomes: string }, prefix: string): string => `
version: 1
kafka: { prefix: "${prefix}", partitions: 2 }
inputs:
  predictions: { topic: ${topics.predictions}, fields: { time: ts } }
  outcomes: { topic: ${topics.outcomes}, fields: { time: ts } }
timing: { slice: 5s }
models:
  fraud: { control: v1, candidate: v2, weights: recorded, outcomes: { label: { horizon: 30s } } }
`
