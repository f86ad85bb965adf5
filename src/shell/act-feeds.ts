/** The topics that whoever tells people follows, each record handed to what it is about. What cannot be read is told and passed over. */
import { hear, type Known } from '../act/incidents.ts'
import { acknowledge, saidAtMs, sawPerson, type Taken } from '../act/taken.ts'
import { sawAck, sawCommand, sawDecision, type Watched } from '../act/watchdogs.ts'
import type { Acknowledgement, Command, Decision, Delivery, LogRecord, Silence } from '../domain.ts'
import type { EventLog, Reader, Source } from '../kafka/contract.ts'
import { recordsOf } from '../kafka/log-record.ts'
import type { Clock } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import { DATE_MS_MAX } from '../kit/iso-time.ts'
import { SIGNATURE_HEADER, type TrustedKey, verified } from '../kit/signing.ts'
import type { TopicNames } from '../kit/topics.ts'
import type { Layout } from '../policy/layout.ts'
import type { Emit } from '../telemetry/events.ts'
import { decodeAck } from '../wire/acks.ts'
import { decodeAlert } from '../wire/alerts.ts'
import { decodeCommand } from '../wire/control.ts'
import { decodeDecision, hashOfDecision } from '../wire/decisions.ts'
import {
  decodeAcknowledgement,
  decodeDelivery,
  decodeSilence,
  deliveryKey,
  isAcknowledgementKey,
  isSilenceKey,
} from '../wire/deliveries.ts'
import { isInternalKey } from '../wire/keys.ts'
import { versionOf } from '../wire/versions.ts'
import { watchingKeys } from './signatures.ts'
import { isLower } from './topic-reads.ts'

/** What is known, in memory; all of it can be read back from the log. */
export interface ActMemory {
  readonly incidents: Map<string, Known>
  readonly deliveries: Map<string, Delivery>
  readonly silences: Map<string, Silence>
  readonly watched: Watched
  readonly taken: Taken
}

interface Feed {
  readonly source: Source
  /** Everything before it was there when this began. */
  readonly historyEnd: number
  readonly take: (record: LogRecord & { readonly value: Buffer }, isLive: boolean) => void
}

/** Of each partition of `decisions`: enough to know how every model is judged. */
const DECISIONS_BEFORE = 500
const SILENCES_MAX = 1_000

export interface Following {
  readonly log: EventLog
  readonly topics: Pick<TopicNames, 'alerts' | 'decisions' | 'control' | 'acks' | 'deliveries'>
  readonly layout: Layout
  readonly clock: Clock
  readonly emit: Emit
  /** One that came since this began; of other environments on these topics too. */
  readonly onDecision: (decision: Decision) => void
}

/** What of the records of others counts: of models of the policy, in its environment, at a time that has come, signed where that is asked. */
class Heard {
  readonly #context: Following
  readonly #models: ReadonlySet<string>
  readonly #keys: readonly TrustedKey[] | null
  /** Of those that are signed: the highest of each model. Whoever repeats an old one is no judge. */
  readonly #highest = new Map<string, Command>()

  constructor(context: Following) {
    const { layout, emit } = context
    this.#context = context
    this.#models = new Set(layout.models.map(({ name }) => name))
    this.#keys = watchingKeys(layout, ({ code, message }) => emit({ event: 'problem', code, message }))
  }

  knows({ model }: { readonly model: string }): boolean {
    return this.#models.has(model)
  }

  isOurs(record: { readonly model: string; readonly environment: string }): boolean {
    return this.knows(record) && record.environment === this.#context.layout.environment
  }

