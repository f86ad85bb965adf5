/** One lane for each destination: one message at a time, so many in so long. A destination that hangs holds up its own lane and no other. */
import type { Answer, Message, Sink } from '../act/contract.ts'
import type { Clock } from '../kit/clock.ts'

export interface Destination {
  readonly sink: Sink
  /** The far end knows a repeated message by its key. */
  readonly isIdempotent: boolean
  readonly messagesMax: number
  readonly perMs: number
  readonly timeoutMs: number
}

export class Lane {
  readonly #destination: Destination
  readonly #clock: Clock
  /** Monotonic times of the messages within the last `perMs`. */
  #sentAtMs: number[] = []
  busy = false

  constructor(destination: Destination, clock: Clock) {
    this.#destination = destination
    this.#clock = clock
  }

  get isIdempotent(): boolean {
    return this.#destination.isIdempotent
  }

  /** It may send now. */
  get isFree(): boolean {
    const { messagesMax, perMs } = this.#destination
    const nowMs = this.#clock.monotonicMs()
    this.#sentAtMs = this.#sentAtMs.filter((atMs) => nowMs - atMs < perMs)
    return !this.busy && this.#sentAtMs.length < messagesMax
  }

  /** Never throws, and ends in time whatever the sink does. */
  async send(message: Message): Promise<Answer> {
    this.#sentAtMs.push(this.#clock.monotonicMs())
    return inTime((signal) => this.#destination.sink.send(message, signal), this.#destination.timeoutMs)
  }
}

/** A sink that heeds no signal is left behind. */
export async function inTime(send: (signal: AbortSignal) => Promise<Answer>, timeoutMs: number): Promise<Answer> {
  const controller = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Answer>((resolve) => {
    timer = setTimeout(() => {
      controller.abort()
      resolve({ result: 'failed', problem: `no answer within ${timeoutMs} ms`, retryAfterMs: null })
    }, timeoutMs)
  })
  try {
    return await Promise.race([send(controller.signal), late])
  } catch {
    return { result: 'failed', problem: 'the sink threw', retryAfterMs: null }
  } finally {
    clearTimeout(timer)
  }
}
