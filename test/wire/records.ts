/** One fixed record per schema. Their bytes are in `test/golden/`; changing either is changing the wire. */

import { readFileSync } from 'node:fs'
import avro from 'avsc'
import type {
  Ack,
  Acknowledgement,
  Alert,
  Command,
  Decision,
  Delivery,
  OperatorRequest,
  Pane,
  Pulse,
  Reading,
  Silence,
} from '../../src/domain.ts'
import { NO_DETAIL } from '../../src/kit/no-detail.ts'
import { decodeAck, encodeAck } from '../../src/wire/acks.ts'
import { decodeAlert, encodeAlert } from '../../src/wire/alerts.ts'
import { type CheckpointRecord, decodeCheckpoint, encodeCheckpoint } from '../../src/wire/checkpoints.ts'
import { decodeCommand, encodeCommand } from '../../src/wire/control.ts'
import { decodeDecision, encodeDecision } from '../../src/wire/decisions.ts'
import {
  decodeAcknowledgement,
  decodeDelivery,
  decodeSilence,
  encodeAcknowledgement,
  encodeDelivery,
  encodeSilence,
} from '../../src/wire/deliveries.ts'
import { decodePane, encodePane, encodePulse, type WantedBlocks } from '../../src/wire/panes.ts'
import { decodeRequest, encodeRequest } from '../../src/wire/requests.ts'
import { decodeState, encodeState, type StateRecord } from '../../src/wire/state.ts'

export const command: Command = {
  id: 'fraud-7-promote',
  environment: 'production',
  model: 'fraud',
  epoch: 12,
  sequence: 7,
  issuedAtMs: 1_700_000_000_000,
  kind: 'step-down',
  control: 'v1',
  candidate: 'v2',
  weights: { v1: 90, v2: 10 },
  segments: [{ segment: 'country=DE', weights: { v1: 100 } }],
  leaseMs: 60_000,
  onSilence: 'keep',
  policyDigest: '0123456789abcdef',
  rule: 'blind-too-long',
  reason: 'blind for 10 min, one rung down – näher hinsehen',
  decisionId: 'fraud-7',
}

export const ack: Ack = {
  model: 'fraud',
  gateway: 'gateway-1',
  kind: 'presence',
  commandId: 'fraud-7-promote',
  epoch: 12,
  sequence: 7,
  atMs: 1_700_000_001_000,
  leaseExpired: false,
  routed: { v1: 900, v2: 100 },
  countersSinceMs: 1_699_999_000_000,
  features: ['segments:country'],
}

const ackOf1: Ack = { ...ack, features: [] }

export const pulse: Pulse = {
  kind: 'pulse',
  source: 'predictions/3',
  stamp: { epoch: 4, sequence: 19 },
  base: { epoch: 3, sequence: 250 },
  from: 1_000,
  to: 2_000,
  sliceEndMs: 1_700_000_005_000,
  exposureClockMs: 1_700_000_005_100,
  outcomeClockMs: -1,
  describedClockMs: -1,
  idle: false,
  ended: true,
  lagRecords: 12,
  models: ['fraud', 'churn'],
}

export const pane: Pane = {
  kind: 'pane',
  model: 'fraud',
  source: 'predictions/3',
  chain: 'outcome:60000',
  stamp: { epoch: 4, sequence: 18 },
  base: { epoch: 3, sequence: 250 },
  from: 1_000,
  to: 2_000,
  previousTo: 900,
  sliceStartMs: 1_700_000_000_000,
  sliceEndMs: 1_700_000_005_000,
  finalAtMs: 1_700_000_065_000,
  sampleRate: 0.5,
  blockHashes: new Map([
    ['requests', 'aaaa'],
    ['latency', 'bbbb'],
    ['feature:age', 'cccc'],
  ]),
  cells: [
    {
      version: 'v1',
      scope: '__all__',
      population: 'all',
      blocks: new Map([
        ['requests', block([700], [])],
        ['latency', block([0, 3, 0, 0, 300], [12.5, 900])],
      ]),
    },
    { version: 'v2', scope: '__all__', population: 'first', blocks: new Map([['latency', block([1, 0, 0, 0, 0], [0, -0.25])]]) },
    { version: 'v2', scope: 'country=DE', population: 'all', blocks: new Map() },
    { version: 'v1', scope: 'country=DE', population: 'all', blocks: new Map([['requests', block([2 ** 40], [])]]) },
  ],
}

/** With the blocks of its cells as plain maps: where their numbers lie in memory is no part of a pane. */
export function readPane(bytes: Buffer, wanted?: WantedBlocks): Pane | Pulse {
  const found = decodePane(bytes, wanted)
  return found.kind === 'pulse' ? found : { ...found, cells: found.cells.map((cell) => ({ ...cell, blocks: new Map(cell.blocks) })) }
}

function block(counts: readonly number[], sums: readonly number[]) {
  return { counts: Float64Array.from(counts), sums: Float64Array.from(sums) }
}

