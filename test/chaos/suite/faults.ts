/** Carries a schedule out: each kind of fault is done, and undone when its time is over. */
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { BrokerProcesses } from '../../../scripts/lib/broker-processes.ts'
import { partitionOf } from '../../../src/kit/hash.ts'
import { type Random, seededRandom } from '../../../src/kit/random.ts'
import { requestRecord } from '../../../src/wire/requests.ts'
import { poison } from './poison.ts'
import { INPUT_PARTITIONS, JUDGE_PARTITIONS, MODELS } from './policy.ts'
import { type Fault, type FaultKind, faultText } from './schedule.ts'
import { deleteWhatNobodyNeeds } from './segments.ts'
import type { Service } from './service.ts'
import type { Daemon, Stage } from './stage.ts'

const HOUR_MS = 3_600_000
const SMALL_BYTES = '1500'
const BROKER_BACK_MS = 120_000

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** False: nothing could be done, for its target was already in trouble. */
type Inject = (fault: Fault) => Promise<boolean>

export class Faults {
  /** Faults that really were injected, by kind. */
  readonly counts: Record<string, number> = {}
  readonly #stage: Stage
  readonly #random: Random
  readonly #tell: (line: string) => void
  readonly #healing = new Set<Promise<void>>()
  /** The last fault of the brokers, the earlier ones with it. */
  #brokersBusy: Promise<unknown> = Promise.resolve()

  constructor(stage: Stage, seed: number, tell: (line: string) => void) {
    this.#stage = stage
    this.#random = seededRandom(seed ^ 0x5eed)
    this.#tell = tell
  }

  /** Returns when the last fault has begun. */
  async play(schedule: readonly Fault[], stopped: () => boolean): Promise<void> {
    const begun = performance.now()
    for (const fault of schedule) {
      await pause(Math.max(0, fault.atMs - (performance.now() - begun)))
      if (stopped()) return
      const healing: Promise<void> = this.#one(fault).finally(() => this.#healing.delete(healing))
      this.#healing.add(healing)
    }
  }

  /** What was begun is undone; waits for it. */
  async healed(): Promise<void> {
    await Promise.all(this.#healing)
    const { proxies, brokers } = this.#stage.cluster
    for (const proxy of proxies) proxy.heal()
    await BrokerProcesses.answering(brokers.proxiedPorts, BROKER_BACK_MS)
    for (const { clockFile } of this.#stage.daemons) writeFileSync(clockFile, '0')
  }

  async #one(fault: Fault): Promise<void> {
    try {
      const done = await this.#kinds[fault.kind](fault)
      if (done) this.counts[fault.kind] = (this.counts[fault.kind] ?? 0) + 1
      else this.#tell(`${faultText(fault)}: left out, its target is in trouble already`)
    } catch (error) {
      this.#tell(`${faultText(fault)}: ${error instanceof Error ? error.message : error}`)
      this.counts['failed-injections'] = (this.counts['failed-injections'] ?? 0) + 1
    }
  }

  readonly #kinds: Readonly<Record<FaultKind, Inject>> = {
    'daemon-kill': (fault) => killed(this.#daemon(fault).service, fault.forMs),
    'daemon-stop': (fault) => halted(this.#daemon(fault).service, fault.forMs),
    'gateway-kill': (fault) => killed(pick(this.#stage.gateways, fault), fault.forMs),
    'gateway-stop': (fault) => halted(pick(this.#stage.gateways, fault), fault.forMs),
    'broker-kill': (fault) => this.#inTurn(() => this.#killBroker(fault)),
    'broker-stop': (fault) => this.#inTurn(() => this.#haltBroker(fault)),
    'move-leaders': (fault) => this.#inTurn(() => this.#moveLeaders(fault)),
    'drop-responses': (fault) => this.#network(fault, (proxy) => proxy.lose(fault.api, fault.count, fault.cut)),
    delay: (fault) => this.#network(fault, (proxy) => proxy.delay(50 + (fault.count * 400) / 6)),
    cut: (fault) => this.#network(fault, (proxy) => proxy.cut()),
    rebalance: (fault) => this.#rebalance(fault),
    'clock-forward': (fault) => this.#clock(fault, HOUR_MS),
    'clock-back': (fault) => this.#clock(fault, -HOUR_MS),
    'delete-segments': (fault) => deleteWhatNobodyNeeds(this.#stage, fault.target),
    'refuse-snapshots': (fault) => this.#refuseSnapshots(fault),
    poison: () => this.#poison(),
    request: (fault) => this.#request(fault),
    'break-glass': (fault) => this.#breakGlass(fault),
  }

  #daemon(fault: Fault): Daemon {
    return pick(this.#stage.daemons, fault)
  }

  /** One broker at a time: with two away nothing is in sync, and nothing can be promised but waiting. Whose turn has not come waits for it. */
  #inTurn(harm: () => Promise<void>): Promise<boolean> {
    const done = this.#brokersBusy.then(harm)
    this.#brokersBusy = done.catch(() => undefined)
    return done.then(() => true)
  }

  async #killBroker({ target, forMs, cut }: Fault): Promise<void> {
    const { brokers, proxies } = this.#stage.cluster
    const broker = target % proxies.length
    try {
      if (cut) await proxies[broker]!.refuse()
      await brokers.kill(broker)
      await pause(forMs)
      // On a busy machine it may take its time: `healed` waits for it.
      await brokers.restart(broker).catch(() => undefined)
    } finally {
      await proxies[broker]!.listenAgain()
    }
  }

  async #haltBroker({ target, forMs }: Fault): Promise<void> {
    this.#stage.cluster.brokers.pause(target % 3)
    await pause(forMs)
    this.#stage.cluster.brokers.resume(target % 3)
    await pause(2000)
  }

  /**
   * The partitions of a topic get a leader each, and later one for all of them, as after brokers were restarted one by one. Nobody hears of
   * it before he asks the old leader; and where he asks several of them at once, the new one is among those who have answered.
   */
  async #moveLeaders({ target, forMs }: Fault): Promise<void> {
    const { hand, proxies } = this.#stage.cluster
    const { panes, checkpoints, deadletter, acks } = this.#stage.topics
    const moved = [panes, checkpoints, panes, deadletter, 'predictions', acks]
    const [topic, broker] = [moved[(target >> 4) % moved.length]!, target % proxies.length]
    await hand.lead(topic, broker, 'one-each')
    await pause(forMs)
    await hand.lead(topic, broker, 'all')
  }

  async #network(fault: Fault, harm: (proxy: Stage['cluster']['proxies'][number]) => void): Promise<boolean> {
    const proxy = pick(this.#stage.cluster.proxies, fault)
    harm(proxy)
    await pause(fault.forMs)
    proxy.heal()
    return true
  }

  /** Somebody joins, and leaves by word or by SIGKILL. */
  async #rebalance({ forMs, cut }: Fault): Promise<boolean> {
    const { service } = this.#stage.guest
    if (service.wanted) return false
    service.start()
    await pause(forMs)
    await service.end(cut ? 'SIGKILL' : 'SIGTERM')
    return true
  }

  async #clock(fault: Fault, shiftMs: number): Promise<boolean> {
    const { clockFile } = this.#daemon(fault)
    writeFileSync(clockFile, String(shiftMs))
    await pause(fault.forMs)
    writeFileSync(clockFile, '0')
    return true
  }

  /** As when a disk is full: state or checkpoints are not taken any more. */
  async #refuseSnapshots({ target, forMs }: Fault): Promise<boolean> {
    const { cluster, topics } = this.#stage
    const topic = target % 2 === 0 ? topics.state : topics.checkpoints
    await cluster.hand.configure(topic, 'max.message.bytes', SMALL_BYTES)
    await pause(forMs)
    await cluster.hand.configure(topic, 'max.message.bytes')
    return true
  }

