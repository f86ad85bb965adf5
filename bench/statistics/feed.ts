/**
 * What reaches the judge: the panes and pulses of each source partition, slice after slice, however a setting delays or bends them.
 * A feed knows the share that gateways give the candidate second by second, and nothing of what the judge thinks.
 */
import type { Pane, PaneCell, Pulse } from '../../src/domain.ts'
import type { Layout, ModelLayout } from '../../src/policy/layout.ts'
import type { PanePair } from './traffic.ts'

/** Candidate's share (0..1) in each second of a slice. */
export type Shares = readonly number[]

export interface FedSlice {
  /** In the order in which they are read. */
  readonly records: readonly (Pane | Pulse)[]
  /** What the gateways sent to each arm, whether or not it was read. */
  readonly routed: { readonly candidate: number; readonly control: number }
  /** All sources together, labels included: what the peers look at. */
  readonly pair: PanePair
}

export interface Feed {
  readonly layout: Layout
  readonly model: ModelLayout
  slice(index: number, shares: Shares): FedSlice
}

/** A slice run of a source that is closed: what its panes hold. */
export interface ClosedRun {
  readonly sliceStartMs: number
  readonly sliceEndMs: number
  /** Offsets it takes. */
  readonly rows: number
  readonly exposure: readonly PaneCell[]
  /** By chain; they go out when the outcome clock has passed the slice's end by the horizon. */
  readonly outcomes: ReadonlyMap<string, readonly PaneCell[]>
}

interface Due {
  readonly chain: string
  readonly horizonMs: number
  readonly waiting: { readonly run: ClosedRun; readonly from: number; readonly to: number }[]
  through: number
}

const STAMP = { epoch: 1, base: { epoch: 0, sequence: 0 } }

/** One source partition as it writes to the judge: offsets, links of its chains, stamps. */
export class SourceLog {
  readonly source: string
  private readonly model: ModelLayout
  private readonly hashes: ReadonlyMap<string, ReadonlyMap<string, string>>
  private readonly due: readonly Due[]
  private offset = 0
  private sequence = 0

  constructor(model: ModelLayout, source: number) {
    this.model = model
    this.source = `predictions/${source}`
    const { unitBlocks } = model
    const hashesOf = (chain: string, blocks: readonly { readonly id: string; readonly hash: string }[]) =>
      new Map([...blocks, ...(unitBlocks?.[chain] ?? [])].map((block) => [block.id, block.hash] as const))
    this.hashes = new Map([
      ['exposure', hashesOf('exposure', model.exposureBlocks)],
      ...model.horizons.map(({ chain, blocks }) => [chain, hashesOf(chain, blocks)] as const),
    ])
    this.due = model.horizons.map(({ chain, horizonMs }) => ({ chain, horizonMs, waiting: [], through: 0 }))
  }

  /** The exposure pane of a run (none when it is empty) and the pulse that closes it. */
  close(
    run: ClosedRun,
    clocks: { readonly exposureMs: number; readonly outcomeMs: number; readonly lag: number; readonly idle?: boolean },
  ) {
    const from = this.offset
    this.offset += run.rows
    const records: (Pane | Pulse)[] = []
    if (run.rows > 0) {
      records.push(this.pane('exposure', from, this.offset, from, run, run.sliceEndMs, run.exposure))
      for (const due of this.due) due.waiting.push({ run, from, to: this.offset })
    }
    records.push(...this.matured(clocks.outcomeMs))
    records.push(this.pulse(from, run.sliceEndMs, clocks))
    return records
  }

  /** What an idle partition says once a slice: it is read to its end, and nothing is there. */
  heartbeat(exposureMs: number, outcomeMs: number): (Pane | Pulse)[] {
    return [...this.matured(outcomeMs), { ...this.pulse(0, 0, { exposureMs, outcomeMs, lag: 0, idle: true }), to: 0, models: [] }]
  }

  /** Outcome panes that became final. */
  matured(outcomeMs: number): Pane[] {
    const panes: Pane[] = []
    for (const due of this.due) {
      while (due.waiting.length > 0 && due.waiting[0]!.run.sliceEndMs + due.horizonMs <= outcomeMs) {
        const { run, from, to } = due.waiting.shift()!
        const cells = run.outcomes.get(due.chain) ?? []
        panes.push(this.pane(due.chain, from, to, due.through, run, run.sliceEndMs + due.horizonMs, cells))
        due.through = to
      }
    }
    return panes
  }

  private pane(
    chain: string,
    from: number,
    to: number,
    previousTo: number,
    run: ClosedRun,
    finalAtMs: number,
    cells: readonly PaneCell[],
  ): Pane {
    this.sequence += 1
    return {
      kind: 'pane',
      model: this.model.name,
      source: this.source,
      chain,
      stamp: { epoch: STAMP.epoch, sequence: this.sequence },
      base: STAMP.base,
      from,
      to,
      previousTo,
      sliceStartMs: run.sliceStartMs,
      sliceEndMs: run.sliceEndMs,
      finalAtMs,
      sampleRate: 1,
      blockHashes: this.hashes.get(chain)!,
      cells,
    }
  }

  private pulse(
    from: number,
    sliceEndMs: number,
    clocks: { readonly exposureMs: number; readonly outcomeMs: number; readonly lag: number; readonly idle?: boolean },
  ): Pulse {
    this.sequence += 1
    return {
      kind: 'pulse',
      source: this.source,
      stamp: { epoch: STAMP.epoch, sequence: this.sequence },
      base: STAMP.base,
      from,
      to: this.offset,
      sliceEndMs,
      exposureClockMs: clocks.exposureMs,
      outcomeClockMs: clocks.outcomeMs,
      describedClockMs: -1,
      idle: clocks.idle ?? false,
      ended: false,
      lagRecords: clocks.lag,
      models: this.offset > from ? [this.model.name] : [],
    }
  }
}
