/**
 * Measures the source partitions this process owns: one loop reads all their inputs, the furthest behind first.
 *
 * The loop is synchronous between two looks at the log: bytes → columns → join → cells, without a promise per record. It yields at
 * least every 20 ms, so that heartbeats, timers and sockets live.
 */
import type { DropReason } from '../domain.ts'
import type { Membership, Reader, Writer } from '../kafka/contract.ts'
import { FlyballError } from '../kit/errors.ts'
import { inputTopics } from '../policy/layout.ts'
import { Alignment } from './alignment.ts'
import { ClaimWatch } from './claim-watch.ts'
import { type MeasureContext, MeasureTask, type TaskInput } from './measure-task.ts'
import type { Measuring } from './measuring.ts'
import { PartitionTasks } from './partition-tasks.ts'

const TURN_MS = 20
const WAIT_MS = 50
const HOUSEKEEPING_MS = 100
const ACCOUNT_MS = 1000
/** Each partition holds several fetches in memory: half of the usual megabyte reads as fast and saves tens of megabytes. */
const FETCH = { maxBytesPerPartition: 512 << 10, maxBytes: 4 << 20 }
/** A source that cannot be taken up is tried again so often, with a pause in between: a broker takes its time to come back. */
const CLAIMS_MAX = 60
const CLAIM_AGAIN_MS = 1000
/** A member that has heard from the group so lately is still in it. */
const HEARTBEAT_FRESH_MS = 5000
/** Reading stops while more than this waits to be acknowledged. */
const OUTBOX_BYTES_MAX = 16 << 20

interface Owned {
  readonly task: MeasureTask
  readonly alive: () => boolean
}

export class MeasureWorker implements Measuring {
  readonly #context: MeasureContext
  readonly #onFailure: (error: unknown) => void
  readonly #claims: PartitionTasks
  readonly #owned = new Map<number, Owned>()
  #ownedInputs: readonly TaskInput[] | null = null
  /** Partitions left to another claim while the group could not be asked whose they are. */
  readonly #left = new Map<number, () => boolean>()
  /** Claims of sources that begin anew after trouble with the log. */
  readonly #renewals = new Set<Promise<void>>()
  readonly #alignment: Alignment<TaskInput>
  #membership: Membership | null = null
  #running = true
  #loop: Promise<void> = Promise.resolve()
  #housekeptAtMs = 0
  #accountedAtMs = 0
  lastTurnMs: number
  #io: { readonly reader: Reader; readonly writer: Writer; readonly watch: ClaimWatch } | null = null

  constructor(context: MeasureContext, onFailure: (error: unknown) => void) {
    this.#context = context
    this.#onFailure = onFailure
    const { layout, ends } = context
    const patienceMs = ends === null ? layout.alignPatienceMs : Number.POSITIVE_INFINITY
    this.#alignment = new Alignment({ withinMs: layout.alignWithinMs, patienceMs })
    this.#claims = new PartitionTasks((partition, alive) => this.#claim(partition, alive), onFailure)
    this.lastTurnMs = context.clock.monotonicMs()
  }