  async #poison(): Promise<boolean> {
    const { cluster, topics } = this.#stage
    for (const { topic, record } of poison(this.#random, Date.now())) {
      const judged = topic === 'acks' || topic === 'requests'
      const partition = judged ? partitionOf(Buffer.from(MODELS[0]), JUDGE_PARTITIONS) : Math.floor(this.#random() * INPUT_PARTITIONS)
      await cluster.send(judged ? topics[topic] : topic, partition, [record])
    }
    return true
  }

  async #request(fault: Fault): Promise<boolean> {
    const model = pick(MODELS, fault)
    const dice = (fault.target >> 4) % 4
    if (dice === 0) {
      const words = ['rollback', model, '--confirm', model, '--reason', `chaos ${fault.number} rollback`, '--wait', '5']
      await this.#stage.flyball([...words, '-p', this.#stage.policyFile])
      return true
    }
    if (dice === 1) {
      await this.#ask(model, 'hold', fault)
      await pause(4000)
      await this.#ask(model, 'resume', fault)
      return true
    }
    for (const each of MODELS) await this.#ask(each, 'resume', fault)
    return true
  }

  /** Sent twice, as by a client that lost the answer: it is still one request. */
  async #ask(model: string, verb: 'hold' | 'resume', { number }: Fault): Promise<void> {
    const { cluster, topics } = this.#stage
    const said = { who: 'chaos', knownBy: 'unstated', reason: `chaos ${number} ${verb}`, atMs: Date.now() } as const
    const record = requestRecord({
      id: randomUUID(),
      model,
      verb,
      ...said,
      ifSequence: null,
      expiresAtMs: null,
      untilMs: null,
      subject: null,
      body: '',
    })
    const partition = partitionOf(Buffer.from(model), JUDGE_PARTITIONS)
    for (let time = 0; time < 2; time++) await cluster.send(topics.requests, partition, [record])
  }

  async #breakGlass(fault: Fault): Promise<boolean> {
    const model = pick(MODELS, fault)
    const words = ['rollback', model, '--break-glass', '--confirm', model, '--reason', `chaos ${fault.number} break-glass`]
    const problem = await this.#stage.flyball([...words, '-p', this.#stage.policyFile])
    if (problem !== '') this.#tell(`${faultText(fault)}: ${problem}`)
    return true
  }
}

async function killed(service: Service, forMs: number): Promise<boolean> {
  return harmed(service, async () => {
    await service.end('SIGKILL')
    await pause(forMs)
    service.start()
  })
}

async function halted(service: Service, forMs: number): Promise<boolean> {
  return harmed(service, async () => {
    service.signal('SIGSTOP')
    await pause(forMs)
    service.signal('SIGCONT')
  })
}

async function harmed(service: Service, harm: () => Promise<void>): Promise<boolean> {
  if (service.busy || !service.up) return false
  service.busy = true
  try {
    await harm()
    return true
  } finally {
    service.busy = false
  }
}

function pick<T>(list: readonly T[], { target }: Fault): T {
  return list[target % list.length]!
}
