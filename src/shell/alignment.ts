/**
 * Which input is read next, so that a backlog is taken in the order in which it happened.
 *
 * The input furthest behind goes first. One that is more than `withinMs` ahead of the slowest waits for it: outcomes then meet their
 * predictions while they are in memory. An input read to its end holds nobody back; a stuck one does so for `patienceMs` of wall
 * clock at most, and never again until it has moved. Time is a parameter.
 */
export interface AlignedInput {
  /** Record clock of the input; -Infinity before its first record. */
  clockMs(): number
  /** Whoever has the lowest is read first: its record clock, or where that will stand after what it reads next. */
  orderMs(): number
  /** Nothing more to come for now. */
  atEnd(): boolean
}

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

  constructor(limits: AlignmentLimits) {
    this.#limits = limits
  }

  /** Those that may be read now, the furthest behind first. */
  readable(inputs: readonly Input[]): Input[] {
    const upToMs = this.#upToMs(inputs)
    return inputs.filter((input) => input.clockMs() <= upToMs).sort((a, b) => a.orderMs() - b.orderMs())
  }

  /** Something of this input was read. */
  moved(input: Input): void {
    this.#excused.delete(input)
    this.#waitingSinceMs = Number.NaN
  }

  /** None of those that may be read has anything. */
  stuck(inputs: readonly Input[], monotonicMs: number): void {
    for (const input of this.#excused) if (!inputs.includes(input)) this.#excused.delete(input)
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
