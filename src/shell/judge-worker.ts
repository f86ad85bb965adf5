/** Judges the partitions this process owns: all of them in a drain, those the group gives it otherwise. */
import type { Membership } from '../kafka/contract.ts'
import { type JudgeContext, JudgePartition, modelsOf } from './judge-partition.ts'
import { PartitionTasks } from './partition-tasks.ts'

export class JudgeWorker {
  readonly #context: JudgeContext
  readonly #tasks: PartitionTasks
  readonly #partitions = new Map<number, JudgePartition>()
  #membership: Membership | null = null

  constructor(context: JudgeContext, onFailure: (error: unknown) => void) {
    this.#context = context
    this.#tasks = new PartitionTasks((partition, alive) => this.#judge(partition, alive), onFailure)
  }

  /** Joins the group; returns at once. */
  start(onFatal: (error: Error) => void): void {
    const { log, prefix, topics } = this.#context
    this.#membership = log.join({
      groupId: `${prefix}judge`,
      topics: [topics.panes],
      onAssigned: (now, kept) => this.#tasks.assign(now, kept),
      onFatal,
    })
  }

  /** A drain: owns every partition that has a model, joins nothing, returns when all is judged. */
  async drain(): Promise<void> {
    const { partitions, layout } = this.#context
    const all = Array.from({ length: partitions }, (_, partition) => partition)
    this.#tasks.assign(
      all.filter((partition) => modelsOf(layout.models, partition, partitions).length > 0),
      [],
    )
    await this.#tasks.finished()
  }

  async #judge(partition: number, alive: () => boolean): Promise<void> {
    const judge = new JudgePartition(this.#context, partition)
    this.#partitions.set(partition, judge)
    try {
      await judge.run(alive)
    } finally {
      if (this.#partitions.get(partition) === judge) this.#partitions.delete(partition)
    }
  }

  /** Partitions whose loop has not turned for so long. */
  stalled(nowMs: number, afterMs: number): readonly string[] {
    return [...this.#partitions]
      .filter(([, judge]) => nowMs - judge.lastTurnMs > afterMs)
      .map(([partition]) => `judge of partition ${partition} stands still`)
  }

  get owned(): number {
    return this.#partitions.size
  }

  async stop(): Promise<void> {
    await this.#membership?.stop()
    await this.#tasks.stop()
  }
}
