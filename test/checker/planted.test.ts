/**
 * Every promise of the checker is able to fail: a simulated world whose topics are in order, then one of them changed in one place, and
 * each time the checker says so in the name of that promise.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import type { Ack, Alert, Command, Decision, NonInferiority, Pane, Pulse, Reading, Verdict } from '../../src/domain.ts'
import type { MemoryPartition, StoredRecord } from '../../src/kafka/log/memory-broker.ts'
import type { TopicNames } from '../../src/kit/topics.ts'
import { decodeAck, encodeAck } from '../../src/wire/acks.ts'
import { decodeAlert, encodeAlert } from '../../src/wire/alerts.ts'
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from '../../src/wire/checkpoints.ts'
import { decodeCommand, encodeCommand } from '../../src/wire/control.ts'
import { decodeDecision, encodeDecision } from '../../src/wire/decisions.ts'
import { decodePane, encodePane, encodePulse } from '../../src/wire/panes.ts'
import { decodeRequest, encodeRequest } from '../../src/wire/requests.ts'
import { decodeState, encodeState, type LadderRecord } from '../../src/wire/state.ts'
import { versionOf } from '../../src/wire/versions.ts'
import { PREFIX } from '../simulation/simulator/plan.ts'
import { simulate } from '../simulation/simulator/run.ts'
import { withVirtualTimers } from '../simulation/simulator/scheduler.ts'
import type { SimWorld } from '../simulation/simulator/world.ts'
import { check } from './checker.ts'

/** A world with two partitions of panes, a gate, a shadow, promotions, a rollback, answered requests, dead letters and an anchor. */
const SEED = 5

let world: SimWorld
let whole: ReadonlyMap<MemoryPartition, readonly StoredRecord[]>

before(async () => {
  const result = await simulate(SEED)
  assert.deepEqual(result.violations, [])
  world = result.world
  whole = new Map([...world.cluster.broker.topics.values()].flat().map((partition) => [partition, [...partition.records]]))
})

after(restore)

function restore(): void {
  for (const [partition, records] of whole) partition.records.splice(0, partition.records.length, ...records)
}

/** Names of the promises that are broken once the topics have been changed. */
async function broken(change: () => void): Promise<readonly string[]> {
  try {
    change()
    const { scheduler, plan, traffic, judgedUntilMs } = world
    const gateways = world.gateways.map(({ name }) => name)
    const all = { prefix: PREFIX, layout: plan.layout, settled: true, gateways, judgedUntilMs, inputs: traffic.records }
    const violations = await withVirtualTimers(scheduler, () => scheduler.until(check(world.outside(), all), 'checking', 3_600_000))
    return [...new Set(violations.map(({ promise }) => promise))]
  } finally {
    restore()
  }
}

// ── changing what stands there ─────────────────────────────────────────────────────────────────────────────────────────────

interface Kind<T> {
  readonly topic: keyof TopicNames
  /** Null: none of this kind. */
  readonly read: (record: StoredRecord) => T | null
  readonly write: (value: T) => Buffer
}

type Bytes = StoredRecord & { readonly value: Buffer }

function kind<T>(topic: keyof TopicNames, read: (record: Bytes) => T | null, write: (value: T) => Buffer): Kind<T> {
  const isOther = (record: StoredRecord) =>
    record.value === null || record.marker || record.transaction?.state === 'aborted' || record.key?.toString() === '__barrier'
  return { topic, write, read: (record) => (isOther(record) ? null : read(record as Bytes)) }
}

const DECISIONS = kind<Decision>('decisions', (record) => decodeDecision(record.value, versionOf(record)), encodeDecision)
const COMMANDS = kind<Command>('control', ({ value }) => decodeCommand(value), encodeCommand)
const ALERTS = kind<Alert>('alerts', (record) => decodeAlert(record.value, versionOf(record)), encodeAlert)
const ACKS = kind<Ack>('acks', (record) => decodeAck(record.value, versionOf(record)), encodeAck)
const REQUESTS = kind('requests', (record) => decodeRequest(record.value, versionOf(record)), encodeRequest)
const PANES = kind('panes', ({ value }) => paneIn(value), encodePane)
const PULSES = kind<Pulse>('panes', ({ value }) => pulseIn(value), encodePulse)
const LADDERS = kind<LadderRecord>('state', ({ value }) => ladderIn(value), encodeState)
const CHECKPOINTS = kind<Checkpoint>('checkpoints', ({ value }) => checkpointIn(value), encodeCheckpoint)
const LETTERS = kind<StoredRecord>(
  'deadletter',
  (record) => record,
  ({ value }) => value!,
)

