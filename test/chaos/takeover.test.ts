/**
 * Members come and go, owners that lost their partition go on deciding, and responses of the broker get lost. Then the log is judged:
 * decisions numbered without gap or repeat, the chain of hashes whole, and everything that was acknowledged there.
 *
 * SECONDS=300 SEED=7 npx tsx --test test/chaos/takeover.test.ts runs it longer, and on other dice.
 */
import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { LogRecord } from '../../src/domain.ts'
import type { EventLog, Membership, Reader } from '../../src/kafka/contract.ts'
import { type Random, seededRandom } from '../../src/kit/random.ts'
import { PartitionTasks } from '../../src/shell/partition-tasks.ts'
import { type Tenure, takeOver } from '../../src/shell/tenure.ts'
import { withBroker } from '../integration/broker.ts'
import { API, FaultyNetwork } from '../integration/faulty.ts'

const SECONDS = Number(process.env['SECONDS'] ?? 20)
const SEED = Number(process.env['SEED'] ?? 1)
const PARTITIONS = 4
const MEMBERS_CHANGE_MS = 2000
const LOSS = 0.05
const ZOMBIE_TRIES = 4
const STATE_KEY = 'model'
const END_KEY = 'end'

const broker = withBroker()
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
const hashOf = (value: Buffer): string => createHash('sha256').update(value).digest('hex')

interface Chain {
  readonly number: number
  readonly hash: string
}

interface Decided {
  readonly number: number
  readonly previousHash: string
  readonly epoch: number
  readonly id: string
}

const START: Chain = { number: 0, hash: '' }

/** What is wrong with a partition's decisions, in words. */
function faultsIn(decisions: readonly Buffer[], acknowledged: ReadonlySet<string>): string[] {
  const faults: string[] = []
  const seen = new Set<string>()
  let chain = START
  let epoch = -1
  for (const value of decisions) {
    const found = JSON.parse(value.toString()) as Decided
    if (found.number !== chain.number + 1) faults.push(`number ${found.number} after ${chain.number}`)
    if (found.previousHash !== chain.hash) faults.push(`number ${found.number} does not follow from the one before it`)
    if (found.epoch < epoch) faults.push(`number ${found.number}: epoch ${found.epoch} after ${epoch}`)
    if (seen.has(found.id)) faults.push(`number ${found.number} stands twice`)
    seen.add(found.id)
    epoch = found.epoch
    chain = { number: found.number, hash: hashOf(value) }
  }
  for (const id of acknowledged) if (!seen.has(id)) faults.push(`acknowledged and not there: ${id}`)
  return faults
}

class Scene {
  readonly random: Random = seededRandom(SEED)
  readonly topics: { readonly panes: string; readonly state: string; readonly control: string; readonly decisions: string }
  readonly transactionalPrefix = broker.unique('judge')
  readonly groupId = broker.unique('group')
  readonly acknowledged = Array.from({ length: PARTITIONS }, () => new Set<string>())
  readonly fatal: unknown[] = []
  takeOvers = 0
  abandoned = 0
  decided = 0
  errors = 0
  zombiesRefused = 0
  zombiesAccepted = 0
  lost = 0

  constructor(topics: Scene['topics']) {
    this.topics = topics
  }

  static async open(): Promise<Scene> {
    const compacted = { 'cleanup.policy': 'compact', 'segment.ms': '1000', 'min.cleanable.dirty.ratio': '0.01' }
    const [panes, state, control, decisions] = [
      await broker.topic(PARTITIONS),
      await broker.topic(PARTITIONS, compacted),
      await broker.topic(PARTITIONS, compacted),
      await broker.topic(PARTITIONS),
    ]
    return new Scene({ panes: panes!, state: state!, control: control!, decisions: decisions! })
  }

  takeOver(log: EventLog, reader: Reader, partition: number, alive: () => boolean): Promise<Tenure | null> {
    this.takeOvers++
    return takeOver(log, reader, `${this.transactionalPrefix}-${partition}`, partition, this.topics, alive)
  }
}

