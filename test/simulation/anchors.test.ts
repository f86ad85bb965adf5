/**
 * A daemon that signs lives through some days, with kills and take-overs around midnight: each day in which something was decided is
 * anchored once, also in a drain; people are not bothered; and who writes the whole chain anew is found out.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KeptPoint } from '../../src/audit/anchors.ts'
import { ALL } from '../../src/audit/findings.ts'
import { keptPoints } from '../../src/audit/kept.ts'
import { startDaemon } from '../../src/daemon.ts'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { anchorOf, dayOf, isAnchor } from '../../src/kit/anchor.ts'
import { SIGNATURE_HEADER, trustedKeyOf } from '../../src/kit/signing.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { verifyChains } from '../../src/shell/audit-reads.ts'
import { readAlerts, readChains, type StoredDecision } from '../../src/shell/topic-reads.ts'
import { decodeDecision, encodeDecision, hashOfDecision } from '../../src/wire/decisions.ts'
import { requestRecord } from '../../src/wire/requests.ts'
import { decodeState, encodeState } from '../../src/wire/state.ts'
import { requestOf } from '../judge/world.ts'
import { keysFor } from '../kit/keys.ts'
import { FakeClock } from './fake-clock.ts'
import { fill } from './fill.ts'
import { MODEL, Stage } from './stage.ts'
import { traffic } from './traffic.ts'

const DAY_MS = 86_400_000
const { folder, file } = keysFor('judge')
const TRUSTED = [trustedKeyOf(file('judge.pub'), 'judge', null)]

const POLICY = `
version: 1
inputs: { predictions: { topic: predictions } }
timing: { slice: 5s, settling: 1s }
security: { signing: { keyFile: "${folder}/judge.key", keyId: judge } }
models:
  ${MODEL}:
    control: v1
    candidate: v2
    mode: enforce
    ladder: { steps: [20, 50, 100], dwell: 30d }
    guardrails:
      - { kind: error-rate, marginPoints: 10 }
`

const untilMidnight = ({ clock }: Stage): number => DAY_MS - (clock.nowMs() % DAY_MS)

/** Nobody asks anything of it: time leaps to so long before midnight, and goes on from there. */
async function leap(world: Stage, beforeMidnightMs: number): Promise<void> {
  const ms = untilMidnight(world) - beforeMidnightMs
  await world.clock.advance(ms, ms)
  await world.run(beforeMidnightMs / 1000 - 2)
}

function freeze(world: Stage, id: string): void {
  world.broker.append(world.topics.requests, 0, [requestRecord(requestOf('freeze', { id, model: MODEL }))], null)
}

async function chainIn(world: Stage): Promise<readonly StoredDecision[]> {
  return world.whileTimePasses(readChains(world.log, world.topics.decisions))
}

async function days(): Promise<Stage> {
  const world = new Stage({ seed: 4, partitions: 2, policy: POLICY })
  const first = await world.start()
  await world.runUntilShare(20, 60)
  await leap(world, 20_000)
  // Killed before midnight, and the next one takes over after it.
  await first.kill()
  await world.run(10)
  const second = await world.start()
  await world.run(20)
  // Killed as soon as the day is anchored; then again, and again.
  await second.kill()
  const third = await world.start()
  await world.run(5)
  await third.kill()
  const fourth = await world.start()
  await world.run(10)
  freeze(world, 'a')
  await leap(world, 20_000)
  await world.run(20)
  freeze(world, 'b')
  await leap(world, 20_000)
  await world.run(20)
  await fourth.stop()
  return world
}

const lived = days()

test('each day with news is anchored once, whatever takes over; head and previous anchor are those of the chain, and it is signed', async () => {
  const chain = await chainIn(await lived)
  const anchors = chain.filter(({ decision }) => isAnchor(decision))
  assert.equal(anchors.length, 3, chain.map(({ decision }) => `${decision.verdict.kind} ${decision.verdict.rule}`).join(', '))
  let before: StoredDecision | null = null
  for (const anchor of anchors) {
    const { head, previous } = anchorOf(anchor.decision.body)!
    const at = chain.indexOf(anchor)
    assert.deepEqual(head, { number: chain[at - 1]!.decision.number, hash: chain[at - 1]!.hash })
    assert.deepEqual(previous, before === null ? null : { number: before.decision.number, hash: before.hash })
    before = anchor
  }
  const told = anchors.map(({ decision }) => dayOf(decision.judgeTimeMs))
  assert.deepEqual(new Set(told).size, told.length)
})

test('people hear nothing of it: it is no decision for them, raises no alert and commands nothing', async () => {
  const world = await lived
  const decisions = await world.decisions()
  assert.equal(decisions.filter(isAnchor).length, 0)
  const anchored = new Set((await chainIn(world)).filter(({ decision }) => isAnchor(decision)).map(({ decision }) => decision.id))
  const alerts = await world.whileTimePasses(readAlerts(world.log, world.topics.alerts))
  assert.deepEqual(
    alerts.filter(({ decisionId }) => anchored.has(decisionId)),
    [],
  )
  assert.ok((await world.commands()).every(({ decisionId }) => !anchored.has(decisionId)))
})

async function kept(world: Stage): Promise<readonly KeptPoint[]> {
  const anchors = (await chainIn(world)).filter(({ decision }) => isAnchor(decision))
  return keptPoints(anchors.map(({ decision, hash }) => `${MODEL}:${decision.number}:${hash}`).join('\n')) as readonly KeptPoint[]
}