function paneIn(value: Buffer): Pane | null {
  const found = decodePane(value)
  return found.kind === 'pane' ? found : null
}

function pulseIn(value: Buffer): Pulse | null {
  const found = decodePane(value)
  return found.kind === 'pulse' ? found : null
}

function ladderIn(value: Buffer): LadderRecord | null {
  const found = decodeState(value)
  return found.kind === 'ladder' ? found : null
}

function checkpointIn(value: Buffer): Checkpoint | null {
  const found = decodeCheckpoint(value)
  return found.kind === 'checkpoint' ? found : null
}

interface At<T> {
  readonly partition: MemoryPartition
  readonly record: StoredRecord
  readonly value: T
}

function all<T>({ topic, read }: Kind<T>, is: (value: T) => boolean = () => true): At<T>[] {
  return world.cluster.broker.topics.get(world.topics[topic])!.flatMap((partition) =>
    partition.records.flatMap((record) => {
      const value = read(record)
      return value === null || !is(value) ? [] : [{ partition, record, value }]
    }),
  )
}

/** The one in the middle: what is changed has something before it and behind it. */
function some<T>(of: Kind<T>, is?: (value: T) => boolean): At<T> {
  const found = all(of, is)
  assert.ok(found.length > 0, `the world has no such record on ${of.topic}`)
  return found[Math.floor(found.length / 2)]!
}

function put({ partition, record }: At<unknown>, changed: Partial<StoredRecord>): void {
  partition.records[partition.records.indexOf(record)] = { ...record, ...changed }
}

function rewrite<T>(of: Kind<T>, at: At<T>, change: (value: T) => T): void {
  put(at, { value: of.write(change(at.value)) })
}

function drop({ partition, record }: At<unknown>): void {
  partition.records.splice(partition.records.indexOf(record), 1)
}

/** Once more at the end of the partition. */
function append<T>(of: Kind<T>, { partition, record, value }: At<T>, change: (value: T) => T = (same) => same): void {
  partition.records.push({ ...record, offset: partition.end, transaction: null, value: of.write(change(value)) })
}

/** A decision in other words, and the command that it issued. */
function redecide(at: At<Decision>, decided: (decision: Decision) => Decision, commanded: (command: Command) => Command): void {
  rewrite(DECISIONS, at, decided)
  for (const each of all(COMMANDS, ({ decisionId }) => decisionId === at.value.id)) rewrite(COMMANDS, each, commanded)
}

const is =
  (...kinds: Decision['verdict']['kind'][]) =>
  ({ verdict }: Decision): boolean =>
    kinds.includes(verdict.kind)

/** Of a model, the last. */
const lastOf = <T extends { readonly model: string }>(of: Kind<T>, model: string): At<T> =>
  all(of, (value) => value.model === model).at(-1)!

const EVERYTHING = { v1: 0, v2: 100 }

const promotion = (proofs: readonly NonInferiority[]): Verdict => ({ kind: 'promote', rule: 'promote', proofs })
const rollback = (evidence: readonly Reading[]): Verdict => ({ kind: 'rollback', rule: 'harm', evidence })

// ── what is broken, and who must say so ────────────────────────────────────────────────────────────────────────────────────

interface Planted {
  readonly what: string
  readonly promise: string
  readonly change: () => void
}

