/**
 * What the daemon and the gateways make of a drill, as anybody can read it: decisions, commands and acks of the shadow, each with the moment
 * at which it could be read here. One clock for all of it: the daemon's and the gateways' may differ from ours.
 */
import type { Ack, Command, Decision, LogRecord } from '../domain.ts'
import type { EventLog, Reader, Source } from '../kafka/contract.ts'
import { logRecordOf } from '../kafka/log-record.ts'
import type { Clock } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import { partitionOf } from '../kit/hash.ts'
import type { TopicNames } from '../kit/topics.ts'
import { decodeAck } from '../wire/acks.ts'
import { decodeCommand } from '../wire/control.ts'
import { decodeDecision } from '../wire/decisions.ts'
import { isInternalKey } from '../wire/keys.ts'
import { versionOf } from '../wire/versions.ts'

export interface Seen<T> {
  readonly what: T
  /** Monotonic. */
  readonly atMs: number
}

/** The place of a command in the order of all of its model. */
interface Place {
  readonly epoch: number
  readonly sequence: number
}

const WAIT_MS = 100
const LOOK_MS = 20

export class Follower {
  readonly decisions: Seen<Decision>[] = []
  readonly commands: Seen<Command>[] = []
  readonly acks: Seen<Ack>[] = []
  readonly #clock: Clock
  readonly #reader: Reader
  readonly #sources: readonly { readonly source: Source; readonly keep: (record: LogRecord) => void }[]
  readonly #models: ReadonlySet<string>
  #open = true
  #failure: unknown = null
  readonly #following: Promise<void>

  /** From the present ends on. All topics have one partition of each number, and a model the same on all. */
  static async from(log: EventLog, topics: TopicNames, models: readonly string[], clock: Clock): Promise<Follower> {
    const ends = await Promise.all([topics.decisions, topics.control, topics.acks].map((topic) => log.admin.offsets(topic)))
    return new Follower(log, topics, models, clock, ends)
  }

  private constructor(
    log: EventLog,
    topics: TopicNames,
    models: readonly string[],
    clock: Clock,
    ends: readonly (readonly { readonly partition: number; readonly end: number }[])[],
  ) {
    this.#clock = clock
    this.#models = new Set(models)
    this.#reader = log.reader({ maxWaitMs: WAIT_MS })
    const keepers: readonly (readonly [string, (record: LogRecord) => void])[] = [
      [topics.decisions, (record) => this.#keep(this.decisions, (value) => decodeDecision(value, versionOf(record)), record)],
      [topics.control, (record) => this.#keep(this.commands, decodeCommand, record)],
      [topics.acks, (record) => this.#keep(this.acks, decodeAck, record)],
    ]
    this.#sources = keepers.flatMap(([topic, keep], index) => {
      const wanted = new Set(models.map((model) => partitionOf(Buffer.from(model), ends[index]!.length)))
      const bounds = ends[index]!.filter(({ partition }) => wanted.has(partition))
      return bounds.map(({ partition, end }) => ({ source: this.#reader.open(topic, partition, end), keep }))
    })
    this.#following = this.#follow()
  }

  /** What `find` gives as soon as it gives something; null when `untilMs` (monotonic) has come first, or `given` says that it is over. */
  async find<T>(find: () => T | undefined, untilMs: number, over: () => boolean = () => false): Promise<T | null> {
    for (;;) {
      if (this.#failure !== null) throw this.#failure
      const found = find()
      if (found !== undefined) return found
      if (over() || this.#clock.monotonicMs() >= untilMs) return null
      await this.#clock.sleep(LOOK_MS)
    }
  }

  /** The newest command that a gateway other than `except` says it obeys. */
  obeyed(model: string, except: string): Command | null {
    const ack = this.acks.findLast(({ what }) => what.model === model && what.gateway !== except && what.commandId !== '')?.what
    const command = ack && this.commands.findLast(({ what }) => what.model === model && samePlace(what, ack))
    return command?.what ?? null
  }

  async close(): Promise<void> {
    this.#open = false
    await this.#following
    await this.#reader.close()
  }

  async #follow(): Promise<void> {
    while (this.#open && this.#failure === null) {
      try {
        for (const { source, keep } of this.#sources) drain(source, keep)
        await this.#reader.wait(WAIT_MS)
      } catch (error) {
        this.#failure = error
      }
    }
  }

  #keep<T extends { readonly model: string }>(list: Seen<T>[], decode: (value: Buffer) => T, { key, value }: LogRecord): void {
    if (value === null || isInternalKey(key)) return
    try {
      const what = decode(value)
      if (this.#models.has(what.model)) list.push({ what, atMs: this.#clock.monotonicMs() })
    } catch (error) {
      // Bytes that are none of ours are no word about the drill.
      if (!(error instanceof FlyballError)) throw error
    }
  }
}

function samePlace(one: Place, other: Place): boolean {
  return one.epoch === other.epoch && one.sequence === other.sequence
}

function drain(source: Source, keep: (record: LogRecord) => void): void {
  for (let batch = source.take(); batch !== null; batch = source.take())
    for (let row = 0; row < batch.count; row++) keep(logRecordOf(batch, row))
}
