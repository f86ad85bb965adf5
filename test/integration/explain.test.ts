/**
 * Why it moved, through the real daemon on a real broker: a feature nulled upstream for one platform of the candidate, and a world that
 * grew worse for both versions. `flyball explain` says which; the nearest change stands beside it, whatever else lies on that topic.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startDaemon } from '../../src/daemon.ts'
import type { Decision } from '../../src/domain.ts'
import type { EventLog } from '../../src/kafka/contract.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { partitionOf } from '../../src/kit/hash.ts'
import { seededRandom } from '../../src/kit/random.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { readDecisions } from '../../src/shell/topic-reads.ts'
import type { FlyballEvent } from '../../src/telemetry/events.ts'
import { flyball } from '../cli/run-flyball.ts'
import { fill } from '../simulation/fill.ts'
import type { Placed } from '../simulation/traffic.ts'
import { withBroker } from './broker.ts'

const broker = withBroker()
const folder = mkdtempSync(join(tmpdir(), 'flyball-explain-'))
after(() => rmSync(folder, { recursive: true }))

const PARTITIONS = 2
const BEGIN_MS = 1_760_000_000_000
const LENGTH_MS = 600_000
/** When it begins to go wrong. */
const WRONG_MS = BEGIN_MS + 360_000
const PER_SECOND = 50
const PLATFORMS = ['web', 'ios', 'android'] as const

const policyText = (prefix: string, topic: string, changes: string) => `
version: 1
kafka: { prefix: "${prefix}", partitions: 1 }
inputs:
  predictions: { topic: ${topic}, fields: { time: ts }, segments: { platform: platform } }
  changes: { topic: ${changes} }
models:
  fraud:
    control: v1
    candidate: v2
    mode: enforce
    weights: recorded
    ladder: { steps: [25, 100], dwell: 30s, minimumRows: 1000000 }
    segments: { platform: [web, ios, android] }
    features: { income: { low: 0, high: 10 }, age: { low: 0, high: 100 } }
    guardrails:
      - { kind: error-rate, marginPoints: 1, segments: all }
      - { kind: missing, segments: all, class: signal, action: hold, promote: false }
    rollout:
      owner: risk team
      contact: "#risk-oncall"
      runbook: https://runbooks.example/fraud
      exitConditions: [errors above 5 % for an hour]
      preflight: []
`

interface At {
  readonly wrong: boolean
  readonly candidate: boolean
  readonly platform: string
}

/** Share of failed requests, and of requests without an income. */
type World = (at: At) => { readonly errors: number; readonly nulls: number }

const NULLED: World = ({ wrong, candidate, platform }) =>
  wrong && candidate && platform === 'ios' ? { errors: 0.3, nulls: 0.8 } : { errors: 0.01, nulls: 0.01 }
const WORSE: World = ({ wrong }) => ({ errors: wrong ? 0.06 : 0.01, nulls: 0.01 })

function predictions(world: World, seed: number): readonly Placed[] {
  const random = seededRandom(seed)
  return Array.from({ length: (LENGTH_MS / 1000) * PER_SECOND }, (_, index) => {
    const timestampMs = BEGIN_MS + Math.floor((index * 1000) / PER_SECOND)
    const [candidate, platform] = [random() < 0.25, PLATFORMS[Math.floor(random() * PLATFORMS.length)]!]
    const { errors, nulls } = world({ wrong: timestampMs >= WRONG_MS, candidate, platform })
    const features = { income: random() < nulls ? null : 10 * random(), age: 100 * random() }
    const head = { id: `p${index}`, ts: timestampMs, model: 'fraud', version: candidate ? 'v2' : 'v1', platform }
    const value = { ...head, score: random(), latencyMs: 10 + 5 * random(), error: random() < errors, features }
    const record = { key: head.id, value: Buffer.from(JSON.stringify(value)), timestampMs }
    return { partition: partitionOf(Buffer.from(head.id), PARTITIONS), record }
  })
}

/** Told in any order: one of the model shortly before, one of another model, one far too early, one after the end, and junk. */
function changes(): readonly Placed[] {
  const tell = (value: unknown): Placed => ({
    partition: 0,
    record: { key: null, value: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)), timestampMs: WRONG_MS },
  })
  const base = { kind: 'feature', who: 'eve', model: 'fraud' }
  return [
    tell({ ...base, id: 'after', what: 'came later', time: BEGIN_MS + LENGTH_MS + 60_000 }),
    tell({ ...base, id: 'income-7', what: 'income pipeline 7 for mobile', time: new Date(WRONG_MS - 60_000).toISOString() }),
    tell('not json'),
    tell({ ...base, id: 'early', what: 'two days before', time: WRONG_MS - 2 * 86_400_000 }),
    tell({ ...base, id: 'other', what: 'another model', model: 'churn', time: WRONG_MS - 30_000 }),
    tell({ kind: 'deploy', id: 'gateway-3', what: 'gateway 3', time: BEGIN_MS + 1000 }),
    tell({ ...base, id: '', what: 'has no id' }),
  ]
}

const VERSION = {
  model: 'fraud',
  version: 'v2',
  parent: 'v1',
  artifact: 'sha256:beef',
  datasets: [{ namespace: 's3://lake', name: 'payments' }],
  createdBy: 'eve',
}

interface Ran {
  readonly decisions: readonly Decision[]
  readonly problems: readonly string[]
  explain(which: string, ...more: string[]): string
  lineage(...words: string[]): string
}