const PLANTED: readonly Planted[] = [
  {
    promise: 'chain',
    what: 'a decision whose bytes were changed',
    change: () => rewrite(DECISIONS, some(DECISIONS), (one) => ({ ...one, summary: 'x' })),
  },
  { promise: 'chain', what: 'a decision that is missing', change: () => drop(some(DECISIONS)) },
  { promise: 'chain', what: 'a decision that stands there twice', change: () => append(DECISIONS, some(DECISIONS)) },
  {
    promise: 'chain',
    what: 'a decision that begins with other weights than the one before it left',
    change: () => rewrite(DECISIONS, some(DECISIONS, is('hold')), (one) => ({ ...one, weightsBefore: EVERYTHING })),
  },
  {
    promise: 'epochs',
    what: 'a decision of an epoch below the one before it',
    change: () => rewrite(DECISIONS, some(DECISIONS, is('promote')), (one) => ({ ...one, epoch: 0 })),
  },
  {
    promise: 'time',
    what: 'judge time that runs backwards',
    change: () => rewrite(DECISIONS, some(DECISIONS, is('promote')), (one) => ({ ...one, judgeTimeMs: 1 })),
  },
  { promise: 'anchors', what: 'a day without its anchor', change: () => drop(some(DECISIONS, ({ verdict }) => verdict.rule === 'anchor')) },
  {
    promise: 'sequence',
    what: 'a command that is missing with all its heartbeats',
    change: () => {
      const hasNext = ({ model, sequence }: Command) => all(COMMANDS, (one) => one.model === model && one.sequence > sequence).length > 0
      const { value } = some(COMMANDS, (one) => one.sequence > 1 && hasNext(one))
      for (const each of all(COMMANDS, ({ id }) => id === value.id)) drop(each)
    },
  },
  {
    promise: 'sequence',
    what: 'two commands of one sequence, the second of a higher epoch',
    change: () => {
      const last = lastOf(COMMANDS, some(COMMANDS).value.model)
      append(COMMANDS, last, (one) => ({ ...one, id: 'again', epoch: one.epoch + 1 }))
    },
  },
  {
    promise: 'fencing',
    what: 'an older command behind a newer one',
    change: () => append(COMMANDS, all(COMMANDS, ({ model }) => model === some(COMMANDS).value.model)[0]!),
  },
  {
    promise: 'fencing',
    what: 'a new command of an owner of before the last take-over',
    change: () => {
      const last = lastOf(COMMANDS, some(COMMANDS).value.model)
      const barrier = (name: string) => ({ ...last.record, key: Buffer.from('__barrier'), value: Buffer.from(name), transaction: null })
      last.partition.records.push({ ...barrier('late'), offset: last.partition.end })
      const state = lastOf(LADDERS, last.value.model).partition
      while (state.end <= last.value.epoch) state.records.push({ ...barrier('filler'), offset: state.end })
      state.records.push({ ...barrier('late'), offset: state.end })
      append(COMMANDS, last, (one) => ({ ...one, id: 'late', sequence: one.sequence + 1 }))
    },
  },
  {
    promise: 'heartbeat',
    what: 'a heartbeat in other words than its command',
    change: () => append(COMMANDS, lastOf(COMMANDS, some(COMMANDS).value.model), (one) => ({ ...one, leaseMs: one.leaseMs + 1 })),
  },
  {
    promise: 'decided',
    what: 'a command with other weights than its decision',
    change: () => {
      const { value } = some(COMMANDS, ({ kind: of }) => of === 'promote')
      for (const each of all(COMMANDS, ({ id }) => id === value.id)) rewrite(COMMANDS, each, (one) => ({ ...one, weights: EVERYTHING }))
    },
  },
  {
    promise: 'decided',
    what: 'a rollback that nobody was commanded',
    change: () => {
      const { value } = some(DECISIONS, is('rollback'))
      for (const each of all(COMMANDS, ({ decisionId }) => decisionId === value.id)) drop(each)
    },
  },
  {
    promise: 'control',
    what: 'a command for a model that nobody knows',
    change: () => append(COMMANDS, some(COMMANDS), (one) => ({ ...one, model: 'nobody' })),
  },
  {
    promise: 'exposure',
    what: 'a promotion over a rung',
    change: () =>
      redecide(
        all(DECISIONS, is('promote'))[0]!,
        (one) => ({ ...one, weightsAfter: EVERYTHING }),
        (one) => ({ ...one, weights: EVERYTHING }),
      ),
  },
  {
    promise: 'exposure',
    what: 'a share that is no rung',
    change: () => {
      const weights = { v1: 77, v2: 23 }
      redecide(
        all(DECISIONS, is('promote'))[0]!,
        (one) => ({ ...one, weightsAfter: weights }),
        (one) => ({ ...one, weights }),
      )
    },
  },
  {
    promise: 'exposure',
    what: 'exposure raised under a freeze',
    change: () => {
      const restraint = { kind: 'freeze', who: 'ann', reason: 'r', untilMs: null } as const
      rewrite(DECISIONS, some(DECISIONS, is('promote')), (one) => ({ ...one, restraints: [restraint] }))
    },
  },
  {
    promise: 'exposure',
    what: 'exposure raised after a rollback, by nobody',
    change: () => {
      const back = some(DECISIONS, is('rollback'))
      const command = lastOf(COMMANDS, back.value.model)
      const weights = { v1: 80, v2: 20 }
      const raised = { id: 'raised', number: lastOf(DECISIONS, back.value.model).value.number + 1, sequence: command.value.sequence + 1 }
      const verdict = promotion([])
      append(DECISIONS, back, (one) => ({
        ...one,
        ...raised,
        verdict,
        epoch: command.value.epoch,
        weightsBefore: { v1: 100, v2: 0 },
        weightsAfter: weights,
      }))
      append(COMMANDS, command, (one) => ({ ...one, id: 'raised', sequence: raised.sequence, decisionId: 'raised', weights }))
    },
  },
  {
    promise: 'promotion',
    what: 'a promotion without a single proof',
    change: () => rewrite(DECISIONS, some(DECISIONS, is('promote')), (one) => ({ ...one, verdict: promotion([]) })),
  },
  {
    promise: 'promotion',
    what: 'a promotion with a proof that does not hold',
    change: () =>
      rewrite(DECISIONS, some(DECISIONS, is('promote')), (one) => {
        const proofs = one.verdict.kind === 'promote' ? one.verdict.proofs.map((proof) => ({ ...proof, holds: false })) : []
        return { ...one, verdict: promotion(proofs) }
      }),
  },
  {
    promise: 'promotion',
    what: 'a promotion before its dwell is over',
    change: () => {
      const { value } = some(DECISIONS, (one) => is('promote')(one) && one.weightsBefore['v2']! > 0)
      const before_ = all(
        DECISIONS,
        (one) => one.model === value.model && one.number < value.number && one.weightsAfter['v2'] !== one.weightsBefore['v2'],
      )
      rewrite(
        DECISIONS,
        some(DECISIONS, ({ id }) => id === value.id),
        (one) => ({ ...one, judgeTimeMs: before_.at(-1)!.value.judgeTimeMs + 1 }),
      )
    },
  },
  {
    promise: 'harm',
    what: 'a hold while the readings call for a rollback',
    change: () => {
      const { value } = some(DECISIONS, is('rollback'))
      const held: Decision['verdict'] = { kind: 'hold', rule: 'insufficient', because: 'insufficient', missing: [] }
      rewrite(
        DECISIONS,
        some(DECISIONS, ({ id }) => id === value.id),
        (one) => ({ ...one, verdict: held }),
      )
    },
  },
  {
    promise: 'harm',
    what: 'a rollback for harm without evidence',
    change: () => rewrite(DECISIONS, some(DECISIONS, is('rollback')), (one) => ({ ...one, verdict: rollback([]) })),
  },
  {
    promise: 'harm',
    what: 'a rollback for evidence below its limit',
    change: () =>
      rewrite(DECISIONS, some(DECISIONS, is('rollback')), (one) => {
        const evidence =
          one.verdict.kind === 'rollback' ? one.verdict.evidence.map((each) => ({ ...each, logEvidence: each.logLimit - 9 })) : []
        return { ...one, verdict: rollback(evidence), readings: one.readings.map((each) => ({ ...each, logEvidence: each.logLimit - 9 })) }
      }),
  },
  {
    promise: 'stages',
    what: 'a hold that moves traffic',
    change: () => rewrite(DECISIONS, some(DECISIONS, is('hold')), (one) => ({ ...one, weightsAfter: EVERYTHING })),
  },
  {
    promise: 'stages',
    what: 'a candidate with traffic in its shadow',
    change: () =>
      rewrite(
        DECISIONS,
        some(DECISIONS, ({ phase }) => phase === 'shadow'),
        (one) => ({ ...one, weightsAfter: EVERYTHING }),
      ),
  },
  {
    promise: 'alerts',
    what: 'an incident that fires again while it fires',
    change: () => append(ALERTS, all(ALERTS, ({ cause }) => cause.startsWith('rollback'))[0]!),
  },
  {
    promise: 'alerts',
    what: 'a rollback of which no incident tells',
    change: () => {
      for (const each of all(ALERTS, ({ cause }) => cause.startsWith('rollback'))) drop(each)
    },
  },
  {
    promise: 'alerts',
    what: 'an end without a beginning',
    change: () =>
      append(
        ALERTS,
        some(ALERTS, ({ status }) => status === 'firing'),
        (one) => ({ ...one, incident: `${one.incident}-of-nobody`, status: 'resolved' as const }),
      ),
  },
  {
    promise: 'alerts',
    what: 'an alert of a decision that does not exist',
    change: () => rewrite(ALERTS, some(ALERTS), (one) => ({ ...one, decisionId: 'nobody' })),
  },
  {
    promise: 'requests',
    what: 'a request that nobody answered',
    change: () => append(REQUESTS, some(REQUESTS), (one) => ({ ...one, id: 'late', reason: 'nobody knows' })),
  },
  {
    promise: 'requests',
    what: 'a request that was answered twice',
    change: () => {
      const { value } = some(DECISIONS, ({ requestId }) => requestId !== null)
      const next = lastOf(DECISIONS, value.model).value.number + 1
      append(
        DECISIONS,
        some(DECISIONS, ({ id }) => id === value.id),
        (one) => ({ ...one, id: 'again', number: next }),
      )
    },
  },
  {
    promise: 'panes',
    what: 'one request too many in a pane',
    change: () =>
      rewrite(
        PANES,
        some(PANES, ({ chain }) => chain === 'exposure'),
        withOneMore,
      ),
  },
  {
    promise: 'panes',
    what: 'a matured outcome too many in a pane',
    change: () =>
      rewrite(
        PANES,
        some(PANES, ({ chain }) => chain !== 'exposure'),
        withOneMore,
      ),
  },
  { promise: 'coverage', what: 'a pane that is missing', change: dropPane },
  { promise: 'checkpoints', what: 'a checkpoint that tells of a pane that is missing', change: dropPane },
  {
    promise: 'checkpoints',
    what: 'a checkpoint ahead of its panes',
    change: () =>
      rewrite(CHECKPOINTS, some(CHECKPOINTS), (one) => {
        const body = JSON.parse(one.body.toString()) as { through: Record<string, number> }
        const through = { ...body.through, 'exposure|churn': 1_000_000 }
        return { ...one, body: Buffer.from(JSON.stringify({ ...body, through })) }
      }),
  },
  {
    promise: 'pulses',
    what: 'a pulse that names a model without a pane in its slice',
    change: () =>
      rewrite(
        PULSES,
        some(PULSES, ({ from, to }) => from < to),
        (one) => ({ ...one, models: [...one.models, 'nobody'] }),
      ),
  },
  {
    promise: 'acknowledged',
    what: 'a pulse that is missing in one of two partitions',
    change: () => {
      const pulses = world.cluster.broker.topics.get(world.topics.panes)![0]!
      const found = pulses.records.filter(({ key }) => key?.toString().startsWith('__pulse'))
      pulses.records.splice(pulses.records.indexOf(found[Math.floor(found.length / 3)]!), 1)
    },
  },
  {
    promise: 'counted-once',
    what: 'a reading that rests on more rows than there are',
    change: () =>
      rewrite(
        DECISIONS,
        some(DECISIONS, ({ readings }) => readings.length > 0),
        (one) => ({
          ...one,
          readings: one.readings.map((each) => ({ ...each, candidateRows: 1_000_000 })),
        }),
      ),
  },
  { promise: 'books', what: 'a gap that the judge has met', change: () => rewrite(LADDERS, some(LADDERS), withGap) },
  {
    promise: 'books',
    what: 'a judge that follows an owner of before',
    change: () =>
      rewrite(LADDERS, lastOf(LADDERS, some(LADDERS).value.model), (one) =>
        withBody(one, (body) => {
          for (const source of Object.values(body.chains.sources)) source.epoch = -1
        }),
      ),
  },
  {
    promise: 'state',
    what: 'a state that names another hash',
    change: () => rewrite(LADDERS, some(LADDERS), (one) => ({ ...one, lastHash: 'x' })),
  },
  { promise: 'state', what: 'a decision without the state that it led to', change: () => drop(lastOf(LADDERS, some(LADDERS).value.model)) },
  {
    promise: 'state',
    what: 'a state of an owner of before behind a newer one',
    change: () =>
      append(LADDERS, all(LADDERS, ({ model, decisionNumber }) => model === some(LADDERS).value.model && decisionNumber > 0)[0]!),
  },
  { promise: 'dead-letters', what: 'a record that could not be used and has no letter', change: () => dropLetter() },
  {
    promise: 'dead-letters',
    what: 'a letter with another reason',
    change: () =>
      put(some(LETTERS), {
        headers: some(LETTERS).record.headers.map(([name, value]) => [name, name === 'flyball-reason' ? Buffer.from('bored') : value]),
      }),
  },
  {
    promise: 'accounts',
    what: 'a record that was dropped and not counted',
    change: () => {
      for (const each of all(CHECKPOINTS)) rewrite(CHECKPOINTS, each, uncounted)
    },
  },
  {
    promise: 'gateways',
    what: 'an ack of a command that nobody gave',
    change: () =>
      rewrite(
        ACKS,
        some(ACKS, ({ kind: of }) => of === 'applied'),
        (one) => ({ ...one, commandId: 'nobody' }),
      ),
  },
  {
    promise: 'gateways',
    what: 'a gateway that goes back to a command of before',
    change: () =>
      append(
        ACKS,
        some(ACKS, ({ sequence }) => sequence > 1),
        (one): Ack => ({ ...one, sequence: 1, kind: 'presence' }),
      ),
  },
]