const reading: Reading = {
  guardrail: 'errors',
  scope: '__all__',
  class: 'critical',
  action: 'rollback',
  logEvidence: 7.25,
  logLimit: 6.9,
  weight: 1,
  estimate: 0.02,
  intervalLow: -Infinity,
  intervalHigh: 0.03,
  unit: 'share of requests',
  margin: 0.005,
  candidateRows: 400,
  controlRows: 3_600,
  candidateEvents: 12,
  controlEvents: 30,
  strata: 9,
  detail: '',
}

export const decision: Decision = {
  id: 'fraud-7',
  environment: 'production',
  model: 'fraud',
  number: 7,
  previousHash: 'f'.repeat(64),
  epoch: 12,
  sequence: 7,
  judgeTimeMs: 1_700_000_006_000,
  policyDigest: '0123456789abcdef',
  mode: 'enforce',
  verdict: { kind: 'rollback', rule: 'harm', evidence: [reading] },
  weightsBefore: { v1: 90, v2: 10 },
  weightsAfter: { v1: 100, v2: 0 },
  readings: [reading, { ...reading, guardrail: 'age', class: 'info', action: 'info', estimate: Number.NaN, detail: 'age above 60' }],
  panes: 40,
  rows: 4_000,
  summary: 'errors rose from 0.8 % to 3 %',
  cause: 'candidate answers 500',
  wallTimes: { detected: 1_700_000_006_100.5 },
  requestId: 'r-1',
  phase: 'rolled-back',
  restraints: [{ kind: 'freeze', who: 'ada (OS user)', reason: 'release freeze', untilMs: 1_700_000_600_000 }],
  control: 'v1',
  candidate: 'v2',
  stage: '5 %',
  artifact: 'sha256:beef',
  approvals: [{ who: 'bob (OS user)', stage: '1 %', requestId: 'r-8', atMs: 1_700_000_003_000 }],
  segmentsAfter: [{ segment: 'region=eu', weights: { v1: 100, v2: 0 } }],
  factors: [
    {
      kind: 'upstream',
      words: 'age is missing',
      guardrail: 'missing',
      scope: 'platform=ios',
      feature: 'age',
      share: 0.9,
      logEvidence: 12.5,
    },
  ],
  changes: [{ id: 'c-1', kind: 'feature', what: 'age pipeline 7', who: 'eve', model: '', atMs: 1_700_000_001_000 }],
  body: '',
}

export const alert: Alert = {
  incident: 'production/fraud/v2/harm',
  environment: 'production',
  model: 'fraud',
  version: 'v2',
  cause: 'harm',
  severity: 'critical',
  status: 'firing',
  summary: 'v2 was rolled back',
  decisionId: 'fraud-7',
  judgeTimeMs: 1_700_000_006_000,
  detail: {
    done: 'v2 went from 5 % to 0 %',
    guardrail: 'error-rate',
    scope: '__all__',
    estimate: 0.031,
    intervalLow: 0.012,
    intervalHigh: 0.05,
    margin: 0.005,
    unit: 'points',
    logEvidence: 9.25,
    logLimit: 6.5,
    candidateRows: 1_200,
    controlRows: 22_800,
    probableCause: 'candidate: v2 alone',
    owner: 'ada',
    contact: '#fraud',
    runbooks: ['docs/runbooks/rollback.md'],
    override: "flyball quarantine release fraud --reason '…'",
  },
}

export const request: OperatorRequest = {
  id: 'r-1',
  model: 'fraud',
  verb: 'hold',
  who: 'ada',
  reason: 'release freeze',
  atMs: 1_700_000_000_000,
  knownBy: 'osUser',
  ifSequence: 7,
  expiresAtMs: 1_700_000_060_000,
  untilMs: 1_700_000_600_000,
  subject: '5 %',
  body: '{"passed":true}',
}

/** As records of version 1 are read. */
const requestOf2: OperatorRequest = { ...request, subject: null, body: '' }
const requestOf1: OperatorRequest = { ...requestOf2, knownBy: 'unstated', ifSequence: null, expiresAtMs: null, untilMs: null }
const decisionOf2: Decision = {
  ...decision,
  control: '',
  candidate: '',
  stage: '',
  artifact: '',
  approvals: [],
  segmentsAfter: [],
  factors: [],
  changes: [],
  body: '',
}
const decisionOf1: Decision = { ...decisionOf2, requestId: null, phase: null, restraints: [] }

export const claim: CheckpointRecord = { kind: 'claim', source: 'predictions/3', nonce: 'n-1', atMs: 1_700_000_000_000 }
export const checkpoint: CheckpointRecord = {
  kind: 'checkpoint',
  source: 'predictions/3',
  epoch: 4,
  sequence: 18,
  body: Buffer.from('{"clock":1}'),
}
export const unitChunk: CheckpointRecord = { kind: 'units', source: 'predictions/3', chunk: 2, bytes: Buffer.from([1, 2, 3]) }

export const ladder: StateRecord = {
  kind: 'ladder',
  model: 'fraud',
  decisionNumber: 7,
  lastHash: 'e'.repeat(64),
  epoch: 12,
  sequence: 7,
  body: Buffer.from('{"rung":2}'),
}

