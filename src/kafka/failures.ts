/** What can go wrong between us and Kafka, by name; and which errors of the client pass by themselves. */
import { FlyballError } from '../kit/errors.ts'

/** Retention, or somebody's deletion, removed records before they were read; or the log was made anew and is shorter now. */
export class OffsetGone extends FlyballError {
  readonly topic: string
  readonly partition: number
  readonly wanted: number
  readonly logStart: number
  readonly end: number

  constructor(topic: string, partition: number, wanted: number, logStart: number, end: number) {
    super('FLY-KAFKA-002', { topic, partition, wanted, start: logStart, end })
    this.topic = topic
    this.partition = partition
    this.wanted = wanted
    this.logStart = logStart
    this.end = end
  }
}

/** Bytes that are not what Kafka's format says, or that would inflate beyond the limit. */
export class CorruptBatch extends FlyballError {
  readonly offset: number

  constructor(offset: number, problem: string, topic = '?', partition = -1) {
    super('FLY-KAFKA-003', { topic, partition, offset, problem })
    this.offset = offset
  }

  /** The decoder does not know whose bytes it reads; the reader does. */
  at(topic: string, partition: number): CorruptBatch {
    return new CorruptBatch(this.offset, String(this.detail['problem']), topic, partition)
  }
}

export class NotAuthorized extends FlyballError {
  constructor(what: string, options?: ErrorOptions) {
    super('FLY-KAFKA-004', { what }, options)
  }
}

/** kafkajs errors carry these beside the message. */
interface ClientError extends Error {
  readonly type?: string
  readonly code?: string | number
  readonly retriable?: boolean
}

/** The error and everything it wraps, outermost first. */
export function* chain(error: unknown): Generator<ClientError> {
  for (let at = error, depth = 0; at instanceof Error && depth < 10; at = at.cause, depth++) yield at as ClientError
}

const AWAY =
  /^KafkaJS(Connection|ConnectionClosed|BrokerNotFound|RequestTimeout|LockTimeout|NumberOfRetriesExceeded|GroupCoordinatorNotFound|NoBrokerAvailable|TopicMetadataNotLoaded|MetadataNotLoaded)/
/** What kafkajs throws, as a bare Error, when a port took the connection and nothing that speaks Kafka answered. */
const NEVER_SPOKE = 'Broker not connected'
const MOVING = /COORDINATOR|REBALANCE|MEMBER|GENERATION|LEADER|UNKNOWN_TOPIC/
const FENCED = new Set(['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED', 'INVALID_PRODUCER_ID_MAPPING'])
const BUGS = new Set(['TypeError', 'RangeError', 'ReferenceError', 'SyntaxError'])

/**
 * Can this error pass by itself? A broker that is away can; a bug, a missing right or a wrong configuration cannot.
 * kafkajs wraps "connection refused" into errors that call themselves not retriable, so the causes decide, not the wrapping.
 */
export function passes(error: unknown): boolean {
  const causes = [...chain(error)]
  for (const cause of causes) {
    if (BUGS.has(cause.name) || cause instanceof FlyballError) return false
    if (cause.type) return cause.retriable === true || MOVING.test(cause.type)
  }
  return causes.some((cause) => AWAY.test(cause.name) || cause.retriable === true)
}

export function isUnknownTopic(error: unknown): boolean {
  return [...chain(error)].some((cause) => cause.type === 'UNKNOWN_TOPIC_OR_PARTITION' || cause.type === 'INVALID_TOPIC_EXCEPTION')
}

/** The name by which Kafka refuses a right or a login, if that is what happened. */
export function refusal(error: unknown): string | null {
  for (const cause of chain(error)) {
    if (cause.type && /AUTHORIZATION_FAILED|SASL_AUTHENTICATION_FAILED/.test(cause.type)) return cause.type
    if (cause.name === 'KafkaJSSASLAuthenticationError') return cause.message
  }
  return null
}

/** Another process has opened the same transactional id. */
export function isFenced(error: unknown): boolean {
  return [...chain(error)].some((cause) => cause.type !== undefined && FENCED.has(cause.type))
}

/** The client's error in our words where the reader can do something about it; otherwise as it is. */
export function inOurWords(error: unknown, what: string, brokers: readonly string[]): Error {
  if (error instanceof FlyballError) return error
  const refused = refusal(error)
  if (refused !== null) return new NotAuthorized(`${what}: ${refused}`, { cause: error })
  const away = [...chain(error)].find((cause) => AWAY.test(cause.name) || cause.message === NEVER_SPOKE)
  if (away !== undefined) {
    return new FlyballError('FLY-KAFKA-001', { brokers: brokers.join(','), problem: `${what}: ${away.message}` }, { cause: error })
  }
  return error instanceof Error ? error : new Error(String(error))
}
