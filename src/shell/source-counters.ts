/** Where each record of an input went: read = used + waiting + Σ dropped. */
import type { DropReason } from '../domain.ts'

export interface CountersState {
  readonly read: number
  readonly used: number
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>
}

export interface InputCounts extends CountersState {
  readonly waiting: number
}

export class InputCounters {
  /** Records before this offset were counted by an earlier run. */
  readonly countedTo: number
  private read: number
  private used: number
  private readonly dropped: Map<DropReason, number>

  constructor(restored: { readonly counters: CountersState; readonly position: number } | null) {
    this.countedTo = restored?.position ?? -1
    this.read = restored?.counters.read ?? 0
    this.used = restored?.counters.used ?? 0
    this.dropped = new Map(Object.entries(restored?.counters.dropped ?? {}) as [DropReason, number][])
  }

  addRead(offset: Float64Array, count: number): void {
    this.read += this.freshRows(offset, 0, count)
  }

  addUsed(count = 1): void {
    this.used += count
  }

  /** Rows [from, to) of a batch with these offsets, as far as they were not counted before. */
  freshRows(offset: Float64Array, from: number, to: number): number {
    if (from === to || offset[from]! >= this.countedTo) return to - from
    let fresh = 0
    for (let row = from; row < to; row++) if (offset[row]! >= this.countedTo) fresh++
    return fresh
  }

  addDropped(reason: DropReason): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1)
  }

  state(): CountersState {
    return { read: this.read, used: this.used, dropped: Object.fromEntries(this.dropped) }
  }

  counts(): InputCounts {
    let settled = this.used
    for (const count of this.dropped.values()) settled += count
    return { ...this.state(), waiting: this.read - settled }
  }
}
