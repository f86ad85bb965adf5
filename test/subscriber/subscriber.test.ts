/** The SDK over the log in memory: what it reads, what it answers, how it survives. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ack, Command } from '../../src/domain.ts'
import type { EventLog, Writer } from '../../src/kafka/contract.ts'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { partitionOf } from '../../src/kit/hash.ts'
import { createGovernor, type Governor } from '../../src/subscriber/subscriber.ts'
import { decodeAck } from '../../src/wire/acks.ts'
import { encodeCommand } from '../../src/wire/control.ts'
import { BARRIER_KEY } from '../../src/wire/keys.ts'
import { commandOf, handClock } from './commands.ts'

const PARTITIONS = 3
const HOME = partitionOf(Buffer.from('fraud'), PARTITIONS)

class Stage {
  readonly clock = handClock()
  readonly broker = new MemoryBroker(this.clock)
  readonly log = new MemoryLog(this.broker)
  readonly problems: string[] = []
  #governor: Governor | undefined

  constructor() {
    for (const topic of ['flyball.control', 'flyball.acks']) this.broker.create({ topic, partitions: PARTITIONS, config: {} })
  }

  async start(log: EventLog = this.log): Promise<Governor> {
    const onProblem = (problem: Error) => this.problems.push(problem.message)
    const models = { fraud: { control: 'v1' } }
    this.#governor = createGovernor({ log, models, gateway: 'g1', environment: 'test', clock: this.clock, onProblem })
    await this.#governor.ready()
    return this.#governor
  }

  command(command: Command, headers: Readonly<Record<string, string>> = {}): void {
    this.broker.append('flyball.control', HOME, [{ key: command.model, value: encodeCommand(command), headers }], null)
  }

  raw(key: string | null, value: Buffer | null): void {
    this.broker.append('flyball.control', HOME, [{ key, value }], null)
  }

  acks(kind: Ack['kind']): Ack[] {
    const records = this.broker.topics.get('flyball.acks')![HOME]!.records
    return records.map((record) => decodeAck(record.value!)).filter((ack) => ack.kind === kind)
  }

  async until(what: string, met: () => boolean): Promise<void> {
    for (let turn = 0; turn < 2_000; turn++) {
      if (met()) return
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    assert.fail(`never happened: ${what}`)
  }

  async end(): Promise<void> {
    await this.#governor?.stop()
  }
}

async function staged(body: (stage: Stage) => Promise<void>): Promise<void> {
  const stage = new Stage()
  try {
    await body(stage)
  } finally {
    await stage.end()
  }
}

test('a gateway applies a command, acks it once, and does not ack its heartbeats', () =>
  staged(async (stage) => {
    const governor = await stage.start()
    assert.equal(governor.route('fraud', 'u1'), 'v1')
    stage.command(commandOf(100))
    await stage.until('the ack', () => stage.acks('applied').length === 1)
    assert.equal(governor.route('fraud', 'u1'), 'v2')
    stage.command(commandOf(100))
    stage.command(commandOf(0, { sequence: 2 }))
    await stage.until('the second ack', () => stage.acks('applied').length >= 2)
    assert.deepEqual(
      stage.acks('applied').map((ack) => ack.sequence),
      [1, 2],
    )
    assert.deepEqual(governor.state('fraud').routed, { v1: 1, v2: 1 })
  }))

test('a lower command is answered with what the gateway has', () =>
  staged(async (stage) => {
    const governor = await stage.start()
    stage.command(commandOf(10, { epoch: 5, sequence: 9 }))
    stage.command(commandOf(50, { epoch: 4, sequence: 30 }))
    await stage.until('the answer', () => stage.acks('stale').length === 1)
    const [answer] = stage.acks('stale')
    assert.deepEqual([answer?.commandId, answer?.epoch, answer?.sequence], ['fraud-4-30', 5, 9])
    assert.equal(governor.state('fraud').weights['v2'], 10)
  }))

test('barriers, tombstones, other models, other environments and broken records change nothing', () =>
  staged(async (stage) => {
    const governor = await stage.start()
    stage.raw(BARRIER_KEY, Buffer.from('nonce'))
    stage.raw('fraud', null)
    stage.raw('fraud', Buffer.from('not a command'))
    stage.command(commandOf(50, { model: 'churn' }))
    stage.command(commandOf(50, { environment: 'elsewhere', sequence: 9 }))
    stage.command(commandOf(50, { weights: { v1: 60, v2: 60 }, sequence: 9 }))
    stage.command(commandOf(10, { sequence: 2 }))
    await stage.until('the good one', () => stage.acks('applied').length === 1)
    assert.equal(governor.state('fraud').weights['v2'], 10)
    assert.equal(stage.problems.length, 2)
    assert.match(stage.problems[0]!, /FLY-WIRE-001 cannot decode a control record/)
  }))

test('a gateway that starts late applies only the newest command and acks only that', () =>
  staged(async (stage) => {
    for (let sequence = 1; sequence <= 4; sequence++) stage.command(commandOf(10 * sequence, { sequence }))
    const governor = await stage.start()
    assert.equal(governor.state('fraud').weights['v2'], 40)
    await stage.until('the ack', () => stage.acks('applied').length > 0)
    assert.deepEqual(
      stage.acks('applied').map((ack) => ack.sequence),
      [4],
    )
  }))

test('without heartbeats presence says that the lease ran out, and the weights stay', () =>
  staged(async (stage) => {
    const governor = await stage.start()
    stage.command(commandOf(10, { leaseMs: 10_000 }))
    await stage.until('the ack', () => stage.acks('applied').length === 1)
    stage.clock.advance(4_000)
    await stage.until('presence', () => stage.acks('presence').some((ack) => ack.sequence === 1 && !ack.leaseExpired))
    stage.clock.advance(7_000)
    await stage.until('presence that says so', () => stage.acks('presence').some((ack) => ack.leaseExpired))
    assert.deepEqual(governor.state('fraud').weights, { v1: 90, v2: 10 })
    stage.command(commandOf(10, { leaseMs: 10_000 }))
    await stage.until('the lease renewed', () => !governor.state('fraud').leaseExpired)
  }))

test('presence carries requests routed per version, and since when they are counted', () =>
  staged(async (stage) => {
    const governor = await stage.start()
    for (let unit = 0; unit < 7; unit++) governor.route('fraud', `u${unit}`)
    stage.clock.advance(3_000)
    await stage.until('presence', () => stage.acks('presence').some((ack) => ack.routed['v1'] === 7))
    assert.ok(stage.acks('presence').every((ack) => ack.countersSinceMs === 1_700_000_000_000))
  }))

test('a broker that goes away leaves the weights as they are, and an ack that was not taken is sent again', () =>
  staged(async (stage) => {
    const flaky = new FlakyLog(stage.log)
    const governor = await stage.start(flaky)
    flaky.down = true
    stage.command(commandOf(10))
    await stage.until('the command applied', () => governor.state('fraud').weights['v2'] === 10)
    await stage.until('the loss noticed', () => stage.problems.some((problem) => problem.includes('broker is away')))
    assert.equal(stage.acks('applied').length, 0)
    flaky.down = false
    await stage.until('the ack', () => stage.acks('applied').length === 1)
    assert.equal(governor.state('fraud').weights['v2'], 10)
  }))

test('a command issued and expired while the gateway was cut off does not raise the candidate, its next heartbeat does', () =>
  staged(async (stage) => {
    const flaky = new FlakyLog(stage.log)
    const governor = await stage.start(flaky)
    stage.command(commandOf(10))
    await stage.until('the ack', () => stage.acks('applied').length === 1)
    flaky.down = true
    stage.clock.advance(10_000)
    await stage.until('the loss noticed', () => !governor.state('fraud').connected)
    stage.command(commandOf(50, { sequence: 2 }))
    stage.clock.advance(61_000)
    flaky.down = false
    await stage.until('the return', () => governor.state('fraud').connected)
    assert.equal(governor.state('fraud').weights['v2'], 10)
    assert.equal(governor.state('fraud').leaseExpired, true)
    stage.command(commandOf(50, { sequence: 2 }))
    await stage.until('the raise', () => governor.state('fraud').weights['v2'] === 50)
  }))

/** A log whose broker can be away: writers fail, and no new ones are to be had. */
class FlakyLog implements EventLog {
  readonly name = 'memory'
  readonly admin
  down = false
  readonly #log: EventLog

