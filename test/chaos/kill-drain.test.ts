/**
 * A drain over filled topics, killed with SIGKILL at twenty random moments and started again until it ends by itself, decides what an
 * undisturbed one decides: same verdicts, weights and sequences, nothing twice, same panes, same first exposures, chains whole.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Command, Decision } from '../../src/domain.ts'
import type { EventLog } from '../../src/kafka/contract.ts'
import { partitionOf } from '../../src/kit/hash.ts'
import { seededRandom } from '../../src/kit/random.ts'
import { readDecisions, type StoredDecision } from '../../src/shell/topic-reads.ts'
import { decodeCommand } from '../../src/wire/control.ts'
import { withBroker } from '../integration/broker.ts'
import { fill, panesIn, plain, recordsIn } from '../simulation/fill.ts'
import { pause, runFlyball } from '../simulation/flyball-process.ts'
import { traffic } from '../simulation/traffic.ts'

const SEED = 11
const KILLS = 20
const INPUT_PARTITIONS = 3
const JUDGE_PARTITIONS = 3
const MODELS = ['churn', 'search', 'price']
const broker = withBroker()

interface Result {
  readonly decisions: readonly StoredDecision[]
  readonly commands: readonly Command[]
  readonly panes: ReadonlyMap<string, string>
  readonly written: number
}

const policyText = (prefix: string, topics: { predictions: string; outcomes: string }): string => `
version: 1
kafka: { prefix: "${prefix}", partitions: ${JUDGE_PARTITIONS} }
inputs:
  predictions: { topic: ${topics.predictions}, fields: { time: ts, unit: unit }, segments: { region: region } }
  outcomes: { topic: ${topics.outcomes}, fields: { time: ts } }
timing: { slice: 5s, settling: 20s }
models:
${MODELS.map(
  (name) => `  ${name}:
    control: v1
    candidate: v2
    mode: enforce
    weights: recorded
    segments: { region: [eu, us] }
    features: { age: { low: 0, high: 20, bins: 20 } }
    outcomes: { click: { horizon: 30s, absent: 0 }, refund: { horizon: 90s, absent: 0 } }
    ladder: { steps: [10, 50, 100], dwell: 30s, minimumRows: 300 }
    guardrails:
      - { kind: error-rate, marginPoints: 1, segments: all, promote: { marginPoints: 8 } }
      - { kind: feature-drift, class: signal, promote: false }
      - { kind: wrong-outcome, outcome: click, marginPoints: 10, promote: { marginPoints: 15 } }
      - { kind: log-score, outcome: refund, margin: 0.1, promote: false }`,
).join('\n')}
`

test('a drain killed twenty times decides what an undisturbed one decides, and writes no decision twice', {
  ...broker.options,
  timeout: 240_000,
}, async (t) => {
  assert.equal(partitionOf(Buffer.from('churn'), JUDGE_PARTITIONS), partitionOf(Buffer.from('search'), JUDGE_PARTITIONS))
  const log = await broker.connect()
  const topics = { predictions: broker.unique('predictions'), outcomes: broker.unique('outcomes') }
  const input = traffic({
    seed: SEED,
    models: MODELS.map((name) => ({ name, share: 0.4, errorsAdded: name === 'search' ? 0.06 : 0, shiftAdded: 0 })),
    partitions: INPUT_PARTITIONS,
    startMs: 1_760_000_000_000,
    durationMs: 400_000,
    perSecond: 100,
    outcomeShare: 0.9,
    outcomeDelayMs: 60_000,
    units: 3000,
  })
  await fill(log, topics.predictions, INPUT_PARTITIONS, input.predictions)
  await fill(log, topics.outcomes, INPUT_PARTITIONS, input.outcomes)
  const folder = mkdtempSync(join(tmpdir(), 'flyball-kill-'))
  try {
    const plainPrefix = `${broker.unique('plain')}.`
    const begun = performance.now()
    const plainArgs = args(folder, plainPrefix, topics)
    const undisturbed = runFlyball(plainArgs, broker.bootstrap)
    await undisturbed.event('started')
    const startedAt = performance.now()
    assert.equal(await undisturbed.ended, 0, undisturbed.stderr())
    const drainMs = performance.now() - startedAt
    const expected = await resultOf(log, plainPrefix)
    checkExpected(expected)
    t.diagnostic(
      `${input.predictions.length} predictions, ${input.outcomes.length} outcomes; a drain takes ${Math.round(drainMs)} ms (start ${Math.round(startedAt - begun)} ms); ${expected.decisions.length} decisions, ${expected.panes.size} panes`,
    )

    const random = seededRandom(SEED)
    let kills = 0
    for (let round = 1; kills < KILLS; round++) {
      const prefix = `${broker.unique(`killed${round}`)}.`
      const killed = await drainWithKills(args(folder, prefix, topics), KILLS - kills, () => random() * 0.6 * drainMs)
      kills += killed
      const got = await resultOf(log, prefix)
      compare(got, expected)
      t.diagnostic(`round ${round}: ${killed} kills, ${got.written} panes written for ${got.panes.size}`)
    }
    t.diagnostic(`${kills} kills in all`)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

function args(folder: string, prefix: string, topics: { predictions: string; outcomes: string }): string[] {
  const file = join(folder, `${prefix}yaml`)
  writeFileSync(file, policyText(prefix, topics))
  return ['-p', file, '--drain', '--create-topics', '--json']
}

/** Kills and starts again until it ends by itself; at most so many kills. Returns how many it took. */
async function drainWithKills(flags: readonly string[], most: number, momentMs: () => number): Promise<number> {
  for (let kills = 0; ; ) {
    const process = runFlyball(flags, broker.bootstrap)
    await process.event('started')
    const survived =
      kills === most ? process.ended.then(() => true) : Promise.race([process.ended.then(() => true), pause(momentMs()).then(() => false)])
    if (await survived) {
      assert.equal(await process.ended, 0, process.stderr())
      return kills
    }
    await process.kill('SIGKILL')
    kills++
  }
}

