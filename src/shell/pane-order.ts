/**
 * The order of a drain: panes by the time they became final, then source, chain and model, whatever order they were written in.
 *
 * A pane is let go once every source's clocks have passed its time, so that nothing can come before it. Two runs over the same
 * topics then judge the same panes in the same order, kills and restarts in between or not.
 */
import type { Pane, Pulse, StreamTimeMs } from '../domain.ts'

export interface PlacedPane {
  readonly pane: Pane
  /** Offset on the panes topic. */
  readonly offset: number
}

export class PaneOrder {
  readonly #waiting = new Map<string, PlacedPane>()
  readonly #progress = new Map<string, StreamTimeMs>()

  readonly #inputs: { readonly joined: boolean; readonly described: boolean }

  constructor(sources: readonly string[], inputs: { readonly joined: boolean; readonly described: boolean }) {
    this.#inputs = inputs
    for (const source of sources) this.#progress.set(source, Number.NEGATIVE_INFINITY)
  }

  /** A pane written twice (an owner died before its checkpoint) counts once: the first stays. */
  add(placed: PlacedPane): void {
    const key = chainLink(placed.pane)
    if (!this.#waiting.has(key)) this.#waiting.set(key, placed)
  }

  /** A source has sent every pane that was final by these clocks. */
  pass(pulse: Pulse): void {
    const known = this.#progress.get(pulse.source)
    if (known === undefined) return
    const clocks = [pulse.exposureClockMs]
    if (this.#inputs.joined) clocks.push(pulse.outcomeClockMs)
    if (this.#inputs.described) clocks.push(pulse.describedClockMs)
    this.#progress.set(pulse.source, Math.max(known, Math.min(...clocks)))
  }

  /** No source will send anything more. */
  passAll(): void {
    for (const source of this.#progress.keys()) this.#progress.set(source, Number.POSITIVE_INFINITY)
  }

  /** What can be judged now, in order. */
  release(): PlacedPane[] {
    const until = Math.min(...this.#progress.values())
    const free = [...this.#waiting].filter(([, placed]) => placed.pane.finalAtMs <= until)
    for (const [key] of free) this.#waiting.delete(key)
    return free.map(([, placed]) => placed).sort(byTime)
  }

  /** Lowest offset on the panes topic of a pane of this model that still waits; Infinity when none does. */
  lowestWaiting(model: string): number {
    let lowest = Number.POSITIVE_INFINITY
    for (const { pane, offset } of this.#waiting.values()) if (pane.model === model) lowest = Math.min(lowest, offset)
    return lowest
  }
}

const chainLink = (pane: Pane): string => `${pane.source}|${pane.chain}|${pane.model}|${pane.from}|${pane.to}`

function byTime(a: PlacedPane, b: PlacedPane): number {
  const left = a.pane
  const right = b.pane
  return (
    left.finalAtMs - right.finalAtMs ||
    compare(left.source, right.source) ||
    compare(left.chain, right.chain) ||
    compare(left.model, right.model) ||
    left.from - right.from
  )
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
