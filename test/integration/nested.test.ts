/**
 * Existing topics work unchanged: the example policy for nested records with microsecond times and other names, and the one for native
 * records, over the same events in the two forms, decide the same.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { startDaemon } from '../../src/daemon.ts'
import type { Decision } from '../../src/domain.ts'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { readDecisions } from '../../src/shell/topic-reads.ts'
import { fill } from '../simulation/fill.ts'
import { type Placed, traffic } from '../simulation/traffic.ts'

type Row = Record<string, unknown>
const VERSIONS: Record<string, string> = { v1: '2024-11', v2: '2025-02' }
const PARTITIONS = 3

const nestedPrediction = (row: Row): Row => ({
  meta: { rid: row['id'], at: Number(row['ts']) * 1000, host: { name: 'a' } },
  model: { name: row['model'], rev: VERSIONS[String(row['version'])] },
  out: { p: row['score'], top: ['x', 'y'] },
  ms: row['latencyMs'],
  http: row['error'] ? 503 : 200,
})
const nestedOutcome = (row: Row): Row => ({
  ref: row['id'],
  when: new Date(Number(row['ts'])).toISOString(),
  result: row['label'] === 1 ? 'fraud' : 'fine',
})
const nativePrediction = ({ ts, ...row }: Row): Row => ({ ...row, time: ts, version: VERSIONS[String(row['version'])] })
const nativeOutcome = ({ ts, ...row }: Row): Row => ({ ...row, time: ts })

for (const [what, errorsAdded, ends] of [
  ['a harmed candidate', 0.08, 'rollback'],
  ['a sound candidate', 0, 'promote'],
] as const) {
  test(`${what}: nested records with microsecond times are judged as native ones are`, async (t) => {
    const models = [{ name: 'fraud', share: 0.4, errorsAdded, shiftAdded: 0 }]
    const common = { seed: 31, models, partitions: PARTITIONS, startMs: 1_760_000_000_000, durationMs: 400_000, perSecond: 60 }
    const input = traffic({ ...common, outcomeShare: 0.8, outcomeDelayMs: 60_000, units: 2000 })
    const native = await decide('native', 'predictions', 'outcomes', input, nativePrediction, nativeOutcome)
    const nested = await decide('nested', 'scoring.events', 'chargebacks', input, nestedPrediction, nestedOutcome)
    assert.ok(
      native.some(({ verdict }) => verdict.kind === ends),
      native.map(({ verdict }) => verdict.kind).join(' '),
    )
    assert.deepEqual(nested.map(told), native.map(told))
    t.diagnostic(`${native.length} decisions equal: ${native.map(({ verdict }) => verdict.kind).join(' ')}`)
  })
}

/** Without what tells of the policy's own text; sources are named after their topic. */
function told({ previousHash, policyDigest, ...rest }: Decision): unknown {
  return JSON.parse(JSON.stringify(rest).replaceAll('scoring.events/', 'predictions/'))
}

async function decide(
  example: 'native' | 'nested',
  predictions: string,
  outcomes: string,
  input: ReturnType<typeof traffic>,
  prediction: (row: Row) => Row,
  outcome: (row: Row) => Row,
): Promise<Decision[]> {
  const log = new MemoryLog(new MemoryBroker(systemClock))
  const as = (form: (row: Row) => Row) => (one: Placed) => {
    const row = JSON.parse(String(one.record.value)) as Row
    return { ...one, record: { ...one.record, value: Buffer.from(JSON.stringify(form(row))) } }
  }
  await fill(log, predictions, PARTITIONS, input.predictions.map(as(prediction)))
  await fill(log, outcomes, PARTITIONS, input.outcomes.map(as(outcome)))
  const { layout } = parsePolicy(policyText(example), `${example}.yaml`)
  const options = { log, layout, prefix: 'flyball.', judgePartitions: 1, clock: systemClock, createTopics: true, version: 'test' }
  await (await startDaemon({ ...options, drain: true, emit: () => undefined })).done
  return (await readDecisions(log, 'flyball.decisions')).map(({ decision }) => decision)
}

/** The example as it stands, with both versions named alike, and a plan that fits ten minutes of records. */
function policyText(example: string): string {
  const text = readFileSync(new URL(`../../examples/policies/${example}.yaml`, import.meta.url), 'utf8')
  const plan = 'mode: enforce\n    weights: recorded\n    ladder: { steps: [10, 50, 100], dwell: 30s, minimumRows: 300 }'
  const guardrails =
    'guardrails: [{ kind: error-rate, marginPoints: 1, promote: { marginPoints: 8 } }, { kind: log-score, margin: 0.1, promote: false }]'
  const named = text
    .replace('control: v1', 'control: "2024-11"')
    .replace('candidate: v2', 'candidate: "2025-02"')
    .replace('horizon: 10m', 'horizon: 60s')
  assert.ok(named.includes('  fraud:\n'))
  return named.replace('  fraud:\n', `  fraud:\n    ${plan}\n    ${guardrails}\n`)
}