async function resultOf(log: EventLog, prefix: string): Promise<Result> {
  const decisions = await readDecisions(log, `${prefix}decisions`)
  const commands = (await recordsIn(log, `${prefix}control`)).flatMap(({ record }) =>
    record.value === null ? [] : [decodeCommand(record.value)],
  )
  const { panes, written, refused } = await panesIn(log, `${prefix}panes`)
  assert.deepEqual(refused, [], 'a pane written again is the pane written before')
  return { decisions, commands, panes: new Map([...panes].map(([link, pane]) => [link, plain(pane)])), written }
}

function checkExpected({ decisions, panes }: Result): void {
  const kinds = (model: string) => decisions.filter(({ decision }) => decision.model === model).map(({ decision }) => decision.verdict.kind)
  assert.ok(kinds('search').includes('rollback'), `the harmed one is rolled back: ${kinds('search')}`)
  for (const sound of ['churn', 'price']) {
    assert.ok(kinds(sound).includes('promote') && !kinds(sound).includes('rollback'), `${sound}: ${kinds(sound)}`)
  }
  assert.ok(
    [...panes.values()].some((text) => text.includes('|first')),
    'first exposures are counted',
  )
}

function compare(got: Result, expected: Result): void {
  const ids = got.decisions.map(({ decision }) => decision.id)
  assert.equal(new Set(ids).size, ids.length, 'no decision id stands twice')
  checkChain(got.decisions)
  for (const model of MODELS) {
    assert.deepEqual(told(got, model), told(expected, model), `decisions of ${model}`)
    assert.deepEqual(commanded(got, model), commanded(expected, model), `commands of ${model}`)
  }
  assert.deepEqual([...got.panes.keys()].sort(), [...expected.panes.keys()].sort(), 'the same chain links')
  for (const [link, text] of expected.panes) assert.equal(got.panes.get(link), text, `pane ${link}`)
}

/** Decisions without what tells of the owner: epoch, and with it the hashes. */
function told({ decisions }: Result, model: string): unknown[] {
  return decisions
    .map(({ decision }) => decision)
    .filter((decision) => decision.model === model)
    .map(({ epoch, previousHash, wallTimes, policyDigest, ...rest }: Decision) => rest)
}

/** Commands once each: a take-over publishes the one in force again. */
function commanded({ commands }: Result, model: string): unknown[] {
  const seen = new Map<string, unknown>()
  for (const { epoch, policyDigest, ...rest } of commands) if (rest.model === model && !seen.has(rest.id)) seen.set(rest.id, rest)
  return [...seen.values()]
}

function checkChain(decisions: readonly StoredDecision[]): void {
  for (const model of MODELS) {
    let hash = ''
    let number = 0
    for (const one of decisions.filter(({ decision }) => decision.model === model)) {
      assert.equal(one.decision.previousHash, hash, `chain of ${model} at decision ${one.decision.number}`)
      assert.equal(one.decision.number, ++number)
      hash = one.hash
    }
  }
}