function withOneMore(pane: Pane): Pane {
  const cells = pane.cells.map((cell, place) => {
    if (place > 0) return cell
    const blocks = [...cell.blocks].map(([id, { counts, sums }]) => [id, { counts: counts.map((count) => count + 1), sums }] as const)
    return { ...cell, blocks: new Map(blocks) }
  })
  return { ...pane, cells }
}

/** One that no owner wrote again. */
function dropPane(): void {
  const { value } = some(PANES, ({ chain }) => chain === 'exposure')
  for (const each of all(PANES, (one) => one.source === value.source && one.model === value.model && one.to === value.to)) drop(each)
}

interface JudgeBody {
  readonly chains: { gaps: number; readonly sources: Record<string, { epoch: number }> }
}

function withBody(ladder: LadderRecord, change: (body: JudgeBody) => void): LadderRecord {
  const body = JSON.parse(Buffer.from(ladder.body).toString()) as JudgeBody
  change(body)
  return { ...ladder, body: Buffer.from(JSON.stringify(body)) }
}

function withGap(ladder: LadderRecord): LadderRecord {
  return withBody(ladder, ({ chains }) => {
    chains.gaps = 1
  })
}

/** All copies. */
function dropLetter(): void {
  const place = ({ headers }: StoredRecord) => headers.map(([, value]) => value.toString()).join(' ')
  const wanted = place(some(LETTERS).record)
  for (const each of all(LETTERS, (record) => place(record) === wanted)) drop(each)
}

function uncounted(checkpoint: Checkpoint): Checkpoint {
  const body = JSON.parse(checkpoint.body.toString()) as { predictions: { counters: { dropped: Record<string, number> } } }
  const { dropped } = body.predictions.counters
  for (const reason of Object.keys(dropped)) dropped[reason] = 0
  return { ...checkpoint, body: Buffer.from(JSON.stringify(body)) }
}

// ── ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

test('a world whose topics nobody changed keeps every promise', async () => {
  assert.deepEqual(await broken(() => undefined), [])
})

for (const { what, promise, change } of PLANTED) {
  test(`${promise}: ${what} is found`, async () => {
    const found = await broken(change)
    assert.ok(found.includes(promise), `found: ${found.join(', ')}`)
  })
}

test('no promise of the checker goes without a violation planted against it', () => {
  const folder = new URL('.', import.meta.url)
  const sources = readdirSync(folder).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  const promised = sources.flatMap((name) =>
    [...readFileSync(new URL(name, folder), 'utf8').matchAll(/report\(\s*'([\w-]+)'/g)].map(([, one]) => one!),
  )
  assert.deepEqual(
    [...new Set(promised)].filter((promise) => !PLANTED.some((planted) => planted.promise === promise)),
    [],
  )
})
