/** The only broker is killed under a live daemon, twice, and comes back: the daemon goes on by itself, nothing lost, nothing twice. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readDecisions } from '../../src/shell/topic-reads.ts'
import { withBroker } from '../integration/broker.ts'
import { fill, panesIn } from '../simulation/fill.ts'
import { pause, runFlyball } from '../simulation/flyball-process.ts'
import { accountsOf, scrape } from '../simulation/metrics.ts'
import { type Placed, traffic } from '../simulation/traffic.ts'

const PARTITIONS = 2
const broker = withBroker({ needsProcess: true })

const policyText = (prefix: string) => `
version: 1
kafka: { prefix: "${prefix}", partitions: 1 }
inputs: { predictions: { topic: predictions, fields: { time: ts } } }
timing: { slice: 5s, idleAfter: 120s }
models:
  fraud:
    control: v1
    candidate: v2
    mode: enforce
    weights: recorded
    guardrails: [{ kind: error-rate, marginPoints: 1 }]
`

test('the broker is killed twice under a live daemon, which goes on when it is back', {
  ...broker.options,
  timeout: 120_000,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'flyball-restart-'))
  const prefix = `${broker.unique('live')}.`
  const file = join(folder, 'policy.yaml')
  writeFileSync(file, policyText(prefix))
  const models = [{ name: 'fraud', share: 0.4, errorsAdded: 0, shiftAdded: 0 }]
  const common = { models, partitions: PARTITIONS, startMs: 1_760_000_000_000, outcomeShare: 0, outcomeDelayMs: 0, units: 500 }
  const input = traffic({ ...common, seed: 3, durationMs: 300_000, perSecond: 40 }).predictions
  const parts = [input.slice(0, 4000), input.slice(4000, 8000), input.slice(8000)]
  const put = async (part: readonly Placed[]) => {
    const log = await broker.connect()
    await fill(log, 'predictions', PARTITIONS, part)
    await log.close()
  }
  await put(parts[0]!)
  const daemon = runFlyball(['-p', file, '--create-topics', '--metrics-port', '0'], broker.bootstrap)
  try {
    const { port } = await daemon.event('listening')
    const readUntil = async (count: number) => {
      for (;;) {
        const read = accountsOf(await scrape(Number(port)).catch(() => '')).get('predictions')?.read ?? 0
        if (read >= count) return assert.equal(read, count)
        await Promise.race([pause(200), daemon.ended.then((code) => assert.fail(`ended with ${code}: ${daemon.stderr().slice(-3000)}`))])
      }
    }
    await readUntil(4000)
    for (const [index, part] of parts.slice(1).entries()) {
      const begun = performance.now()
      await broker.running.restart(0, 'SIGKILL')
      const downMs = performance.now() - begun
      await put(part)
      await readUntil(8000 + index * 4000)
      t.diagnostic(`down ${Math.round(downMs)} ms, all read ${Math.round(performance.now() - begun)} ms after the kill`)
    }
    await pause(1000)
  } finally {
    await daemon.kill('SIGTERM')
    rmSync(folder, { recursive: true })
  }
  const log = await broker.connect()
  const { panes, refused } = await panesIn(log, `${prefix}panes`)
  assert.deepEqual(refused, [])
  let requests = 0
  for (const pane of panes.values()) {
    for (const cell of pane.cells)
      if (cell.scope === '__all__' && cell.population === 'all') requests += cell.blocks.get('requests')?.counts[0] ?? 0
  }
  const through = new Map<string, number>()
  for (const { source, to } of panes.values()) through.set(source, Math.max(through.get(source) ?? 0, to))
  assert.equal(
    requests,
    [...through.values()].reduce((sum, to) => sum + to, 0),
    'each offset up to the last pane once',
  )
  const decisions = (await readDecisions(log, `${prefix}decisions`)).map(({ decision }) => decision)
  assert.deepEqual(
    decisions.map(({ number }) => number),
    decisions.map((_, index) => index + 1),
  )
  t.diagnostic(`${requests} requests in ${panes.size} panes, ${decisions.length} decisions`)
})