  /** Joins the group and reads what it is given; returns at once. */
  start(onFatal: (error: Error) => void): void {
    const { log, layout, prefix } = this.#context
    const topics = inputTopics(layout)
    this.#loop = this.#connect()
      .then(() => {
        const onAssigned = (now: readonly number[], kept: readonly number[]) => this.#assigned(now, kept)
        this.#membership = log.join({ groupId: `${prefix}measure`, topics, onAssigned, onFatal })
        return this.#run(() => false)
      })
      .catch(this.#onFailure)
  }

  /** A drain: owns every partition, joins nothing, returns when everything is read and acknowledged. */
  async drain(): Promise<void> {
    const drained = this.#drainAll()
    // Whoever stops a drain that has just begun must find what it opens.
    this.#loop = drained.catch(() => undefined)
    await drained
  }

  async #drainAll(): Promise<void> {
    await this.#connect()
    const { inputPartitions, share } = this.#context
    const all = Array.from({ length: inputPartitions }, (_, partition) => partition).filter(
      (partition) => partition % share.of === share.index,
    )
    await Promise.all(all.map((partition) => this.#claim(partition, () => this.#running)))
    const allRead = () => this.#owned.size === all.length && this.#inputs().every((input) => input.atEnd())
    do await this.#run(allRead)
    while (this.#running && !(await this.#ended()))
    this.account()
  }

  /** Closes every source. False when one has to begin anew. */
  async #ended(): Promise<boolean> {
    for (const task of this.#tasks) task.end()
    let all = true
    for (const [partition, owned] of [...this.#owned]) {
      await owned.task.flushed().catch((error: unknown) => {
        this.#beginAnew(partition, owned, error)
        all = false
      })
    }
    return all
  }

  async #connect(): Promise<void> {
    const { log } = this.#context
    const reader = log.reader(FETCH)
    this.#io = { reader, writer: await log.writer(), watch: new ClaimWatch(reader, this.#context.topics.checkpoints) }
  }

  #assigned(now: readonly number[], kept: readonly number[]): void {
    for (const [partition, { task }] of this.#owned) {
      if (kept.includes(partition)) continue
      this.#release(partition, task)
    }
    this.#claims.assign(now, kept)
  }

  async #claim(partition: number, alive: () => boolean): Promise<void> {
    const { reader, writer } = this.#io!
    for (let attempt = 1; alive(); attempt++) {
      try {
        const task = await MeasureTask.start(this.#context, reader, writer, partition, alive)
        if (task !== null) this.#own(partition, task, alive)
        return
      } catch (error) {
        if (attempt === CLAIMS_MAX) throw error
        this.#tellOrThrow(error)
        await this.#context.clock.sleep(CLAIM_AGAIN_MS)
      }
    }
  }

  #own(partition: number, task: MeasureTask, alive: () => boolean): void {
    this.#owned.set(partition, { task, alive })
    this.#ownedInputs = null
    this.#io!.watch.follow(task.source, task.checkpointPartition, task.epoch)
  }

  #release(partition: number, task: MeasureTask): void {
    this.#io?.watch.forget(task.source)
    task.close()
    this.#owned.delete(partition)
    this.#ownedInputs = null
  }

