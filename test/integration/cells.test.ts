/**
 * The daemon's cells on a real broker against a batch program of plain loops over the same partitions: equal, dropped records included;
 * by a drain, by a second drain, and live with the daemon stopped, or killed, in the middle.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startDaemon } from '../../src/daemon.ts'
import type { Pane } from '../../src/domain.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { type LoadedPolicy, parsePolicy } from '../../src/policy/load.ts'
import { MeasureThreads } from '../../src/shell/measure-threads.ts'
import type { Measurer } from '../../src/shell/measuring.ts'
import type { FlyballEvent } from '../../src/telemetry/events.ts'
import { type Truth, truthOf } from '../measure/batch-truth.ts'
import { fill, panesIn } from '../simulation/fill.ts'
import { pause, runFlyball } from '../simulation/flyball-process.ts'
import { MESSY_MODELS, messy } from '../simulation/messy.ts'
import { accountsOf, scrape } from '../simulation/metrics.ts'
import { withBroker } from './broker.ts'

const PARTITIONS = 2
const broker = withBroker()
const input = messy(4, PARTITIONS, 1_760_000_000_000, 300_000, 30)
const folder = mkdtempSync(join(tmpdir(), 'flyball-cells-'))
after(() => rmSync(folder, { recursive: true }))
const topics = { predictions: '', outcomes: '' }

const policyText = (prefix: string) => `
version: 1
kafka: { prefix: "${prefix}", partitions: 2 }
inputs:
  predictions: { topic: ${topics.predictions}, fields: { unit: unit }, segments: { region: region } }
  outcomes: { topic: ${topics.outcomes} }
timing: { slice: 5s, maxClockSkew: 30s, idleAfter: 2m }
models:
${MESSY_MODELS.map(
  (name) => `  ${name}:
    control: v1
    candidate: v2
    weights: recorded
    segments: { region: [eu, us] }
    features: { age: { low: 0, high: 100, bins: 10 }, device: { values: [a, b, c] } }
    outcomes: { click: { horizon: 20s, absent: 0 }, refund: { horizon: 60s } }
    guardrails:
      - { kind: error-rate, marginPoints: 1, segments: all }
      - { kind: latency, segments: all }
      - { kind: feature-drift }
      - { kind: missing }
      - { kind: unseen }
      - { kind: score-drift }
      - { kind: wrong-outcome, outcome: click, marginPoints: 5, segments: all }
      - { kind: log-score, outcome: refund, margin: 0.1 }`,
).join('\n')}
`

before(async () => {
  if (broker.options.skip !== false) return
  topics.predictions = broker.unique('predictions')
  topics.outcomes = broker.unique('outcomes')
  await fillBoth(topics, 0, 1)
})

/** Puts a part of the input into the topics: `from` and `to` are shares of each partition. */
async function fillBoth(into: { predictions: string; outcomes: string }, from: number, to: number): Promise<void> {
  const log = await broker.connect()
  for (const name of ['predictions', 'outcomes'] as const) {
    const part = Array.from({ length: PARTITIONS }, (_, partition) => {
      const records = input[name].filter((one) => one.partition === partition)
      return records.slice(Math.floor(records.length * from), Math.floor(records.length * to))
    })
    await fill(log, into[name], PARTITIONS, part.flat())
  }
}

test('a drain, and a second one over the same topics, leave the cells that plain loops compute', broker.options, async (t) => {
  const prefix = `${broker.unique('drained')}.`
  const policy = parsePolicy(policyText(prefix), 'cells.yaml')
  const first = await drain(policy, prefix)
  const cells = await compare(policy, prefix, first)
  const written = await compare(policy, prefix, await drain(policy, prefix))
  t.diagnostic(
    `${input.predictions.length} predictions, ${input.outcomes.length} outcomes: ${cells.panes} panes, ${cells.blocks} blocks equal`,
  )
  assert.equal(written.written, cells.written, 'a second drain has nothing to write')
})

test('a live daemon that is stopped in the middle and started again leaves the same cells', broker.options, async () => {
  const own = { predictions: broker.unique('predictions'), outcomes: broker.unique('outcomes') }
  const prefix = `${broker.unique('stopped')}.`
  const policy = parsePolicy(
    policyText(prefix).replaceAll(topics.predictions, own.predictions).replaceAll(topics.outcomes, own.outcomes),
    'cells.yaml',
  )
  await fillBoth(own, 0, 0.4)
  await liveUntil(policy, prefix, (accounts) => readOf(accounts) > 0)
  await fillBoth(own, 0.4, 1)
  const accounts = await liveUntil(policy, prefix, (accounts, idleMs) => readOf(accounts) === total() && idleMs > 2000)
  await compare(policy, prefix, accounts)
})