/** One process: joins the group over a sound network, and decides over one that loses responses. */
class Member {
  readonly #scene: Scene
  readonly #network: FaultyNetwork
  readonly #log: EventLog
  readonly #faultyLog: EventLog
  readonly #reader: Reader
  readonly #tasks: PartitionTasks
  readonly #membership: Membership

  private constructor(scene: Scene, log: EventLog, faulty: EventLog, network: FaultyNetwork) {
    this.#scene = scene
    this.#log = log
    this.#faultyLog = faulty
    this.#network = network
    this.#reader = log.reader()
    this.#tasks = new PartitionTasks(
      (partition, alive) => this.#own(partition, alive),
      (error) => scene.fatal.push(error),
    )
    this.#membership = log.join({
      groupId: scene.groupId,
      topics: [scene.topics.panes],
      onAssigned: (now, kept) => this.#tasks.assign(now, kept),
      onFatal: (error) => scene.fatal.push(error),
    })
  }

  static async start(scene: Scene): Promise<Member> {
    const network = new FaultyNetwork()
    return new Member(scene, await broker.connect(), await broker.connect({ socketFactory: network.socketFactory }), network)
  }

  /** Returns when every task has, zombies included. */
  async stop(): Promise<void> {
    await Promise.all([this.#tasks.stop(), this.#membership.stop()])
    this.#scene.lost += this.#network.lost
    await Promise.all([this.#log.close(), this.#faultyLog.close()])
  }

  async #own(partition: number, alive: () => boolean): Promise<void> {
    while (alive()) {
      const tenure = await this.#takeOver(partition, alive)
      if (tenure === null) continue
      await this.#decideUntilTrouble(partition, tenure, alive)
      await tenure.close()
    }
  }

  async #takeOver(partition: number, alive: () => boolean): Promise<Tenure | null> {
    try {
      const tenure = await this.#scene.takeOver(this.#faultyLog, this.#reader, partition, alive)
      if (tenure === null) this.#scene.abandoned++
      return tenure
    } catch {
      this.#scene.errors++
      await sleep(20)
      return null
    }
  }

  async #decideUntilTrouble(partition: number, tenure: Tenure, alive: () => boolean): Promise<void> {
    const { random } = this.#scene
    let chain = chainOf(tenure.state)
    try {
      while (alive()) {
        if (random() < LOSS)
          this.#network.loseNext({ api: [API.produce, API.addPartitions, API.endTransaction][Math.floor(random() * 3)]! })
        chain = await this.#decide(partition, tenure, chain)
        this.#scene.decided++
        await sleep(random() * 20)
      }
    } catch {
      this.#scene.errors++
      return
    }
    await this.#decideAsZombie(partition, tenure, chain)
  }

  /** Not ours any more, and we go on: until somebody takes over this may succeed, afterwards it must not. */
  async #decideAsZombie(partition: number, tenure: Tenure, from: Chain): Promise<void> {
    let chain = from
    try {
      for (let attempt = 0; attempt < ZOMBIE_TRIES; attempt++) {
        await sleep(this.#scene.random() * 300)
        chain = await this.#decide(partition, tenure, chain)
        this.#scene.zombiesAccepted++
      }
    } catch {
      this.#scene.zombiesRefused++
    }
  }

  async #decide(partition: number, tenure: Tenure, chain: Chain): Promise<Chain> {
    const { decisions, state } = this.#scene.topics
    const decided: Decided = { number: chain.number + 1, previousHash: chain.hash, epoch: tenure.epoch, id: randomUUID() }
    const value = Buffer.from(JSON.stringify(decided))
    const next: Chain = { number: decided.number, hash: hashOf(value) }
    await tenure.commit([
      { topic: decisions, record: { key: STATE_KEY, value } },
      { topic: state, record: { key: STATE_KEY, value: Buffer.from(JSON.stringify(next)) } },
    ])
    this.#scene.acknowledged[partition]!.add(decided.id)
    return next
  }
}

