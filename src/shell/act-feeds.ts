/** The topics that whoever tells people follows, each record handed to what it is about. What cannot be read is told and passed over. */
import { hear, type Known } from '../act/incidents.ts'
import { sawAck, sawCommand, sawDecision, type Watched } from '../act/watchdogs.ts'
import type { Decision, Delivery, LogRecord, Silence } from '../domain.ts'
import type { EventLog, Reader, Source } from '../kafka/contract.ts'
import { recordsOf } from '../kafka/log-record.ts'
import { FlyballError } from '../kit/errors.ts'
import type { TopicNames } from '../kit/topics.ts'
import type { Emit } from '../telemetry/events.ts'
import { decodeAck } from '../wire/acks.ts'
import { decodeAlert } from '../wire/alerts.ts'
import { decodeCommand } from '../wire/control.ts'
import { decodeDecision, hashOfDecision } from '../wire/decisions.ts'
import { decodeDelivery, decodeSilence, deliveryKey, isSilenceKey } from '../wire/deliveries.ts'
import { isInternalKey } from '../wire/keys.ts'
import { versionOf } from '../wire/versions.ts'

/** What is known, in memory; all of it can be read back from the log. */
export interface ActMemory {
  readonly incidents: Map<string, Known>
  readonly deliveries: Map<string, Delivery>
  readonly silences: Map<string, Silence>
  readonly watched: Watched
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
  readonly emit: Emit
  /** A decision that came since this began. */
  readonly onDecision: (decision: Decision) => void
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

  /** `silencesFrom`: offset on partition 0 of `deliveries` from which on silences are followed. */
  static async open(context: Following, reader: Reader, memory: ActMemory, silencesFrom: number): Promise<ActFeeds> {
    const { log, topics, emit, onDecision } = context
    const open = async (topic: string, fromOf: (start: number, end: number) => number, take: Feed['take']): Promise<Feed[]> =>
      (await log.admin.offsets(topic)).map(({ partition, start, end }) => ({
        source: reader.open(topic, partition, fromOf(start, end)),
        historyEnd: end,
        take,
      }))
    const { incidents, watched } = memory
    const alerts = await open(
      topics.alerts,
      (start) => start,
      (record) => {
        hear(incidents, decodeAlert(record.value, versionOf(record)), record.timestampMs)
      },
    )
    const decisions = await open(
      topics.decisions,
      (start, end) => Math.max(start, end - DECISIONS_BEFORE),
      (record, isLive) => {
        const decision = decodeDecision(record.value, versionOf(record))
        sawDecision(watched, decision, hashOfDecision(record.value))
        if (isLive) onDecision(decision)
      },
    )
    const control = await open(
      topics.control,
      (start) => start,
      (record) => {
        if (!isInternalKey(record.key)) sawCommand(watched, decodeCommand(record.value), record.timestampMs)
      },
    )
    const acks = await open(
      topics.acks,
      (_start, end) => end,
      (record) => {
        sawAck(watched, decodeAck(record.value, versionOf(record)), record.timestampMs)
      },
    )
    const silences: Feed = {
      source: reader.open(topics.deliveries, 0, silencesFrom),
      historyEnd: silencesFrom,
      take: (record) => {
        if (record.key !== null && isSilenceKey(record.key)) keepSilence(memory, decodeSilence(record.value))
      },
    }
    return new ActFeeds(emit, alerts, [...decisions, ...control, ...acks, silences])
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

/** What destinations were told and what is silenced, as it stood at the take-over. */
export function remember(memory: ActMemory, records: readonly LogRecord[], refused: (problem: FlyballError) => void): void {
  for (const { key, value } of records) {
    if (key === null) continue
    try {
      if (value === null) memory.deliveries.delete(key.toString())
      else if (isSilenceKey(key)) keepSilence(memory, decodeSilence(value))
      else keepDelivery(memory, decodeDelivery(value))
    } catch (error) {
      if (!(error instanceof FlyballError)) throw error
      refused(error)
    }
  }
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