test(
  'a live daemon that is killed and started again leaves the same cells, and its metrics tell where every record went',
  broker.options,
  async (t) => {
    const own = { predictions: broker.unique('predictions'), outcomes: broker.unique('outcomes') }
    const prefix = `${broker.unique('killed')}.`
    const text = policyText(prefix).replaceAll(topics.predictions, own.predictions).replaceAll(topics.outcomes, own.outcomes)
    const file = join(folder, `${prefix}yaml`)
    writeFileSync(file, text)
    const args = ['-p', file, '--create-topics', '--metrics-port', '0']
    await fillBoth(own, 0, 0.5)
    const first = runFlyball(args, broker.bootstrap)
    const { port: firstPort } = await first.event('listening')
    while (accountsOf(await scrape(Number(firstPort))).size < 2) await pause(50)
    // Long enough for a checkpoint: a part is resumed, a part is read again.
    await pause(3200)
    await first.kill('SIGKILL')
    await fillBoth(own, 0.5, 1)
    const daemon = runFlyball(args, broker.bootstrap)
    const { port } = await daemon.event('listening')
    const begun = performance.now()
    let accounts = accountsOf(await scrape(Number(port)))
    while (readOf(accounts) < total()) {
      await pause(200)
      accounts = accountsOf(await scrape(Number(port)))
    }
    await pause(2000)
    accounts = accountsOf(await scrape(Number(port)))
    t.diagnostic(`read again after ${Math.round(performance.now() - begun)} ms`)
    await daemon.kill('SIGTERM')
    await compare(parsePolicy(text, 'cells.yaml'), prefix, accounts)
  },
)

test(
  'three measuring threads, one of them with nothing to do, leave the same cells: in a drain, and live after a restart',
  broker.options,
  async () => {
    const own = { predictions: broker.unique('predictions'), outcomes: broker.unique('outcomes') }
    const textOf = (prefix: string): string =>
      policyText(prefix).replaceAll(topics.predictions, own.predictions).replaceAll(topics.outcomes, own.outcomes)
    await fillBoth(own, 0, 0.4)
    const live = `${broker.unique('threads-live')}.`
    const livePolicy = parsePolicy(textOf(live), 'cells.yaml')
    await liveUntil(livePolicy, live, (accounts) => readOf(accounts) > 0, 3)
    await fillBoth(own, 0.4, 1)
    const accounts = await liveUntil(livePolicy, live, (accounts, idleMs) => readOf(accounts) === total() && idleMs > 2000, 3)
    await compare(livePolicy, live, accounts)
    const drained = `${broker.unique('threads-drained')}.`
    const policy = parsePolicy(textOf(drained), 'cells.yaml')
    await compare(policy, drained, await drain(policy, drained, 3))
  },
)

test('what a measuring thread fails with ends the daemon, in its own words', broker.options, async () => {
  const prefix = `${broker.unique('threads-fail')}.`
  const policy = parsePolicy(policyText(prefix), 'cells.yaml')
  await drain(policy, prefix)
  const nobody = { ...daemonOptions(policy, prefix, new Map(), 2, 'localhost:1'), log: await broker.connect(), drain: true }
  await assert.rejects((await startDaemon(nobody)).done, { code: 'FLY-KAFKA-001' })
})

interface Account {
  read: number
  used: number
  waiting: number
  dropped: Readonly<Record<string, number>>
}
type Accounts = ReadonlyMap<string, Account>

const total = (): number => input.predictions.length + input.outcomes.length
const readOf = (accounts: Accounts): number => [...accounts.values()].reduce((sum, one) => sum + one.read, 0)

async function drain(policy: LoadedPolicy, prefix: string, threads = 1): Promise<Accounts> {
  const accounts = new Map<string, Account>()
  const log = await broker.connect()
  const daemon = await startDaemon({ ...daemonOptions(policy, prefix, accounts, threads), log, drain: true })
  await daemon.done
  return accounts
}

