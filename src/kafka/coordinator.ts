/** kafkajs hides a missing right behind "Failed to find group coordinator". A broker asked directly tells the true error. */
import { within } from '../kit/clock.ts'
import { Client, type KafkaOptions } from './client.ts'
import { principalOf } from './credentials.ts'
import { chain, NotAuthorized, type Right, refusal } from './failures.ts'
import { rawBroker, rawCluster } from './kafkajs.ts'

const ASK_MS = 5000

interface Subject {
  readonly groupId: string
  /** 0 a group, 1 a transactional id. */
  readonly coordinatorType: 0 | 1
}

/** The refusal behind an error that may hide one; null when there is none. */
export async function coordinatorRefusal(options: KafkaOptions, subject: Subject, error?: unknown): Promise<NotAuthorized | null> {
  if (error !== undefined && ![...chain(error)].some((cause) => /coordinator/i.test(`${cause.name} ${cause.message}`))) return null
  const client = new Client(options, { retries: 1, initialRetryTime: 50 })
  const cluster = rawCluster(client.kafka)
  try {
    await within(ask(cluster, subject), ASK_MS, 'find the coordinator')
    return null
  } catch (found) {
    const refused = refusal(found)
    return refused === null
      ? null
      : new NotAuthorized(principalOf(options), rightOf(subject), `find its coordinator: ${refused}`, { cause: found })
  } finally {
    await client.close(() => cluster.disconnect(), 500)
  }
}

function rightOf({ groupId, coordinatorType }: Subject): Right {
  return coordinatorType === 0
    ? { operation: 'READ', resource: 'group', name: groupId }
    : { operation: 'WRITE', resource: 'transactional id', name: groupId }
}

async function ask(cluster: ReturnType<typeof rawCluster>, subject: Subject): Promise<void> {
  await cluster.connect()
  await cluster.refreshMetadata()
  const [nodeId] = cluster.getNodeIds()
  const broker = await rawBroker(cluster, String(nodeId))
  await broker.findGroupCoordinator(subject)
}
