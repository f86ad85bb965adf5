/**
 * Measure tasks that lost their partition and write on: late panes, late checkpoints, checkpoints after their tombstone. With the real
 * claims, checkpoints and panes over a log, and the judge's own rule for what counts, every pane has its right total exactly once.
 *
 * The right count of a pane is 100; a task with a worse join table counts 50. "The highest input position wins" would keep the 50.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pane, Pulse, Stamp } from '../../src/domain.ts'
import { acceptPane, acceptPulse, emptyChains, type Rewind } from '../../src/judge/evidence/chains.ts'
import type { EventLog, Reader, Writer } from '../../src/kafka/contract.ts'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { type Random, seededRandom } from '../../src/kit/random.ts'
import { type CheckpointPlace, checkpointRecord, claim, tombstone } from '../../src/shell/checkpoint-store.ts'
import { decodePane, encodePane, encodePulse } from '../../src/wire/panes.ts'
import { withBroker } from '../integration/broker.ts'

const PANE_RECORDS = 100
const RIGHT = 100
const WRONG = 50
const SOURCE = 'predictions/0'
const MODEL = 'flights'
const CHAIN = 'exposure'

const broker = withBroker()

/** A source's two topics on some log. */
interface Ground {
  readonly log: EventLog
  readonly reader: Reader
  readonly writer: Writer
  readonly place: CheckpointPlace
  readonly panes: string
}

let made = 0

async function groundOn(log: EventLog): Promise<Ground> {
  const name = broker.unique(`zombie-${made++}`)
  const [checkpoints, panes] = [`${name}-checkpoints`, `${name}-panes`]
  await log.admin.create([
    { topic: checkpoints, partitions: 1, config: { 'cleanup.policy': 'compact' } },
    { topic: panes, partitions: 1, config: {} },
  ])
  const place = { topic: checkpoints, partition: 0, source: SOURCE }
  return { log, reader: log.reader(), writer: await log.writer(), place, panes }
}

/** A measure task reduced to what it writes. `through` is how far its panes reach. */
class Task {
  readonly epoch: number
  readonly base: Stamp
  through: number
  #sequence = 0
  readonly #ground: Ground

  private constructor(ground: Ground, epoch: number, base: Stamp, through: number) {
    this.#ground = ground
    this.epoch = epoch
    this.base = base
    this.through = through
  }

  /** Claims the source, resumes where the best checkpoint stands and says so with a pulse. */
  static async start(ground: Ground): Promise<Task> {
    const { log, reader, writer, place } = ground
    const resumed = await claim(log, reader, writer, place, systemClock, () => true)
    const through = resumed!.body === null ? 0 : (JSON.parse(resumed!.body.toString()) as { through: number }).through
    const task = new Task(ground, resumed!.epoch, resumed!.base, through)
    await task.#write(encodePulse(task.#pulse()))
    return task
  }

  async pane(requests: number): Promise<void> {
    const from = this.through
    this.through += PANE_RECORDS
    await this.#write(encodePane(this.#pane(from, this.through, requests)))
  }

  async panes(count: number, requests: number): Promise<void> {
    for (let index = 0; index < count; index++) await this.pane(requests)
  }

