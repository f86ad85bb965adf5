/**
 * What we use of kafkajs beyond its typed interface, in one place, and the check that it is there. kafkajs is pinned to 2.2.4.
 *
 * - The encoder of the Fetch v11 request, and `broker.connectionPool.send`, by which our own reader fetches on kafkajs' connections.
 * - The `Cluster` of a consumer without a group: it comes out of the typed hook `partitionAssigners`.
 * - `RequestQueue.prototype.scheduleCheckPendingRequests`, which is repaired (see repairs.ts).
 */
import { createRequire } from 'node:module'
import kafkajs, { type Cluster, type Kafka } from 'kafkajs'
import { FlyballError } from '../kit/errors.ts'

const require = createRequire(import.meta.url)

export interface FetchTopic {
  readonly topic: string
  readonly partitions: readonly { readonly partition: number; readonly fetchOffset: string; readonly maxBytes: number }[]
}

interface FetchRequestOptions {
  readonly replicaId: -1
  readonly maxWaitTime: number
  readonly minBytes: number
  readonly maxBytes: number
  readonly isolationLevel: 0 | 1
  readonly topics: readonly FetchTopic[]
}

export type FetchRequestEncoder = (options: FetchRequestOptions) => object

/** One request on one of a broker's connections. `decode` gets the reply's bytes behind the correlation id. */
export interface ConnectionPool {
  send<Reply>(options: {
    readonly request: object
    readonly requestTimeout: number
    readonly logResponseError?: boolean
    readonly response: { readonly decode: (bytes: Buffer) => Promise<Reply>; readonly parse: (reply: Reply) => Promise<Reply> }
  }): Promise<Reply>
}

/** Coordinator types: 0 a group's, 1 a transactional id's. */
export interface RawBroker {
  readonly connectionPool: ConnectionPool
  findGroupCoordinator(options: { groupId: string; coordinatorType: 0 | 1 }): Promise<unknown>
}

export type RawCluster = Cluster & { targetTopics: Set<string> }

export interface RequestQueue {
  throttleCheckTimeoutId: NodeJS.Timeout | null
  readonly pending: readonly unknown[]
  readonly throttledUntil: number
  checkPendingRequests(): void
}

export interface TouchPoints {
  readonly encodeFetch: FetchRequestEncoder
  readonly requestQueue: { prototype: { scheduleCheckPendingRequests(this: RequestQueue): void } }
}

let touchPoints: TouchPoints | null = null

/** Throws FLY-KAFKA-008 when kafkajs is not the one we know. */
export function kafkajsTouchPoints(): TouchPoints {
  touchPoints ??= {
    encodeFetch: insideKafkajs<FetchRequestEncoder>(
      'kafkajs/src/protocol/requests/fetch/v11/request',
      (found) => typeof found === 'function',
    ),
    requestQueue: insideKafkajs<TouchPoints['requestQueue']>(
      'kafkajs/src/network/requestQueue',
      (found) => typeof (found as Partial<TouchPoints['requestQueue']>).prototype?.scheduleCheckPendingRequests === 'function',
    ),
  }
  return touchPoints
}

function insideKafkajs<Part>(path: string, known: (found: unknown) => boolean): Part {
  let found: unknown
  try {
    found = require(path)
  } catch (error) {
    throw new FlyballError('FLY-KAFKA-008', { problem: `${path} is not there` }, { cause: error })
  }
  if (!known(found)) throw new FlyballError('FLY-KAFKA-008', { problem: `${path} is not what it was` })
  return found as Part
}

/** A consumer's cluster; no group is joined. It reads committed, so the end it reports is the last stable offset. */
export function rawCluster(kafka: Kafka): RawCluster {
  let cluster: Cluster | null = null
  kafka.consumer({
    groupId: 'unused',
    allowAutoTopicCreation: false,
    partitionAssigners: [
      (config) => {
        cluster = config.cluster
        return kafkajs.PartitionAssigners.roundRobin(config)
      },
    ],
  })
  const raw = cluster as RawCluster | null
  if (raw === null || !(raw.targetTopics instanceof Set))
    throw new FlyballError('FLY-KAFKA-008', { problem: 'no cluster behind partitionAssigners' })
  return raw
}

export async function rawBroker(cluster: Cluster, nodeId: string): Promise<RawBroker> {
  const broker = (await cluster.findBroker({ nodeId })) as unknown as RawBroker
  if (typeof broker.connectionPool?.send !== 'function')
    throw new FlyballError('FLY-KAFKA-008', { problem: 'no connectionPool behind a broker' })
  return broker
}