export const snapshot: StateRecord = {
  kind: 'snapshot',
  model: 'fraud',
  snapshotId: 's-1',
  index: 0,
  count: 2,
  positions: { 'flyball.panes/3': 500 },
  bytes: Buffer.from([9, 8, 7]),
}

export const delivery: Delivery = {
  group: 'environment=production,model=fraud',
  sink: 'oncall',
  told: {
    status: 'firing',
    severity: 'critical',
    fingerprint: '5feceb66ffc86f38',
    sinceMs: 1_700_000_007_000,
    atMs: 1_700_000_009_000,
    reference: '170.1',
  },
  attempt: {
    status: 'resolved',
    severity: 'critical',
    fingerprint: '6b86b273ff34fce1',
    result: 'failed',
    attempts: 2,
    atMs: 1_700_000_019_000,
    notBeforeMs: 1_700_000_021_000,
    problem: '503',
  },
  messages: 2,
}

export const silence: Silence = {
  id: 's-1',
  match: { model: ['fraud'], cause: ['series:*'] },
  author: 'ada',
  reason: 'load test',
  beginsAtMs: 1_700_000_000_000,
  endsAtMs: 1_700_003_600_000,
}

export const acknowledgement: Acknowledgement = {
  incident: 'test/fraud/v2/rollback:error-rate',
  who: 'ada',
  reason: 'looking into it',
  atMs: 1_700_000_100_000,
}

export interface Sample {
  readonly name: string
  readonly schema: string
  readonly record: unknown
  readonly encode: () => Buffer
  readonly decode: (bytes: Buffer) => unknown
}

/** What earlier versions wrote. Nobody writes it any more: their golden bytes stay as they are, and must be read as these records. */
export const earlier: readonly Omit<Sample, 'encode'>[] = [
  { name: 'alerts.1', schema: 'alerts.1', record: { ...alert, detail: NO_DETAIL }, decode: (bytes) => decodeAlert(bytes, 1) },
  { name: 'acks.1', schema: 'acks.1', record: ackOf1, decode: (bytes) => decodeAck(bytes, 1) },
  { name: 'requests.2', schema: 'requests.2', record: requestOf2, decode: (bytes) => decodeRequest(bytes, 2) },
  { name: 'decisions.2', schema: 'decisions.2', record: decisionOf2, decode: (bytes) => decodeDecision(bytes, 2) },
  { name: 'requests.1', schema: 'requests.1', record: requestOf1, decode: (bytes) => decodeRequest(bytes, 1) },
  { name: 'decisions.1', schema: 'decisions.1', record: decisionOf1, decode: (bytes) => decodeDecision(bytes, 1) },
]

export const samples: readonly Sample[] = [
  { name: 'control', schema: 'control', record: command, encode: () => encodeCommand(command), decode: decodeCommand },
  { name: 'acks', schema: 'acks', record: ack, encode: () => encodeAck(ack), decode: decodeAck },
  { name: 'panes-pane', schema: 'panes', record: pane, encode: () => encodePane(pane), decode: readPane },
  { name: 'panes-pulse', schema: 'panes', record: pulse, encode: () => encodePulse(pulse), decode: readPane },
  { name: 'decisions', schema: 'decisions', record: decision, encode: () => encodeDecision(decision), decode: decodeDecision },
  { name: 'alerts', schema: 'alerts', record: alert, encode: () => encodeAlert(alert), decode: decodeAlert },
  { name: 'requests', schema: 'requests', record: request, encode: () => encodeRequest(request), decode: decodeRequest },
  ...(
    [
      ['claim', claim],
      ['checkpoint', checkpoint],
      ['units', unitChunk],
    ] as const
  ).map(([name, record]) => ({
    name: `checkpoints-${name}`,
    schema: 'checkpoints',
    record,
    encode: () => encodeCheckpoint(record),
    decode: decodeCheckpoint,
  })),
  ...(
    [
      ['ladder', ladder],
      ['snapshot', snapshot],
    ] as const
  ).map(([name, record]) => ({
    name: `state-${name}`,
    schema: 'state',
    record,
    encode: () => encodeState(record),
    decode: decodeState,
  })),
  {
    name: 'deliveries',
    schema: 'deliveries',
    record: delivery,
    encode: () => encodeDelivery(delivery),
    decode: decodeDelivery,
  },
  { name: 'silences', schema: 'silences', record: silence, encode: () => encodeSilence(silence), decode: decodeSilence },
  {
    name: 'acknowledgements',
    schema: 'acknowledgements',
    record: acknowledgement,
    encode: () => encodeAcknowledgement(acknowledgement),
    decode: decodeAcknowledgement,
  },
]

/** What a stranger does: nothing but the schema file and avsc. */
export function schemaType(name: string): avro.Type {
  return avro.Type.forSchema(JSON.parse(readFileSync(new URL(`../../schemas/${name}.avsc`, import.meta.url), 'utf8')))
}

export function goldenFile(name: string): URL {
  return new URL(`../golden/${name}.hex`, import.meta.url)
}