  async checkpoint(): Promise<void> {
    const { place, writer } = this.#ground
    const body = Buffer.from(JSON.stringify({ through: this.through }))
    const forget = this.base.epoch < 0 ? [] : [tombstone(place.source, this.base.epoch)]
    await writer.send(place.topic, place.partition, [checkpointRecord(place.source, this.#stamp(), body), ...forget])
  }

  async #write(value: Buffer): Promise<void> {
    await this.#ground.writer.send(this.#ground.panes, 0, [{ key: MODEL, value }])
  }

  #stamp(): Stamp {
    return { epoch: this.epoch, sequence: this.#sequence++ }
  }

  #pulse(): Pulse {
    const clocks = { exposureClockMs: 0, outcomeClockMs: 0, describedClockMs: 0 }
    const none = { from: 0, to: 0, sliceEndMs: 0, idle: false, ended: false, lagRecords: 0, models: [] }
    return { kind: 'pulse', source: SOURCE, stamp: this.#stamp(), base: this.base, ...clocks, ...none }
  }

  #pane(from: number, to: number, requests: number): Pane {
    const blocks = new Map([['requests', { counts: Float64Array.of(requests), sums: new Float64Array(0) }]])
    return {
      kind: 'pane',
      model: MODEL,
      source: SOURCE,
      chain: CHAIN,
      stamp: this.#stamp(),
      base: this.base,
      from,
      to,
      previousTo: from,
      sliceStartMs: from,
      sliceEndMs: to,
      finalAtMs: to,
      sampleRate: 1,
      blockHashes: new Map([['requests', 'r']]),
      cells: [{ version: 'v1', scope: '__all__', population: 'all', blocks }],
    }
  }
}

interface Judged {
  /** Requests by end of pane, in the order in which the panes lie. */
  readonly totals: readonly (readonly [to: number, requests: number])[]
  readonly stale: number
  readonly gaps: number
  /** What "the highest input position wins" would have made of the same log. */
  readonly byPosition: readonly (readonly [to: number, requests: number])[]
}

const requestsOf = (pane: Pane): number => pane.cells[0]!.blocks.get('requests')!.counts[0]!

/** Reads the panes topic as the judge does. */
async function judge({ log, reader, panes }: Ground): Promise<Judged> {
  let chains = emptyChains()
  let counted: Pane[] = []
  const byPosition = new Map<number, number>()
  const take = (found: Pane | Pulse): void => {
    const accepted = found.kind === 'pulse' ? acceptPulse(chains, found) : acceptPane(chains, found)
    chains = accepted.state
    counted = withoutTakenBack(counted, accepted.rewind)
    if (found.kind === 'pulse') return
    byPosition.set(found.to, requestsOf(found))
    if ('take' in accepted && accepted.take) counted.push(found)
  }
  const { start, end } = (await log.admin.offsets(panes))[0]!
  await reader.readRange(panes, 0, start, end, (record) => take(decodePane(record.value!)))
  const totals = counted.map((pane) => [pane.to, requestsOf(pane)] as const)
  return { totals, stale: chains.stale, gaps: chains.gaps, byPosition: [...byPosition].sort((a, b) => a[0] - b[0]) }
}

function withoutTakenBack(counted: Pane[], rewind: Rewind | null): Pane[] {
  const reach = rewind?.through[`${MODEL}|${CHAIN}`]
  return reach === undefined ? counted : counted.filter((pane) => pane.to <= reach)
}

const rightTotals = (panes: number) => Array.from({ length: panes }, (_, index) => [(index + 1) * PANE_RECORDS, RIGHT] as const)

/** The old task runs ahead with a worse join table and stalls; what it writes lands before, between and behind the new one's. */
async function oldTaskWritesOn(log: EventLog): Promise<void> {
  const ground = await groundOn(log)
  const old = await Task.start(ground)
  assert.deepEqual([old.base, old.through], [{ epoch: -1, sequence: -1 }, 0])
  await old.panes(3, RIGHT)
  await old.checkpoint()
  await old.pane(WRONG)

  const fresh = await Task.start(ground)
  assert.ok(fresh.epoch > old.epoch)
  assert.deepEqual([fresh.base, fresh.through], [{ epoch: old.epoch, sequence: 4 }, 300])
  await fresh.pane(RIGHT)
  await old.panes(2, WRONG)
  await fresh.pane(RIGHT)
  await fresh.checkpoint()
  await old.panes(1, WRONG)
  await old.checkpoint()

  const last = await Task.start(ground)
  assert.deepEqual([last.base.epoch, last.through], [fresh.epoch, 500])
  await last.panes(2, RIGHT)
  await old.panes(2, WRONG)
  await last.checkpoint()
  await old.checkpoint()
  const { totals, gaps, stale, byPosition } = await judge(ground)
  assert.deepEqual(totals, rightTotals(7))
  assert.deepEqual([gaps, stale], [0, 5])
  assert.ok(byPosition.some(([, requests]) => requests === WRONG))
  assert.equal((await Task.start(ground)).through, 700)
}

/** Owners take over from one another at any moment, and each old one writes on for a while. */
async function manyOwners(log: EventLog, random: Random): Promise<number> {
  const ground = await groundOn(log)
  const zombies: Task[] = []
  let owner = await Task.start(ground)
  for (let step = 0; step < 60; step++) {
    const dice = random()
    if (dice < 0.15) {
      zombies.push(owner)
      // Until the new one's claim is answered, the old one may still write what is right.
      if (random() < 0.5) await owner.pane(RIGHT)
      owner = await Task.start(ground)
    } else if (dice < 0.3) await owner.checkpoint()
    else if (dice < 0.6) await owner.pane(RIGHT)
    else if (zombies.length > 0) {
      const zombie = zombies[Math.floor(random() * zombies.length)]!
      if (random() < 0.3) await zombie.checkpoint()
      else await zombie.pane(WRONG)
    }
  }
  const { totals, gaps } = await judge(ground)
  assert.deepEqual(totals, rightTotals(owner.through / PANE_RECORDS))
  assert.equal(gaps, 0)
  const next = await Task.start(ground)
  assert.ok(next.through <= owner.through && next.base.epoch <= owner.epoch)
  return zombies.length
}

const memory = (): EventLog => new MemoryLog(new MemoryBroker(systemClock))

test('in memory: a measure task that lost its partition writes on, and the panes total right', () => oldTaskWritesOn(memory()))

test('on Kafka: a measure task that lost its partition writes on, and the panes total right', broker.options, async () => {
  await oldTaskWritesOn(await broker.connect())
})

test('many owners, each a zombie afterwards, in any order: every pane counts once and right', async () => {
  let zombies = 0
  for (let seed = 1; seed <= 40; seed++) zombies += await manyOwners(memory(), seededRandom(seed))
  assert.ok(zombies > 100)
})

test('on Kafka: many owners, each a zombie afterwards: every pane counts once and right', broker.options, async () => {
  const log = await broker.connect()
  for (let seed = 1; seed <= 3; seed++) assert.ok((await manyOwners(log, seededRandom(seed))) > 0)
})
