/** Where one partition of the log begins and ends. */
import type { EventLog } from '../kafka/contract.ts'

export interface Bounds {
  readonly start: number
  /** Last stable offset. */
  readonly end: number
}

/** Both 0 for a partition the topic does not have. */
export async function boundsOf(log: EventLog, topic: string, partition: number): Promise<Bounds> {
  return (await log.admin.offsets(topic)).find((one) => one.partition === partition) ?? { start: 0, end: 0 }
}