/** A drain under a prefix of its own. */
async function drained(log: EventLog, name: string, topic: string, changesTopic: string): Promise<Ran> {
  const prefix = `${broker.unique(name)}.`
  const file = `${name}.yaml`
  writeFileSync(join(folder, file), policyText(prefix, topic, changesTopic))
  const { layout } = parsePolicy(policyText(prefix, topic, changesTopic), file)
  const problems: string[] = []
  const emit = (event: FlyballEvent) => void (event.event === 'problem' && problems.push(event.message))
  const daemon = await startDaemon({
    ...{ log, layout, prefix, judgePartitions: 1, clock: systemClock, emit, createTopics: true, drain: true, version: 'test' },
  })
  await daemon.done
  const decisions = (await readDecisions(log, `${prefix}decisions`)).map(({ decision }) => decision)
  const run = (...words: string[]) => {
    const ended = flyball([...words, '-p', file, '-b', broker.bootstrap.join(',')], folder)
    assert.equal(ended.code, 0, ended.stderr)
    return ended.stdout
  }
  return { decisions, problems, explain: (...words) => run('explain', ...words), lineage: (...words) => run('lineage', ...words) }
}

const TIMEOUT = { ...broker.options, timeout: 120_000 }

test('a rollback caused upstream names feature, platform and upstream; the change before it stands beside', TIMEOUT, async () => {
  const log = await broker.connect()
  const [topic, changesTopic] = [broker.unique('predictions'), broker.unique('changes')]
  await fill(log, topic, PARTITIONS, predictions(NULLED, 1))
  await fill(log, changesTopic, 2, changes())
  const ran = await drained(log, 'nulled', topic, changesTopic)
  const back = ran.decisions.find(({ verdict }) => verdict.kind === 'rollback')
  assert.ok(back, ran.decisions.map(({ summary }) => summary).join('\n'))
  const [first] = back.factors
  assert.deepEqual([first?.kind, first?.feature, first?.scope], ['upstream', 'income', 'platform=ios'])
  assert.deepEqual(
    back.changes.map(({ id }) => id),
    ['income-7', 'gateway-3'],
  )
  assert.equal(ran.problems.length, 2, ran.problems.join('\n'))
  const words = ran.explain(`fraud#${back.number}`)
  assert.match(words, /^question {3}Is there harm\?$/m)
  const cause = /^cause.*$/m.exec(words)![0]
  assert.match(cause, /upstream.*income is missing where platform=ios/)
  assert.doesNotMatch(cause, /candidate/)
  assert.match(words, /^guardrail {2}error-rate, line \d+: \{ kind: error-rate, marginPoints: 1, segments: all \}$/m)
  assert.match(words, /^changes +\d+ min before: feature, income pipeline 7 for mobile, by eve$/m)
  assert.match(words, /runbook: https:\/\/runbooks\.example\/fraud/)
  assert.match(words, /owner: risk team, #risk-oncall/)
  assert.match(words, /^profiles +rapid: the same: evidence of harm/m)
  const json = JSON.parse(ran.explain(back.id, '--json'))
  assert.equal(json.decision.factors[0].kind, 'upstream')
  assert.equal(json.explained.rule.isSamePolicy, true)
  assert.ok(json.explained.segments[0].scope === 'platform=ios' && json.explained.overTime.length > 1)

  writeFileSync(join(folder, 'v2.json'), JSON.stringify(VERSION))
  assert.match(ran.lineage('--publish', 'v2.json'), /^published fraud v2 /)
  const lineage = ran.lineage('v2')
  assert.match(lineage, /^ {2}data +s3:\/\/lake payments$/m)
  assert.match(lineage, /^ {2}parent +v1 {2}\(nobody has published a record of it\)$/m)
  assert.match(lineage, new RegExp(`#${back.number} Rolled back v2`))
  assert.match(lineage, /not told +feature set, training run, plan, when it was made$/m)

  const again = await drained(log, 'again', topic, changesTopic)
  const told = ({ decisions }: Ran) => decisions.map(({ verdict, factors, changes }) => ({ verdict, factors, changes }))
  assert.deepEqual(told(again), told(ran), 'a second drain says the same')
})

test('a world that grows worse for both is rolled back by nobody, and the hold says so', TIMEOUT, async () => {
  const log = await broker.connect()
  const [topic, changesTopic] = [broker.unique('predictions'), broker.unique('changes')]
  await fill(log, topic, PARTITIONS, predictions(WORSE, 2))
  const ran = await drained(log, 'worse', topic, changesTopic)
  const kinds = ran.decisions.map(({ verdict }) => verdict.kind)
  assert.ok(!kinds.includes('rollback') && !kinds.includes('throttle'), kinds.join(' '))
  const last = ran.decisions.at(-1)!
  assert.deepEqual([last.verdict.kind, last.factors[0]?.kind, last.factors[0]?.guardrail], ['hold', 'environment', 'error-rate'])
  assert.ok(last.judgeTimeMs > WRONG_MS)
  const words = ran.explain('fraud')
  assert.match(words, /^cause {6}environment: errors rose on both: control (0\.|1)\S* % → [56]\S* %, candidate \S+ % → \S+ %, since 20/m)
  assert.match(words, /^next steps look at what both versions share/m)
  assert.match(words, /^estimate +error-rate in __all__/m)
  assert.match(words, /rows: would still wait for \d+ of 1000000 candidate rows/)
  assert.match(words, /^changes +none on record in the 24 h before$/m)
  // A topic of changes that does not exist is told, and judged without.
  assert.ok(ran.problems.some((problem) => problem.includes(changesTopic)))
})
