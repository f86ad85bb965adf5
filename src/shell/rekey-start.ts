/** What the daemon does about inputs that must be written anew, before anything is measured. */
import type { EventLog } from '../kafka/contract.ts'
import type { Clock } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import { rekeyedTopics, rekeyTopics } from '../kit/topics.ts'
import type { Layout } from '../policy/layout.ts'
import type { Emit } from '../telemetry/events.ts'
import { RekeyWorker } from './rekey-worker.ts'

export interface RekeyOptions {
  readonly log: EventLog
  readonly layout: Layout
  readonly prefix: string
  readonly clock: Clock
  readonly emit: Emit
  readonly createTopics: boolean
  /** What is read was recorded, at whatever time. */
  readonly drain: boolean
}

/** The user's topics that are written anew; none: the inputs are partitioned by prediction id. */
export function originTopics({ predictions, outcomes }: Layout): readonly string[] {
  return [predictions, outcomes].flatMap((input) => input?.rekeyedFrom ?? [])
}

/** Null when the policy rekeys nothing. */
export async function rekeyWorker(options: RekeyOptions, onFailure: (error: unknown) => void): Promise<RekeyWorker | null> {
  const { log, layout, prefix, clock, emit } = options
  const origins = originTopics(layout)
  if (origins.length === 0) return null
  const existing = await log.admin.topics(origins)
  const count = (topic: string): number => {
    const partitions = existing.get(topic)
    if (partitions === undefined) throw new FlyballError('FLY-KAFKA-005', { topic, partition: 0 })
    return partitions
  }
  const largest = Math.max(...origins.map(count))
  if (options.createTopics) await log.admin.create(rekeyTopics(prefix, largest, options.drain))
  else for (const { topic } of rekeyTopics(prefix, largest)) count(topic)
  const partitions = (await log.admin.topics()).get(layout.predictions.topic) ?? largest
  return new RekeyWorker({ log, layout, clock, emit, prefix, positionsTopic: rekeyedTopics(prefix).positions, partitions }, onFailure)
}