function chainOf(state: readonly LogRecord[]): Chain {
  const last = state.at(-1)
  return last === undefined ? START : (JSON.parse(String(last.value)) as Chain)
}

async function comeAndGo(scene: Scene): Promise<void> {
  const members = [await Member.start(scene), await Member.start(scene)]
  const leaving: Promise<void>[] = []
  const endMs = performance.now() + SECONDS * 1000
  while (performance.now() < endMs) {
    await sleep(MEMBERS_CHANGE_MS)
    if (members.length > 2 || (members.length > 1 && scene.random() < 0.5)) leaving.push(members.shift()!.stop())
    else members.push(await Member.start(scene))
  }
  await Promise.all([...leaving, ...members.map((member) => member.stop())])
}

/** Every committed decision of a partition. Taking over once more aborts what zombies left open. */
async function judged(scene: Scene, partition: number): Promise<{ readonly decisions: readonly Buffer[]; readonly chain: Chain }> {
  const log = await broker.connect()
  const reader = log.reader()
  const tenure = await scene.takeOver(log, reader, partition, () => true)
  const writer = await log.writer()
  await writer.send(scene.topics.decisions, partition, [{ key: END_KEY, value: Buffer.alloc(0) }])
  const decisions: Buffer[] = []
  const isEnd = (record: LogRecord) => record.key?.toString() === END_KEY
  await reader.readUntil(scene.topics.decisions, partition, 0, isEnd, (record) => decisions.push(record.value!))
  const chain = chainOf(tenure!.state)
  await log.close()
  return { decisions, chain }
}

test('who judges the log sees a gap, a repeat, a fork, an older epoch, and what was acknowledged and is not there', () => {
  const decision = (number: number, previousHash: string, epoch = 1, id = `${number}`) =>
    Buffer.from(JSON.stringify({ number, previousHash, epoch, id } satisfies Decided))
  const first = decision(1, '')
  const second = decision(2, hashOf(first))
  const third = decision(3, hashOf(second))
  const none = new Set<string>()
  assert.deepEqual(faultsIn([first, second, third], new Set(['1', '3'])), [])
  assert.match(faultsIn([first, third], none).join(), /number 3 after 1/)
  assert.match(faultsIn([first, second, second], none).join(), /number 2 after 2.*stands twice/)
  assert.match(faultsIn([first, second, decision(3, hashOf(first))], none).join(), /number 3 does not follow/)
  assert.match(faultsIn([first, decision(2, hashOf(first), 0)], none).join(), /epoch 0 after 1/)
  assert.match(faultsIn([first], new Set(['2'])).join(), /acknowledged and not there: 2/)
})

test('owners change, zombies decide on and responses get lost: no decision is missing, doubled or forked', {
  ...broker.options,
  timeout: (SECONDS + 120) * 1000,
}, async (context) => {
  const scene = await Scene.open()
  await comeAndGo(scene)
  let committed = 0
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const { decisions, chain } = await judged(scene, partition)
    assert.deepEqual(faultsIn(decisions, scene.acknowledged[partition]!), [], `partition ${partition}`)
    assert.deepEqual(chain, { number: decisions.length, hash: decisions.length === 0 ? '' : hashOf(decisions.at(-1)!) })
    committed += decisions.length
  }
  const acknowledged = scene.acknowledged.reduce((sum, ids) => sum + ids.size, 0)
  const { takeOvers, abandoned, decided, errors, zombiesAccepted, zombiesRefused, lost, fatal } = scene
  context.diagnostic(
    `${committed} committed, ${acknowledged} acknowledged, ${committed - acknowledged} committed although commit threw; ${decided} decided, ` +
      `${takeOvers} take-overs (${abandoned} abandoned), ${errors} errors, ${lost} responses lost, zombies ${zombiesAccepted} accepted, ${zombiesRefused} refused`,
  )
  assert.deepEqual(fatal, [])
  assert.ok(acknowledged > PARTITIONS && takeOvers > PARTITIONS && lost > 0)
})
