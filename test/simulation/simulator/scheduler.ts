/**
 * Virtual time: every step of a run is an event at a moment, drawn from one seed, and the next begins when the one before has done all
 * it can without time passing. Timers and `setImmediate` of the process are turned into such events while a run lasts, so no run ever
 * waits and none depends on the machine.
 */
import { type Random, seededRandom } from '../../../src/kit/random.ts'

interface Planned {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
  over: boolean
}

export class Scheduler {
  nowMs: number
  readonly random: Random
  readonly #heap: Planned[] = []
  #planned = 0
  steps = 0

  constructor(startMs: number, seed: number) {
    this.nowMs = startMs
    this.random = seededRandom(seed)
  }

  /** Events that are still to come. */
  get waiting(): number {
    return this.#heap.reduce((count, { over }) => count + (over ? 0 : 1), 0)
  }

  /** Whole milliseconds in [low, high]. */
  between(low: number, high: number): number {
    return low + Math.floor(this.random() * (high - low + 1))
  }

  chance(share: number): boolean {
    return this.random() < share
  }

  pick<Item>(list: readonly Item[]): Item {
    return list[Math.floor(this.random() * list.length)]!
  }

  /** Runs after so many whole milliseconds; what falls on one moment goes in an order drawn from the seed. Returns how to call it off. */
  after(delayMs: number, run: () => void): () => void {
    const order = Math.floor(this.random() * 2 ** 20) * 2 ** 30 + this.#planned++
    const planned: Planned = { atMs: this.nowMs + Math.ceil(Math.max(0, delayMs)), order, run, over: false }
    this.#push(planned)
    return () => {
      planned.over = true
    }
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve))
  }

  async advance(ms: number): Promise<void> {
    const endMs = this.nowMs + ms
    while (await this.#step(endMs));
    this.nowMs = endMs
  }

  /** Time passes until the promise has settled; after `limitMs` it throws. */
  async until<T>(promise: Promise<T>, what: string, limitMs = 120_000): Promise<T> {
    const endMs = this.nowMs + limitMs
    let over = false
    const watched = promise.finally(() => {
      over = true
    })
    watched.catch(() => undefined)
    await settled()
    while (!over) {
      if (!(await this.#step(endMs))) throw new Error(`${what}: not after ${limitMs} ms`)
    }
    return watched
  }

  async #step(endMs: number): Promise<boolean> {
    const next = this.#heap[0]
    if (next === undefined || next.atMs > endMs) return false
    this.#pop()
    if (next.over) return true
    this.nowMs = next.atMs
    this.steps++
    next.run()
    await settled()
    return true
  }

  #push(planned: Planned): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(planned)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(planned, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = planned
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}

function before(one: Planned, other: Planned): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order)
}

/** Node runs ticks once every promise that could go on has gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve))
}

/** While `work` runs, `setTimeout` and `setImmediate` are events of this scheduler. */
export async function withVirtualTimers<T>(scheduler: Scheduler, work: () => Promise<T>): Promise<T> {
  const { setTimeout: timeout, clearTimeout: clear, setImmediate: immediate } = globalThis
  const timer = (run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) => {
    const cancel = scheduler.after(ms, () => run(...args))
    const handle = { cancel, ref: () => handle, unref: () => handle, hasRef: () => true }
    return handle
  }
  Object.assign(globalThis, {
    setTimeout: timer,
    setImmediate: (run: (...args: unknown[]) => void, ...args: unknown[]) => timer(run, 1, ...args),
    clearTimeout: (handle: unknown) => {
      if (typeof handle === 'object' && handle !== null && 'cancel' in handle) (handle.cancel as () => void)()
      else clear(handle as NodeJS.Timeout)
    },
  })
  try {
    return await work()
  } finally {
    Object.assign(globalThis, { setTimeout: timeout, clearTimeout: clear, setImmediate: immediate })
  }
}
