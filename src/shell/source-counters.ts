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
    if (count > 0 && offset[0]! >= this.countedTo) this.read += count
    else for (let row = 0; row < count; row++) if (offset[row]! >= this.countedTo) this.read++
  }

  addUsed(): void {
    this.used++
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
