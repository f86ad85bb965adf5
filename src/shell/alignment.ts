/**
 * Which input is read next, so that a backlog is taken in the order in which it happened.
 *
 * The input furthest behind goes first. One that is more than `withinMs` ahead of the slowest waits for it: outcomes then meet their
 * predictions while they are in memory. An input read to its end holds nobody back; a stuck one does so for `patienceMs` of wall
 * clock at most, and never again until it has moved. Time is a parameter.
 *
 * Within that lead an outcome still waits a moment for its predictions when they are on their way from the broker: an outcome that comes
 * early takes a place in memory, and every prediction has to look whether its outcome is there. A backlog is fetched in pieces of which
 * one holds ten seconds of outcomes and the other three of predictions: without waiting half of the outcomes come early.
 */
export interface AlignedInput {
  /** Record clock of the input; -Infinity before its first record. */
  clockMs(): number
  /** Whoever has the lowest is read first: its record clock, or where that will stand after what it reads next. */
  orderMs(): number
  /** Nothing more to come for now. */
  atEnd(): boolean
  /** The next batch is here. */
  isBuffered(): boolean
  /** The input whose records this one's belong to; null: it belongs to none. */
  readonly follows: AlignedInput | null
}

/** So long an input waits for what it follows and is on its way. */
const OVERTAKING_PATIENCE_MS = 500

export interface AlignmentLimits {
  readonly withinMs: number
  /** Infinity in a drain: the order is strict. */
  readonly patienceMs: number
}

export class Alignment<Input extends AlignedInput> {
  readonly #limits: AlignmentLimits
  /** Inputs that held others for as long as patience goes: nobody waits for them until they move. */
  readonly #excused = new Set<Input>()
  /** Wall clock (monotonic) since when somebody has had to wait and nothing could be read; NaN: nobody waits. */
  #waitingSinceMs = Number.NaN

  /** Inputs that wait for what they follow: since when. */
  readonly #followingSinceMs = new Map<AlignedInput, number>()

  constructor(limits: AlignmentLimits) {
    this.#limits = limits
  }

  /** Those that may be read now, the furthest behind first. */
  readable(inputs: readonly Input[]): Input[] {
    const upToMs = this.#upToMs(inputs)
    return inputs.filter((input) => input.clockMs() <= upToMs).sort((a, b) => a.orderMs() - b.orderMs())
  }

  /** Of one that may be read: it had better wait a moment, for it would go ahead of what it follows, which is on its way. */
  waits(input: Input, monotonicMs: number): boolean {
    const { follows } = input
    if (follows === null || follows.atEnd() || follows.isBuffered() || input.orderMs() <= follows.clockMs()) {
      this.#followingSinceMs.delete(input)
      return false
    }
    const sinceMs = this.#followingSinceMs.get(input) ?? monotonicMs
    this.#followingSinceMs.set(input, sinceMs)
    return monotonicMs - sinceMs < OVERTAKING_PATIENCE_MS
  }

  /** Something of this input was read. */
  moved(input: Input): void {
    this.#excused.delete(input)
    this.#waitingSinceMs = Number.NaN
  }

  /** None of those that may be read has anything. */
  stuck(inputs: readonly Input[], monotonicMs: number): void {
    for (const input of this.#excused) if (!inputs.includes(input)) this.#excused.delete(input)
    for (const input of this.#followingSinceMs.keys()) if (!inputs.some((one) => one === input)) this.#followingSinceMs.delete(input)
    const upToMs = this.#upToMs(inputs)
    if (!inputs.some((input) => input.clockMs() > upToMs && !input.atEnd())) this.#waitingSinceMs = Number.NaN
    else if (Number.isNaN(this.#waitingSinceMs)) this.#waitingSinceMs = monotonicMs
    else if (monotonicMs - this.#waitingSinceMs > this.#limits.patienceMs) this.#excuse(inputs, upToMs)
  }

  #excuse(inputs: readonly Input[], upToMs: number): void {
    for (const input of inputs) if (!input.atEnd() && input.clockMs() <= upToMs) this.#excused.add(input)
    this.#waitingSinceMs = Number.NaN
  }

  #upToMs(inputs: readonly Input[]): number {
    let slowest = Number.POSITIVE_INFINITY
    for (const input of inputs) if (!input.atEnd() && !this.#excused.has(input)) slowest = Math.min(slowest, input.clockMs())
    return slowest + this.#limits.withinMs
  }
}
