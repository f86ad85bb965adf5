/** Leases at the end of a run: what may have run out, and what says that a judge was quiet or a gateway deaf. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePolicy } from '../../src/policy/load.ts'
import type { Everything, Placed } from './case.ts'
import { checkGateways } from './gateways.ts'
import type { WireAck, WireCommand } from './wire.ts'

const { layout } = parsePolicy(
  `
version: 1
inputs: { predictions: { topic: predictions } }
models:
  churn:
    control: v1
    candidate: v2
    acks: { within: 8s, heartbeat: 3s, lease: 15s, presenceTimeout: 10s }
    guardrails: [{ kind: error-rate, marginPoints: 1 }]
`,
  'gateways.test.yaml',
)
const COMMAND: WireCommand = {
  id: 'c',
  model: 'churn',
  epoch: 1,
  sequence: 2,
  kind: 'promote',
  control: 'v1',
  candidate: 'v2',
  weights: { v1: 50, v2: 50 },
  segments: [],
  leaseMs: 15_000,
  rule: 'promote',
  decisionId: 'd',
}
const ACK: WireAck = {
  model: 'churn',
  gateway: 'g1',
  kind: 'presence',
  commandId: 'c',
  epoch: 1,
  sequence: 2,
  leaseExpired: true,
  countersSinceMs: 0,
}

interface End {
  readonly judgedUntilMs?: number
  readonly lastHeartbeatMs: number
  readonly expiredAtMs: number
  readonly takenOverAtMs?: number
}

function said({ judgedUntilMs, lastHeartbeatMs, expiredAtMs, takenOverAtMs }: End): string[] {
  const at = <T>(offset: number, timestampMs: number, value: T): Placed<T> => ({ partition: 0, offset, timestampMs, key: 'churn', value })
  const all: Everything = {
    inputs: [],
    panes: [],
    checkpoints: [],
    decisions: [],
    ladders: [],
    alerts: [],
    requests: [],
    deadLetters: [],
    stateBarriers: [],
    commands: [at(1, lastHeartbeatMs, { command: COMMAND, hex: '' })],
    acks: [at(0, expiredAtMs, ACK)],
    controlBarriers: [at(0, 0, 'before'), ...(takenOverAtMs === undefined ? [] : [at(2, takenOverAtMs, 'after')])],
  }
  const reports: string[] = []
  const until = judgedUntilMs === undefined ? {} : { judgedUntilMs }
  const world = { prefix: '', layout, settled: true, gateways: ['g1'], ...until }
  checkGateways({ world, all, report: (promise) => void reports.push(promise) })
  return reports
}

test('a lease that runs out after the last daemon was told to stop is no fault', () => {
  assert.deepEqual(said({ judgedUntilMs: 66_500, lastHeartbeatMs: 64_000, expiredAtMs: 79_000 }), [])
})

test('a lease that has run out while judges are there to the end is a fault', () => {
  assert.deepEqual(said({ lastHeartbeatMs: 64_000, expiredAtMs: 79_000 }), ['heartbeat'])
})

test('a gateway whose lease has run out sooner than its last heartbeat allows was deaf', () => {
  assert.deepEqual(said({ judgedUntilMs: 66_500, lastHeartbeatMs: 64_000, expiredAtMs: 78_999 }), ['heartbeat'])
})

test('a judge that had been quiet for two heartbeats before it was told to stop is caught, unless it was being replaced', () => {
  const quiet = { judgedUntilMs: 70_000, lastHeartbeatMs: 64_000, expiredAtMs: 79_000 }
  assert.deepEqual(said(quiet), ['heartbeat'])
  assert.deepEqual(said({ ...quiet, takenOverAtMs: 71_000 }), [])
})

test('a take-over that lasts longer than the lease is a fault', () => {
  assert.deepEqual(said({ judgedUntilMs: 79_000, lastHeartbeatMs: 64_000, takenOverAtMs: 79_500, expiredAtMs: 80_000 }), ['heartbeat'])
})
