/** What the daemon asks of whoever measures: one loop in this thread (MeasureWorker), or several threads (MeasureThreads). */
import type { MeasureContext } from './measure-task.ts'

export interface Measuring {
  /** Joins the group and measures what it is given; returns at once. */
  start(onFatal: (error: Error) => void): void
  /** Measures every partition to the ends of the drain; returns when all of it is acknowledged. */
  drain(): Promise<void>
  /** Source partitions owned. */
  readonly owned: number
  /** What has stood still for so long, in words. */
  stalled(nowMs: number, afterMs: number): readonly string[]
  stop(): Promise<void>
}

/** `onFailure`: something broke that will not pass by itself. */
export type Measurer = (context: MeasureContext, onFailure: (error: unknown) => void) => Measuring
