/**
 * A drain's panes and ticks, dealt to the seats of a judge partition in an order that depends on the topics alone.
 *
 * For each time T at which panes became final: all panes of T, then one pulse per source that says so, then a tick at T. A seat
 * remembers the last T it has finished, so that a restart repeats none.
 */
import type { Pane, Pulse, StreamTimeMs } from '../domain.ts'
import type { Layout } from '../policy/layout.ts'
import { concerns, DueChanges } from './change-feed.ts'
import type { JudgeSeat } from './judge-seat.ts'
import { PaneOrder, type PlacedPane } from './pane-order.ts'

/** Every owner's panes of a drain are equal, so who wrote them says nothing. */
const NOBODY = { epoch: 0, sequence: 0 }

export class DrainOrder {
  readonly #order: PaneOrder
  readonly #changes: DueChanges
  readonly #sources: readonly string[]
  readonly #seats: ReadonlyMap<string, JudgeSeat>
  /** Next offset of the panes topic. */
  #next = 0
  /** Time of the panes being judged; null between groups. */
  #groupMs: StreamTimeMs | null = null

  constructor(layout: Layout, sources: readonly string[], seats: readonly JudgeSeat[], changes: DueChanges = new DueChanges(null)) {
    this.#changes = changes
    this.#order = new PaneOrder(sources, { joined: layout.outcomes !== null, described: layout.described !== null })
    this.#sources = sources
    this.#seats = new Map(seats.map((seat) => [seat.model.name, seat]))
  }

  take(found: Pane | Pulse, offset: number): void {
    if (found.kind === 'pulse') return this.#order.pass(found)
    const seat = this.#seats.get(found.model)
    if (seat === undefined || found.finalAtMs <= seat.positions.drainedMs) return
    this.#order.add({ pane: { ...found, stamp: NOBODY, base: NOBODY }, offset })
  }

  /** Judges what is free. `next`: offset after the last record taken. */
  async judge(next: number): Promise<void> {
    this.#next = next
    const free = this.#order.release()
    const resume = lowestFromHere(free)
    for (const [index, placed] of free.entries()) {
      if (this.#groupMs !== placed.pane.finalAtMs) {
        await this.#closeGroup()
        await this.#change(placed.pane.finalAtMs)
      }
      this.#groupMs = placed.pane.finalAtMs
      await this.#judgePane(placed, resume[index]!)
    }
    await this.#closeGroup()
  }

  /** Nothing more will come: judges the rest and stores every seat. */
  async finish(): Promise<void> {
    this.#order.passAll()
    await this.judge(this.#next)
    for (const seat of this.#seats.values()) await seat.store()
  }

  /** Before the panes of its time: what was done to the system comes before what it led to. */
  async #change(atMs: StreamTimeMs): Promise<void> {
    const now = { judgeTimeMs: atMs, wallMs: 0 }
    for (const change of this.#changes.take(atMs)) {
      for (const seat of this.#seats.values()) if (concerns(change, seat.model.name)) await seat.apply({ kind: 'change', change }, now)
    }
  }

  async #judgePane({ pane }: PlacedPane, lowestUnjudged: number): Promise<void> {
    const seat = this.#seats.get(pane.model)!
    this.#place(seat, lowestUnjudged)
    await seat.apply({ kind: 'pane', pane }, { judgeTimeMs: pane.finalAtMs, wallMs: 0 })
  }

  /** From where a restart must read to meet every pane that this seat has not judged. */
  #place(seat: JudgeSeat, lowestUnjudged: number): void {
    const panes = Math.min(this.#next, lowestUnjudged, this.#order.lowestWaiting(seat.model.name))
    seat.positions = { ...seat.positions, panes: Math.max(0, panes) }
  }

  async #closeGroup(): Promise<void> {
    if (this.#groupMs === null) return
    const atMs = this.#groupMs
    this.#groupMs = null
    const now = { judgeTimeMs: atMs, wallMs: 0 }
    for (const seat of this.#seats.values()) {
      if (atMs <= seat.positions.drainedMs) continue
      for (const source of this.#sources) await seat.apply({ kind: 'pulse', pulse: passed(source, atMs) }, now)
      seat.positions = { ...seat.positions, drainedMs: atMs }
      await seat.apply({ kind: 'tick' }, now)
    }
  }
}

/** For each place in the list: the lowest offset there and after it among panes of the same model. */
function lowestFromHere(free: readonly PlacedPane[]): number[] {
  const lowest = new Map<string, number>()
  const result = new Array<number>(free.length)
  for (let index = free.length - 1; index >= 0; index--) {
    const { pane, offset } = free[index]!
    const low = Math.min(offset, lowest.get(pane.model) ?? offset)
    lowest.set(pane.model, low)
    result[index] = low
  }
  return result
}

/** What a pulse of any owner says at this time. */
function passed(source: string, atMs: StreamTimeMs): Pulse {
  return {
    kind: 'pulse',
    source,
    stamp: NOBODY,
    base: NOBODY,
    from: 0,
    to: 0,
    sliceEndMs: atMs,
    exposureClockMs: atMs,
    outcomeClockMs: atMs,
    describedClockMs: atMs,
    idle: false,
    ended: false,
    lagRecords: 0,
    models: [],
  }
}
