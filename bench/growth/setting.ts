/** The tasks of `npm run bench:growth` that run in a process of their own, and what they answer. */
export interface CpuTask {
  readonly kind: 'cpu'
  readonly models: number
  readonly segments: number
  readonly predictions: number
  /** Of record time: the same stream, however many models share it. */
  readonly perSecond: number
  /** How often the stream is drained, all of it and half of it; one more drain goes before. */
  readonly drains: number
}

export interface CpuAnswer {
  readonly events: number
  /** One for each drain, start and end of the daemon included. */
  readonly cpuUsPerEvent: readonly number[]
  /** What the second half of the stream adds. */
  readonly steadyUsPerEvent: readonly number[]
  /** Panes and pulses. */
  readonly paneRecords: number
}

export interface MemoryTask {
  readonly kind: 'memory'
  readonly pending: number
}

export interface MemoryAnswer {
  readonly pending: number
  /** Heap and buffers, after a collection, beyond what there was before the first prediction. */
  readonly bytesEach: number
  readonly peakRssMiB: number
  readonly feedSeconds: number
}

export type Task = CpuTask | MemoryTask