  /** Whoever writes the topic can write any command: a forged one is no sign of a judge that lives. */
  isBelieved(command: Command, { key, value, headers }: LogRecord & { readonly value: Buffer }): boolean {
    if (this.#keys === null) return true
    const highest = this.#highest.get(command.model)
    if (highest !== undefined && isLower(command, highest)) return false
    const { topics, layout, clock } = this.#context
    const header = headers.find(([name]) => name === SIGNATURE_HEADER)?.[1].toString()
    const signed = { topic: topics.control, key: key?.toString() ?? '', environment: layout.environment, value }
    if ('why' in verified(this.#keys, header, signed, clock.nowMs())) return false
    this.#highest.set(command.model, command)
    return true
  }

  /** A record that bears a time to come was heard of now: else nobody would be missed until then. */
  atMs({ timestampMs }: LogRecord): number {
    return Math.min(timestampMs, this.#context.clock.nowMs())
  }
}

export class ActFeeds {
  readonly #emit: Emit
  readonly #feeds: readonly Feed[]
  readonly #alerts: readonly Feed[]

  private constructor(emit: Emit, alerts: readonly Feed[], others: readonly Feed[]) {
    this.#emit = emit
    this.#alerts = alerts
    this.#feeds = [...alerts, ...others]
  }

  /** `ofPeopleFrom`: offset on partition 0 of `deliveries` from which on silences and acknowledgements are followed. */
  static async open(context: Following, reader: Reader, memory: ActMemory, ofPeopleFrom: number): Promise<ActFeeds> {
    const { log, topics, clock, emit } = context
    const heard = new Heard(context)
    const open = async (topic: string, fromOf: (start: number, end: number) => number, take: Feed['take']): Promise<Feed[]> =>
      (await log.admin.offsets(topic)).map(({ partition, start, end }) => ({
        source: reader.open(topic, partition, fromOf(start, end)),
        historyEnd: end,
        take,
      }))
    const all = (start: number) => start
    const alerts = await open(topics.alerts, all, takeAlerts(memory))
    const decisions = await open(
      topics.decisions,
      (start, end) => Math.max(start, end - DECISIONS_BEFORE),
      takeDecisions(context, heard, memory),
    )
    const control = await open(topics.control, all, takeCommands(heard, memory))
    const acks = await open(topics.acks, (_start, end) => end, takeAcks(heard, memory))
    const ofPeople: Feed = {
      source: reader.open(topics.deliveries, 0, ofPeopleFrom),
      historyEnd: ofPeopleFrom,
      take: (record) => {
        if (record.key !== null) keepOfPeople(memory, record.key, record.value, clock.nowMs())
      },
    }
    return new ActFeeds(emit, alerts, [...decisions, ...control, ...acks, ofPeople])
  }

  /** One look at everything. True when something was read. */
  turn(): boolean {
    return this.#feeds.map((feed) => this.#takeFrom(feed)).includes(true)
  }

  /** Every alert that was there at the beginning has been read. */
  get isCaughtUp(): boolean {
    return this.#alerts.every(({ source, historyEnd }) => source.next >= historyEnd)
  }

  #takeFrom({ source, historyEnd, take }: Feed): boolean {
    const batch = source.take()
    if (batch === null) return false
    for (const record of recordsOf(batch)) {
      if (record.value === null) continue
      try {
        take({ ...record, value: record.value }, record.offset >= historyEnd)
      } catch (error) {
        if (!(error instanceof FlyballError)) throw error
        const place = `${source.topic}/${source.partition} offset ${record.offset}`
        this.#emit({ event: 'problem', code: error.code, message: `${place}: ${error.message}` })
      }
    }
    return true
  }
}

function takeAlerts({ incidents }: ActMemory): Feed['take'] {
  return (record) => {
    hear(incidents, decodeAlert(record.value, versionOf(record)), Math.min(record.timestampMs, DATE_MS_MAX))
  }
}

function takeDecisions({ clock, onDecision }: Following, heard: Heard, { watched, taken }: ActMemory): Feed['take'] {
  return (record, isLive) => {
    const decision = decodeDecision(record.value, versionOf(record))
    if (heard.isOurs(decision)) {
      sawDecision(watched, decision, hashOfDecision(record.value))
      sawPerson(taken, decision, saidAtMs(record.timestampMs, clock.nowMs()))
    }
    if (isLive) onDecision(decision)
  }
}

function takeCommands(heard: Heard, { watched }: ActMemory): Feed['take'] {
  return (record) => {
    if (isInternalKey(record.key)) return
    const command = decodeCommand(record.value)
    if (heard.isOurs(command) && heard.isBelieved(command, record)) sawCommand(watched, command, heard.atMs(record))
  }
}

function takeAcks(heard: Heard, { watched }: ActMemory): Feed['take'] {
  return (record) => {
    const ack = decodeAck(record.value, versionOf(record))
    if (heard.knows(ack)) sawAck(watched, ack, heard.atMs(record))
  }
}

/** What destinations were told, what is silenced and who has taken what, as it stood at the take-over. */
export function remember(memory: ActMemory, records: readonly LogRecord[], nowMs: number, refused: (problem: FlyballError) => void): void {
  for (const { key, value } of records) {
    if (key === null) continue
    try {
      if (value === null) memory.deliveries.delete(key.toString())
      else if (!keepOfPeople(memory, key, value, nowMs)) keepDelivery(memory, decodeDelivery(value))
    } catch (error) {
      if (!(error instanceof FlyballError)) throw error
      refused(error)
    }
  }
}

/** False: no person wrote it. */
function keepOfPeople(memory: ActMemory, key: Buffer, value: Buffer, nowMs: number): boolean {
  if (isSilenceKey(key)) keepSilence(memory, decodeSilence(value))
  else if (isAcknowledgementKey(key)) keepAcknowledgement(memory, decodeAcknowledgement(value), nowMs)
  else return false
  return true
}

function keepAcknowledgement({ taken }: ActMemory, said: Acknowledgement, nowMs: number): void {
  acknowledge(taken, { ...said, atMs: saidAtMs(said.atMs, nowMs) })
}

function keepDelivery({ deliveries }: ActMemory, delivery: Delivery): void {
  deliveries.set(deliveryKey(delivery), delivery)
}

/** Past the bound the one that ends first is dropped: it is over soonest. */
function keepSilence({ silences }: ActMemory, silence: Silence): void {
  silences.set(silence.id, silence)
  if (silences.size <= SILENCES_MAX) return
  const [first] = [...silences.values()].sort((one, other) => one.endsAtMs - other.endsAtMs)
  silences.delete(first!.id)
}