  /** A write failed, perhaps half: the source is claimed anew and resumes from its last checkpoint, as after a crash. */
  #beginAnew(partition: number, owned: Owned, error: unknown): void {
    this.#tellOrThrow(error)
    this.#claimAgain(partition, owned)
  }

  #claimAgain(partition: number, { task, alive }: Owned): void {
    this.#release(partition, task)
    this.#renew(partition, alive)
  }

  #renew(partition: number, alive: () => boolean): void {
    const renewal: Promise<void> = this.#claim(partition, alive)
      .catch(this.#onFailure)
      .finally(() => this.#renewals.delete(renewal))
    this.#renewals.add(renewal)
  }

  /**
   * Somebody claimed a source of ours. While our heartbeat is fresh the group says it is ours, and the other one is late: claim above
   * it. Otherwise we are the late one, and leave it. A drain has no group to ask: two of them must not run at once.
   */
  #answerClaims(): void {
    this.#returnToLeft()
    const superseded = new Set(this.#io!.watch.superseded())
    if (superseded.size === 0) return
    for (const [partition, owned] of [...this.#owned]) {
      const { source } = owned.task
      if (!superseded.has(source)) continue
      if (this.#membership === null) throw new FlyballError('FLY-MEASURE-001', { source })
      if (this.#inGroup) this.#claimAgain(partition, owned)
      else this.#leave(partition, owned)
    }
  }

  get #inGroup(): boolean {
    return this.#membership !== null && this.#membership.sinceHeartbeatMs < HEARTBEAT_FRESH_MS
  }

  /** Perhaps it is another's by now, perhaps the group was only out of reach: when it is heard again it has said so, or it is still ours. */
  #leave(partition: number, { task, alive }: Owned): void {
    this.#release(partition, task)
    this.#left.set(partition, alive)
  }

  #returnToLeft(): void {
    if (this.#left.size === 0 || !this.#inGroup) return
    for (const [partition, alive] of this.#left) if (alive() && !this.#owned.has(partition)) this.#renew(partition, alive)
    this.#left.clear()
  }

  /** Only trouble with the log that passes by itself is worth another try. */
  #tellOrThrow(error: unknown): void {
    if (!(error instanceof FlyballError) || !error.spec.retriable) throw error
    this.#context.emit({ event: 'problem', code: error.code, message: error.message })
  }

  get #tasks(): MeasureTask[] {
    return [...this.#owned.values()].map(({ task }) => task)
  }

  /** Asked for with every batch: the list is made anew when a source comes or goes. */
  #inputs(): readonly TaskInput[] {
    return (this.#ownedInputs ??= this.#tasks.flatMap((task) => task.inputs))
  }

  async #run(finished: () => boolean): Promise<void> {
    const { clock } = this.#context
    while (this.#running) {
      this.lastTurnMs = clock.monotonicMs()
      const read = await this.#turn(this.lastTurnMs + TURN_MS)
      await this.#housekeep()
      if (finished()) return
      if (!read) await this.#io!.reader.wait(WAIT_MS)
      else await new Promise<void>((resolve) => setImmediate(resolve))
    }
  }

  /** Reads in order of clocks until the time is up or nothing may be read. False when nothing was. */
  async #turn(untilMs: number): Promise<boolean> {
    let any = false
    while (this.#running && this.#context.clock.monotonicMs() < untilMs && this.#outboxBytes() < OUTBOX_BYTES_MAX) {
      if (!(await this.#readNext())) break
      any = true
    }
    return any
  }

  /** One batch of the input that is furthest behind among those that have something. */
  async #readNext(): Promise<boolean> {
    const inputs = this.#inputs()
    for (const input of this.#alignment.readable(inputs)) {
      const records = this.#alignment.waits(input, this.lastTurnMs) ? null : input.take()
      if (records === null) continue
      const missing = input.prepare(records)
      if (missing !== null) await missing
      input.read(records)
      this.#alignment.moved(input)
      return true
    }
    this.#alignment.stuck(inputs, this.#context.clock.monotonicMs())
    return false
  }

  #outboxBytes(): number {
    let bytes = 0
    for (const task of this.#tasks) bytes += task.waitingBytes
    return bytes
  }

  async #housekeep(): Promise<void> {
    const nowMs = this.#context.clock.monotonicMs()
    const full = this.#outboxBytes() >= OUTBOX_BYTES_MAX
    if (nowMs - this.#housekeptAtMs < HOUSEKEEPING_MS && !full) return
    this.#housekeptAtMs = nowMs
    this.#answerClaims()
    if (full) await Promise.all(this.#tasks.map((task) => task.flushed().catch(() => undefined)))
    for (const [partition, owned] of this.#owned) {
      try {
        owned.task.housekeep(this.#io!.watch.readTo(owned.task.checkpointPartition))
      } catch (error) {
        this.#beginAnew(partition, owned, error)
      }
    }
    if (nowMs - this.#accountedAtMs >= ACCOUNT_MS) this.account()
  }

  /** Says what became of every record of the partitions owned, and how far behind they are. */
  account(): void {
    this.#accountedAtMs = this.#context.clock.monotonicMs()
    const totals = new Map(inputTopics(this.#context.layout).map((topic) => [topic, noAccount()]))
    for (const task of this.#tasks) {
      const counters = task.pipeline.counters()
      for (const { name, source } of task.inputs) {
        const { topic } = source
        const counts = counters[name]
        const sum = totals.get(topic)!
        sum.read += counts.read
        sum.used += counts.used
        sum.waiting += counts.waiting
        for (const [reason, count] of Object.entries(counts.dropped)) {
          sum.dropped[reason as DropReason] = (sum.dropped[reason as DropReason] ?? 0) + count
        }
      }
      this.#tellLag(task)
    }
    for (const [topic, sum] of totals) this.#context.emit({ event: 'records-accounted', topic, ...sum })
  }

  #tellLag(task: MeasureTask): void {
    const { emit, clock } = this.#context
    const { pending, pendingBytes, unitBytes, countingBytes, sampleRate, clockHeld } = task.pipeline.gauges()
    const held = { pending, pendingBytes, unitBytes, countingBytes, unsentBytes: task.waitingBytes }
    emit({ event: 'memory-held', source: task.source, ...held, sampleRate, clockHeld })
    for (const input of task.inputs) {
      const { topic, partition, end, next } = input.source
      const known = input.clockMs()
      const clockMs = known > 0 ? known : Number.NaN
      emit({ event: 'lag', topic, partition, records: Math.max(0, end - next), clockMs, delayMs: clock.nowMs() - clockMs })
    }
  }

  get owned(): number {
    return this.#owned.size
  }

  /** The loop has not turned for so long. */
  stalled(nowMs: number, afterMs: number): readonly string[] {
    return nowMs - this.lastTurnMs > afterMs ? ['measure stands still'] : []
  }

  async stop(): Promise<void> {
    this.#running = false
    await this.#membership?.stop()
    await this.#claims.stop()
    await this.#loop
    await Promise.all(this.#renewals)
    const tasks = this.#tasks
    for (const task of tasks) task.checkpoint()
    await Promise.all(tasks.map((task) => task.flushed().catch(() => undefined)))
    for (const task of tasks) task.close()
    this.#owned.clear()
    this.#ownedInputs = null
    await this.#io?.reader.close()
    await this.#io?.writer.close()
  }
}

/** What became of the records of one topic. */
interface Account {
  read: number
  used: number
  waiting: number
  readonly dropped: Partial<Record<DropReason, number>>
}

function noAccount(): Account {
  return { read: 0, used: 0, waiting: 0, dropped: {} }
}