async function verified(world: Stage, withKept: readonly KeptPoint[] = []) {
  const given = { topic: world.topics.decisions, trusted: TRUSTED, kept: withKept }
  return (await world.whileTimePasses(verifyChains(world.log, world.topics, ALL, world.clock, { given }))).report()
}

test('the chain is whole and vouched for by the key; after retention it is so from the first decision that is left', async () => {
  const world = await lived
  const outside = await kept(world)
  const whole = await verified(world, outside)
  assert.deepEqual(whole.findings, [])
  const [model] = whole.models
  assert.deepEqual([model!.vouched.by, model!.vouched.from, model!.anchors, model!.keptFits], ['signed', 1, 3, 3])
  const second = await days()
  const partition = second.broker.partition(second.topics.decisions, 0)
  const at = partition.records.find(
    ({ value, marker }) => !marker && value !== null && decodeDecision(value).number === outside[0]!.number + 1,
  )!
  partition.start = at.offset
  const left = await verified(second, outside)
  assert.deepEqual(left.findings, [])
  const { vouched, beginsAt, keptFits } = left.models[0]!
  assert.deepEqual([vouched.by, vouched.from, beginsAt, keptFits], ['signed', outside[0]!.number + 1, outside[0]!.number + 1, 3])
})

/** Every hash made anew over a forged first decision, `state` too: what somebody can do who may write both topics. */
function rewriteWhole({ broker, topics }: Stage): void {
  let lastHash = ''
  let anchor: { number: number; hash: string } | null = null
  for (const record of broker.partition(topics.decisions, 0).records) {
    if (record.marker || record.value === null || record.transaction?.state !== 'committed') continue
    const old = decodeDecision(record.value)
    const body = isAnchor(old) ? JSON.stringify({ head: { number: old.number - 1, hash: lastHash }, previous: anchor }) : old.body
    const value = encodeDecision({ ...old, summary: old.number === 1 ? 'nothing happened' : old.summary, previousHash: lastHash, body })
    lastHash = hashOfDecision(value)
    if (isAnchor(old)) anchor = { number: old.number, hash: lastHash }
    Object.assign(record, { value, headers: record.headers.filter(([name]) => name !== SIGNATURE_HEADER) })
  }
  for (const record of broker.partition(topics.state, 0).records) {
    if (record.marker || record.value === null || record.key?.toString() !== MODEL) continue
    const state = decodeState(record.value)
    if (state.kind === 'ladder') Object.assign(record, { value: encodeState({ ...state, lastHash }) })
  }
}

test('a chain written anew whole, state with it, is whole to who has nothing; the key finds it, and one anchor kept outside does', async () => {
  const world = await days()
  const [first] = await kept(world)
  rewriteWhole(world)
  const blind = (await world.whileTimePasses(verifyChains(world.log, world.topics, ALL, world.clock))).report()
  assert.deepEqual(blind.findings, [])
  const withKey = await verified(world)
  assert.ok(withKey.findings.length > 0 && withKey.findings.every(({ kind }) => kind === 'signature' || kind === 'anchor'))
  const given = { topic: world.topics.decisions, trusted: null, kept: [first!] }
  const held = (await world.whileTimePasses(verifyChains(world.log, world.topics, ALL, world.clock, { given }))).report()
  assert.deepEqual(
    held.findings.map(({ kind, number, expectedHash }) => [kind, number, expectedHash]),
    [['rewritten', first!.number, first!.hash]],
  )
})

const DRAINED = `
version: 1
inputs: { predictions: { topic: predictions, fields: { time: ts } } }
timing: { slice: 60s }
models:
  ${MODEL}: { control: v1, candidate: v2, mode: enforce, weights: recorded, ladder: { steps: [10, 50, 100], dwell: 6h, minimumRows: 100 } }
`

test('a drain over three days anchors them as often as it is repeated, to the byte', async () => {
  const chains = await Promise.all([drained(), drained()])
  const [one, other] = chains.map((chain) => chain.map(({ hash }) => hash))
  assert.deepEqual(one, other)
  const anchors = chains[0]!.filter(({ decision }) => isAnchor(decision)).map(({ decision }) => dayOf(decision.judgeTimeMs))
  assert.ok(anchors.length >= 2 && new Set(anchors).size === anchors.length, anchors.join())
})

async function drained(): Promise<readonly StoredDecision[]> {
  const clock = new FakeClock(1_760_000_000_000)
  const log = new MemoryLog(new MemoryBroker(clock))
  const { predictions } = traffic({
    seed: 3,
    models: [{ name: MODEL, share: 0.5, errorsAdded: 0, shiftAdded: 0 }],
    partitions: 2,
    startMs: 1_759_700_000_000,
    durationMs: 2.5 * DAY_MS,
    perSecond: 0.05,
    outcomeShare: 0,
    outcomeDelayMs: 0,
    units: 2000,
  })
  await fill(log, 'predictions', 2, predictions)
  const { layout } = parsePolicy(DRAINED, 'drained.yaml')
  const common = { log, layout, prefix: 'flyball.', judgePartitions: 1, clock, emit: () => undefined, version: 'test' }
  const daemon = await startDaemon({ ...common, createTopics: true, drain: true })
  let over = false
  const done = daemon.done.finally(() => {
    over = true
  })
  while (!over) await clock.advance(50)
  await done
  return readChains(log, 'flyball.decisions')
}
