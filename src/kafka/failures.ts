/** What can go wrong between us and Kafka, by name; and which errors of the client pass by themselves. */
import { FlyballError } from '../kit/errors.ts'
import { principalOf, type Security } from './credentials.ts'

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

/** What Kafka's rules grant: an operation on a resource. READ and WRITE include DESCRIBE. */
export interface Right {
  readonly operation: 'READ' | 'WRITE' | 'READ or WRITE' | 'CREATE' | 'DELETE' | 'DESCRIBE' | 'DESCRIBE_CONFIGS'
  readonly resource: 'topic' | 'group' | 'transactional id' | 'cluster'
  readonly name: string
}

export class NotAuthorized extends FlyballError {
  constructor(principal: string, { operation, resource, name }: Right, doing: string, options?: ErrorOptions) {
    super('FLY-KAFKA-004', { principal, operation, resource, name, doing }, options)
  }
}

/** kafkajs errors carry these beside the message. */
interface ClientError extends Error {
  readonly type?: string
  readonly code?: string | number
  readonly retriable?: boolean
}

/** The error and everything it wraps, outermost first: its cause, and those that it gathers. */
export function* chain(error: unknown, depth = 0): Generator<ClientError> {
  if (!(error instanceof Error) || depth === 10) return
  yield error as ClientError
  const { errors = [] } = error as { readonly errors?: readonly unknown[] }
  for (const gathered of errors) yield* chain(gathered, depth + 1)
  yield* chain(error.cause, depth + 1)
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

/** Records that this topic takes at no time, whoever sends them however often. */
const NEVER_TAKEN = new Map([
  ['MESSAGE_TOO_LARGE', 'larger than max.message.bytes'],
  ['RECORD_LIST_TOO_LARGE', 'larger than max.message.bytes'],
  ['INVALID_TIMESTAMP', 'its time lies outside what message.timestamp.after.max.ms and before.max.ms allow'],
])

function neverTaken(error: unknown): string | null {
  for (const { type = '' } of chain(error)) if (NEVER_TAKEN.has(type)) return `${NEVER_TAKEN.get(type)} (${type})`
  return null
}

export function isUnknownTopic(error: unknown): boolean {
  return [...chain(error)].some((cause) => cause.type === 'UNKNOWN_TOPIC_OR_PARTITION' || cause.type === 'INVALID_TOPIC_EXCEPTION')
}

/** The name by which Kafka refuses a right, if that is what happened. */
export function refusal(error: unknown): string | null {
  for (const cause of chain(error)) if (cause.type && /AUTHORIZATION_FAILED/.test(cause.type)) return cause.type
  return null
}

const LOGIN_REFUSED = new Set(['SASL_AUTHENTICATION_FAILED', 'UNSUPPORTED_SASL_MECHANISM'])
/** What a listener without logins answers to one; and one whose session has just ended, so that it may pass. */
const NO_LOGIN_HERE = 'ILLEGAL_SASL_STATE'

export function isLoginRefused(error: unknown): boolean {
  return [...chain(error)].some(
    (cause) => cause.name === 'KafkaJSSASLAuthenticationError' || (cause.type !== undefined && LOGIN_REFUSED.has(cause.type)),
  )
}

/** Another process has opened the same transactional id. */
export function isFenced(error: unknown): boolean {
  return [...chain(error)].some((cause) => cause.type !== undefined && FENCED.has(cause.type))
}

/** What was being done, on behalf of whom, and which right it took: for the case that it was missing. */
export interface Attempt {
  readonly doing: string
  readonly from: Security & { readonly brokers: readonly string[] }
  /** Of the topic, when one was involved. */
  readonly right?: Right
  /** A group or a transactional id. */
  readonly through?: Right
}

/** The client's error in our words where the reader can do something about it; otherwise as it is. */
export function inOurWords(error: unknown, attempt: Attempt): Error {
  if (error instanceof FlyballError) return error
  const wrapped = [...chain(error)].find((cause) => cause instanceof FlyballError)
  if (wrapped !== undefined) return wrapped
  const { doing, from } = attempt
  const refused = refusal(error)
  if (refused !== null)
    return new NotAuthorized(principalOf(from), missingRight(refused, attempt), `${doing}: ${refused}`, { cause: error })
  if (isLoginRefused(error)) return loginRefused(error, attempt)
  const problem = neverTaken(error)
  if (problem !== null) return new FlyballError('FLY-KAFKA-013', { doing, problem }, { cause: error })
  const away = [...chain(error)].find((cause) => AWAY.test(cause.name) || cause.message === NEVER_SPOKE)
  if (away !== undefined) {
    return new FlyballError('FLY-KAFKA-001', { brokers: from.brokers.join(','), problem: `${doing}: ${away.message}` }, { cause: error })
  }
  if ([...chain(error)].some((cause) => cause.type === NO_LOGIN_HERE)) {
    const told = `${doing}: this listener takes no login (${NO_LOGIN_HERE}); is it the one that kafka.sasl is for?`
    return new FlyballError('FLY-KAFKA-001', { brokers: from.brokers.join(','), problem: told }, { cause: error })
  }
  return error instanceof Error ? error : new Error(String(error))
}

/** Kafka names the kind of resource that it guards, and leaves out which one. */
function missingRight(refused: string, { right, through, doing }: Attempt): Right {
  if (/^TOPIC/.test(refused) && right !== undefined) return right
  if (/^(GROUP|TRANSACTIONAL_ID)/.test(refused) && through !== undefined) return through
  if (/^CLUSTER/.test(refused)) return { operation: right?.operation ?? 'DESCRIBE', resource: 'cluster', name: 'kafka-cluster' }
  return right ?? through ?? { operation: 'READ or WRITE', resource: 'topic', name: `of “${doing}”` }
}

function loginRefused(error: unknown, { from }: Attempt): FlyballError {
  const told = [...chain(error)].find((cause) => cause.name === 'KafkaJSSASLAuthenticationError') ?? (error as Error)
  const mechanism = from.sasl?.mechanism ?? 'no mechanism'
  return new FlyballError('FLY-KAFKA-011', { principal: principalOf(from), mechanism, problem: told.message }, { cause: error })
}

export const readOf = (topic: string): Right => ({ operation: 'READ', resource: 'topic', name: topic })
export const writeOf = (topic: string): Right => ({ operation: 'WRITE', resource: 'topic', name: topic })
/** Seen at all: any right on a topic includes it. */
export const sightOf = (topic: string): Right => ({ operation: 'READ or WRITE', resource: 'topic', name: topic })
