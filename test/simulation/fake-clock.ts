/**
 * A clock that stands until a test moves it. `advance` goes in small steps and lets everything that woke do its work before the next:
 * five minutes of a daemon's life pass in a second or two, and always in the same order.
 */
import type { Clock } from '../../src/kit/clock.ts'

interface Sleeper {
  readonly untilMs: number
  readonly wake: () => void
}

export class FakeClock implements Clock {
  #nowMs: number
  readonly #startMs: number
  #sleepers: Sleeper[] = []

  constructor(startMs: number) {
    this.#nowMs = this.#startMs = startMs
  }

  nowMs(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return finely(this.#nowMs - this.#startMs)
  }

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => this.#sleepers.push({ untilMs: this.#nowMs + ms, wake }))
  }

  async advance(ms: number, stepMs = 100): Promise<void> {
    const endMs = this.#nowMs + ms
    while (this.#nowMs < endMs) {
      this.#nowMs = Math.min(endMs, this.#nowMs + stepMs)
      const due = this.#sleepers.filter(({ untilMs }) => untilMs <= this.#nowMs)
      this.#sleepers = this.#sleepers.filter(({ untilMs }) => untilMs > this.#nowMs)
      for (const { wake } of due) wake()
      await settle()
    }
  }
}

/** A real monotonic clock counts in parts of a millisecond, and hardly ever stands on a whole one. */
export function finely(ms: number): number {
  return ms + ((ms * 0.37 + 0.29) % 1)
}

/** Turns of the event loop in which everything that can go on without time passing goes on. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}
