/** Where the demo plays: as processes over a real broker, or in one process over the log in memory. Both are made of the same parts. */
import type { EventLog } from '../src/kafka/contract.ts'
import { ownTopics } from '../src/kit/topics.ts'
import type { Harm } from './harm.ts'
import type { DemoTopics } from './policy.ts'

export interface VersionSpec {
  readonly version: string
  readonly modelFile: string
  readonly harm: Harm
  readonly seed: number
}

export interface Stage {
  readonly kind: 'processes' | 'memory'
  /** More keys for `kafka:` in the daemon's policy: how it logs in. */
  readonly kafkaKeys: string
  /** The demo's own connection. */
  readonly log: EventLog
  /** Model servers first, then the gateway that knows them; the gateway's port. */
  serve(versions: readonly VersionSpec[], control: string): Promise<number>
  startGovernor(policyFile: string): Promise<void>
  stopGovernor(): Promise<void>
  /** The version's server answers nobody any more. */
  silence(version: string): void
  /** The last lines of what went wrong, for the reader when the demo fails. */
  trouble(): string
  /** `last` is done when everybody else has gone. */
  close(last?: (log: EventLog) => Promise<void>): Promise<void>
}

export const INPUT_PARTITIONS = 2
/** Long: a slow moment of the machine must not look like a version that loses requests. */
export const GATEWAY_TIMEOUT_MS = 5_000

export async function createTopics(log: EventLog, topics: DemoTopics): Promise<void> {
  const input = (topic: string) => ({ topic, partitions: INPUT_PARTITIONS, config: {} })
  const own = ownTopics(topics.prefix, 1, INPUT_PARTITIONS)
  await log.admin.create([input(topics.predictions), input(topics.outcomes), ...own])
}

export async function deleteTopics(log: EventLog, topics: DemoTopics): Promise<void> {
  const own = ownTopics(topics.prefix, 1, INPUT_PARTITIONS).map(({ topic }) => topic)
  await log.admin.delete([topics.predictions, topics.outcomes, ...own])
}