  constructor(log: EventLog) {
    this.#log = log
    this.admin = log.admin
  }

  async writer(): Promise<Writer> {
    this.#check()
    const writer = await this.#log.writer()
    return {
      send: async (topic, partition, records) => {
        this.#check()
        return writer.send(topic, partition, records)
      },
      close: () => writer.close(),
    }
  }

  #check(): void {
    if (this.down) throw new Error('the broker is away')
  }

  reader: EventLog['reader'] = (options) => this.#log.reader(options)
  transactor: EventLog['transactor'] = (id) => this.#log.transactor(id)
  join: EventLog['join'] = (options) => this.#log.join(options)
  close = () => this.#log.close()
}

test('a gateway is told which span a command belongs to, whenever it reads it, and takes no other text for one', () =>
  staged(async (stage) => {
    const span = (digit: string): string => `00-${digit.repeat(32)}-${digit.repeat(16)}-01`
    stage.command(commandOf(10), { traceparent: span('a') })
    const governor = await stage.start()
    assert.equal(governor.state('fraud').traceparent, span('a'), 'read back from the log')
    const told: (string | null)[] = []
    governor.onCommand((_command, { traceparent }) => told.push(traceparent))
    stage.command(commandOf(20, { sequence: 2 }), { traceparent: span('b') })
    await stage.until('the second', () => told.length === 1)
    stage.command(commandOf(30, { sequence: 3 }), { traceparent: `${span('c')}\nx-injected: 1` })
    await stage.until('the third', () => told.length === 2)
    stage.command(commandOf(40, { sequence: 4 }), { traceparent: span('0') })
    await stage.until('the fourth', () => told.length === 3)
    assert.deepEqual(told, [span('b'), null, null])
    assert.equal(governor.state('fraud').traceparent, null)
    stage.command(commandOf(40, { sequence: 4 }), { traceparent: span('d') })
    await stage.until('a heartbeat that names it', () => governor.state('fraud').traceparent === span('d'))
    assert.equal(told.length, 3)
  }))
