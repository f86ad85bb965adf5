/**
 * One running task per owned partition. A partition that is taken away has its `alive` turn false; the task sees that at its next
 * await and leaves. Fencing, not this token, keeps a slow leaver harmless.
 */
export type PartitionTask = (partition: number, alive: () => boolean) => Promise<void>

interface Running {
  alive: boolean
  readonly done: Promise<void>
}

export class PartitionTasks {
  readonly #start: PartitionTask
  readonly #onFailure: (error: unknown) => void
  readonly #running = new Map<number, Running>()
  /** Let go, and not yet returned. */
  readonly #leaving = new Set<Promise<void>>()

  /** `onFailure`: a task threw; the process should end. */
  constructor(start: PartitionTask, onFailure: (error: unknown) => void) {
    this.#start = start
    this.#onFailure = onFailure
  }

  assign(now: readonly number[], kept: readonly number[]): void {
    for (const [partition, running] of this.#running) {
      if (!kept.includes(partition)) this.#let(partition, running)
    }
    for (const partition of now) if (!this.#running.has(partition)) this.#begin(partition)
  }

  #begin(partition: number): void {
    const running: Running = { alive: true, done: Promise.resolve() }
    const done = this.#start(partition, () => running.alive).catch((error: unknown) => this.#onFailure(error))
    this.#running.set(partition, Object.assign(running, { done }))
  }

  #let(partition: number, running: Running): void {
    running.alive = false
    this.#running.delete(partition)
    this.#leaving.add(running.done)
    void running.done.then(() => this.#leaving.delete(running.done))
  }

  /** Every task that runs now has returned. */
  async finished(): Promise<void> {
    await Promise.all([...this.#running.values()].map((running) => running.done))
  }

  /** Lets every task go, and returns when all have, those let go before included. */
  async stop(): Promise<void> {
    for (const [partition, running] of this.#running) this.#let(partition, running)
    await Promise.all(this.#leaving)
  }
}
