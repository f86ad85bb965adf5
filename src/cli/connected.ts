/** What every command that talks to a broker begins with: the policy, a connection, and its end. */
import type { Command } from 'commander'
import type { KafkaOptions } from '../kafka/connect.ts'
import type { EventLog } from '../kafka/contract.ts'
import { FlyballError } from '../kit/errors.ts'
import { type TopicNames, topicNames } from '../kit/topics.ts'
import { connectionOf, exposedSecrets } from '../policy/connection.ts'
import type { ModelLayout } from '../policy/layout.ts'
import { type LoadedPolicy, loadPolicy } from '../policy/load.ts'
import { tell } from './output.ts'

export interface ConnectionOptions {
  readonly policy: string
  readonly brokers?: string
}

export interface Connected {
  readonly loaded: LoadedPolicy
  readonly log: EventLog
  readonly topics: TopicNames
}

export function withConnectionOptions(command: Command): Command {
  return command
    .option('-p, --policy <file>', 'the policy', 'flyball.yaml')
    .option('-b, --brokers <list>', 'brokers, instead of KAFKA_BROKERS and the policy')
}

/** The policy; its warnings go to stderr. */
export function loadedPolicy(options: ConnectionOptions): LoadedPolicy {
  const loaded = loadPolicy(options.policy)
  for (const warning of loaded.warnings) tell(`warning ${warning}`)
  return loaded
}

/** kafkajs is loaded only by commands that talk to a broker. */
export async function openLog(
  { policy }: LoadedPolicy,
  options: ConnectionOptions,
  onClientLog?: KafkaOptions['onClientLog'],
): Promise<EventLog> {
  const { connectKafka } = await import('../kafka/connect.ts')
  const connection = connectionOf(policy, options.policy, { brokers: options.brokers, environment: process.env })
  for (const exposed of exposedSecrets(connection)) tell(`warning ${exposed}`)
  return connectKafka({ ...connection, ...(onClientLog ? { onClientLog } : {}) })
}

/** `ready`: what can be found wrong without a broker, is. */
export async function connected<T>(
  options: ConnectionOptions,
  work: (connection: Connected) => Promise<T>,
  ready: (loaded: LoadedPolicy) => void = () => {},
): Promise<T> {
  const loaded = loadedPolicy(options)
  ready(loaded)
  const log = await openLog(loaded, options)
  try {
    return await work({ loaded, log, topics: topicNames(loaded.policy.kafka.prefix) })
  } finally {
    await log.close()
  }
}

export function modelNamed({ layout }: LoadedPolicy, name: string): ModelLayout {
  const model = layout.models.find((one) => one.name === name)
  if (model === undefined) throw new FlyballError('FLY-CLI-003', { model: name, known: layout.models.map((one) => one.name).join(', ') })
  return model
}
