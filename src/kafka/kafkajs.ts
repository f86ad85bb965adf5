/**
 * What we use of kafkajs beyond its typed interface, in one place, and the check that it is there. kafkajs is pinned to 2.2.4.
 *
 * - A broker's connection for fetching, which kafkajs opens and authenticates, and whose bytes then go to our own reader (fetch-connection.ts).
 * - The `Cluster` of a consumer without a group: it comes out of the typed hook `partitionAssigners`.
 * - `RequestQueue.prototype.scheduleCheckPendingRequests`, which is repaired (see repairs.ts).
 * - The dialogues of its SASL mechanisms, which are given fresh credentials at every login (see login.ts).
 */
import { createRequire } from 'node:module'
import type net from 'node:net'
import kafkajs, { type AuthenticationProviderArgs, type Authenticator, type Cluster, type Kafka } from 'kafkajs'
import { FlyballError } from '../kit/errors.ts'

const require = createRequire(import.meta.url)

/** One connection to a broker. What the socket brings goes to `processData`. */
export interface RawConnection {
  readonly host: string
  readonly port: number
  /** Another one after every connect. */
  readonly socket: net.Socket
  readonly sasl: object | null
  processData: (chunk: Buffer) => void
  isConnected(): boolean
  /** False without SASL, and shortly before a session is over. */
  isAuthenticated(): boolean
  /** Does nothing without SASL or while the session is fresh. */
  authenticate(): Promise<void>
  disconnect(): Promise<unknown>
}

export interface ConnectionPool {
  /** Connects it first when it is not. 0 is for everything, 1 for fetching. */
  getConnection(index: 0 | 1): Promise<RawConnection>
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

/** One login of a mechanism. */
type SaslDialogue = (options: {
  readonly username: string
  readonly password: string
  readonly oauthBearerProvider: () => Promise<{ readonly value: string }>
}) => (args: AuthenticationProviderArgs) => Authenticator

export interface TouchPoints {
  readonly saslDialogues: Readonly<Record<'plain' | 'scram-sha-256' | 'scram-sha-512' | 'oauthbearer', SaslDialogue>>
  readonly requestQueue: { prototype: { scheduleCheckPendingRequests(this: RequestQueue): void } }
}

let touchPoints: TouchPoints | null = null

/** Throws FLY-KAFKA-008 when kafkajs is not the one we know. */
export function kafkajsTouchPoints(): TouchPoints {
  touchPoints ??= {
    saslDialogues: {
      plain: saslDialogue('plain'),
      'scram-sha-256': saslDialogue('scram256'),
      'scram-sha-512': saslDialogue('scram512'),
      oauthbearer: saslDialogue('oauthBearer'),
    },
    requestQueue: insideKafkajs<TouchPoints['requestQueue']>(
      'kafkajs/src/network/requestQueue',
      (found) => typeof (found as Partial<TouchPoints['requestQueue']>).prototype?.scheduleCheckPendingRequests === 'function',
    ),
  }
  return touchPoints
}

function saslDialogue(file: string): SaslDialogue {
  return insideKafkajs<SaslDialogue>(`kafkajs/src/broker/saslAuthenticator/${file}`, (found) => typeof found === 'function')
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
  if (typeof broker.connectionPool?.getConnection !== 'function')
    throw new FlyballError('FLY-KAFKA-008', { problem: 'no connectionPool behind a broker' })
  return broker
}

/** The broker's connection for fetching, open; not yet authenticated. */
export async function rawFetchConnection(broker: RawBroker): Promise<RawConnection> {
  const connection = await broker.connectionPool.getConnection(1)
  const { processData, isAuthenticated, authenticate, disconnect, socket } = connection
  if (![processData, isAuthenticated, authenticate, disconnect, socket?.write].every((part) => typeof part === 'function'))
    throw new FlyballError('FLY-KAFKA-008', { problem: 'a connection is not what it was' })
  return connection
}