async function liveUntil(
  policy: LoadedPolicy,
  prefix: string,
  enough: (accounts: Accounts, idleMs: number) => boolean,
  threads = 1,
): Promise<Accounts> {
  const accounts = new Map<string, Account>()
  const log = await broker.connect()
  const daemon = await startDaemon({ ...daemonOptions(policy, prefix, accounts, threads), log, drain: false })
  let sinceMs = performance.now()
  for (let read = -1; !enough(accounts, performance.now() - sinceMs); ) {
    await Promise.race([pause(100), daemon.done])
    if (readOf(accounts) !== read) sinceMs = performance.now()
    read = readOf(accounts)
  }
  await daemon.stop()
  await daemon.done
  await log.close()
  return accounts
}

function daemonOptions(
  loaded: LoadedPolicy,
  prefix: string,
  accounts: Map<string, Account>,
  threads = 1,
  brokers = broker.bootstrap.join(),
) {
  const { layout, policy } = loaded
  const emit = (event: FlyballEvent): void => {
    if (event.event === 'records-accounted') accounts.set(event.topic, event)
  }
  const measurer: Measurer = (context, onFailure) =>
    new MeasureThreads(threads, { policy, policyFile: 'cells.yaml', brokers }, context, onFailure)
  const common = { layout, prefix, emit, judgePartitions: 2, clock: systemClock, createTopics: true, version: 'test' }
  return threads === 1 ? common : { ...common, measurer }
}

async function compare(
  { layout }: LoadedPolicy,
  prefix: string,
  accounts: Accounts,
): Promise<{ panes: number; written: number; blocks: number }> {
  const { panes, written, refused } = await panesIn(await broker.connect(), `${prefix}panes`)
  assert.deepEqual(refused, [])
  const truths = input.truth.map((source) => truthOf(layout, source.predictions, source.outcomes, [], []))
  let blocks = 0
  const wanted = new Set<string>()
  truths.forEach((truth, partition) => {
    for (const [link, cells] of truth.panes) {
      const [chain, model, from, to] = link.split('|')
      const key = `${layout.predictions.topic}/${partition}|${chain}|${model}|${from}|${to}`
      wanted.add(key)
      const pane = panes.get(key)
      assert.ok(pane, `pane ${key} is missing`)
      blocks += compareCells(key, pane, cells)
    }
  })
  assert.deepEqual(
    [...panes.keys()].filter((key) => !wanted.has(key)),
    [],
    'no pane too many',
  )
  compareAccounts(accounts.get(layout.predictions.topic)!, truths, 'predictions')
  compareAccounts(accounts.get(layout.outcomes!.topic)!, truths, 'outcomes')
  return { panes: panes.size, written, blocks }
}

function compareCells(key: string, pane: Pane, cells: ReadonlyMap<string, { counts: number[]; sums: number[] }>): number {
  const found = new Map<string, { counts: number[]; sums: number[] }>()
  for (const { version, scope, population, blocks } of pane.cells) {
    for (const [id, { counts, sums }] of blocks)
      found.set(`${version}|${scope}|${population}|${id}`, { counts: [...counts], sums: [...sums] })
  }
  const filled = (map: typeof cells) =>
    [...map]
      .filter(([, { counts, sums }]) => [...counts, ...sums].some((slot) => slot !== 0))
      .map(([name]) => name)
      .sort()
  assert.deepEqual(filled(found), filled(cells), key)
  for (const name of filled(cells)) {
    assert.deepEqual(found.get(name)!.counts, cells.get(name)!.counts, `${key} ${name}`)
    cells.get(name)!.sums.forEach((sum, slot) => {
      const got = found.get(name)!.sums[slot]!
      assert.ok(Math.abs(got - sum) <= 1e-9 * Math.max(1, Math.abs(sum)), `${key} ${name} sum ${slot}: ${got} for ${sum}`)
    })
  }
  return filled(cells).length
}

function compareAccounts(account: Account, truths: readonly Truth[], name: 'predictions' | 'outcomes'): void {
  const dropped: Record<string, number> = {}
  for (const truth of truths)
    for (const [reason, count] of Object.entries(truth.drops[name])) dropped[reason] = (dropped[reason] ?? 0) + count
  assert.deepEqual({ ...account.dropped }, dropped, `${name} dropped`)
  assert.equal(
    account.used,
    truths.reduce((sum, truth) => sum + truth.used[name], 0),
    `${name} used`,
  )
  assert.equal(account.waiting, 0)
  assert.equal(account.read, input[name].length)
}
