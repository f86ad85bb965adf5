/** A process of the simulated world: it lives, is paused, dies, and has a wall clock of its own that may be wrong. */
import type { Clock } from '../../../src/kit/clock.ts'
import { finely } from '../fake-clock.ts'
import type { Scheduler } from './scheduler.ts'

export class SimProcess {
  readonly name: string
  readonly scheduler: Scheduler
  readonly clock: Clock
  /** How far its wall clock is off. */
  skewMs = 0
  /** So many of its next writes lie in the network for a while. */
  slowWrites = 0
  dead = false
  paused = false
  /** When it was last stopped and set going again. */
  pausedAtMs = 0
  awakeSinceMs: number
  #waiting: (() => void)[] = []

  constructor(name: string, scheduler: Scheduler) {
    this.name = name
    this.scheduler = scheduler
    this.awakeSinceMs = scheduler.nowMs
    const startMs = scheduler.nowMs
    this.clock = {
      nowMs: () => scheduler.nowMs + this.skewMs,
      monotonicMs: () => finely(scheduler.nowMs - startMs),
      sleep: (ms) => new Promise((resolve) => this.after(ms, resolve)),
    }
  }

  /** Goes on when the process gets time; never when it is dead. */
  whenAwake(run: () => void): void {
    if (this.dead) return
    if (this.paused) this.#waiting.push(run)
    else run()
  }

  after(ms: number, run: () => void): void {
    this.scheduler.after(ms, () => this.whenAwake(run))
  }

  pause(): void {
    this.paused = true
    this.pausedAtMs = this.scheduler.nowMs
  }

  resume(): void {
    if (!this.paused) return
    this.paused = false
    this.awakeSinceMs = this.scheduler.nowMs
    const waiting = this.#waiting
    this.#waiting = []
    for (const run of waiting) this.scheduler.after(this.scheduler.between(0, 3), () => this.whenAwake(run))
  }

  kill(): void {
    this.dead = true
    this.#waiting = []
  }
}
