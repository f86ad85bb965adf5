/**
 * A feed for 420 scopes: twenty features in twenty segments and the whole, errors and latency in each segment too. Cells are counted
 * request by request straight into their slots; a slice holds enough requests to be a stratum of its own.
 */
import type { PaneCell } from '../../src/domain.ts'
import type { Random } from '../../src/kit/random.ts'
import type { Block, Layout, ModelLayout } from '../../src/policy/layout.ts'
import { sampler, volume } from './draws.ts'
import { type FedSlice, type Feed, type Shares, SourceLog } from './feed.ts'
import { type ArmSummary, BEGIN_MS, emptyArm, type Weather } from './traffic.ts'

export const SEGMENTS = 20
export const SEGMENT_FEATURES = 20

/** Segments differ in size, in error rate and in what their features look like. */
const SEGMENT_DRAW = sampler(Array.from({ length: SEGMENTS }, (_, segment) => 1 / (segment + 2)))
const SEGMENT_ERRORS = Float64Array.from({ length: SEGMENTS }, (_, segment) => 0.5 + segment / SEGMENTS)

export function segmentsFeed(layout: Layout, weather: (atMs: number) => Weather, random: Random): Feed {
  return new SegmentsFeed(layout, weather, random)
}

class SegmentsFeed implements Feed {
  readonly layout: Layout
  readonly model: ModelLayout
  private readonly weather: (atMs: number) => Weather
  private readonly random: Random
  private readonly log: SourceLog
  private readonly blocks: readonly Block[]
  private readonly width: number
  private readonly sumWidth: number

  constructor(layout: Layout, weather: (atMs: number) => Weather, random: Random) {
    this.layout = layout
    this.model = layout.models[0]!
    this.weather = weather
    this.random = random
    this.log = new SourceLog(this.model, 0)
    this.blocks = this.model.exposureBlocks
    this.width = Math.max(...this.blocks.map((block) => block.countOffset + block.countSlots))
    this.sumWidth = Math.max(...this.blocks.map((block) => block.sumOffset + block.sumSlots))
  }

  slice(index: number, shares: Shares): FedSlice {
    const startMs = index * this.layout.sliceMs
    const endMs = BEGIN_MS + startMs + this.layout.sliceMs
    const pair = { index, startMs: BEGIN_MS + startMs, share: shares[0]!, candidate: emptyArm(), control: emptyArm() }
    // One row of slots for each arm and scope: control and candidate, the whole first.
    const rows = Array.from({ length: 2 * (SEGMENTS + 1) }, () => new Float64Array(this.width))
    for (const [second, share] of shares.entries()) {
      const weather = this.weather(startMs + second * 1_000)
      const requests = volume(this.random, weather.requestsPerSecond)
      for (let request = 0; request < requests; request += 1) this.request(rows, share, weather, pair)
    }
    const cells = this.cellsOf(rows)
    const routed = { candidate: pair.candidate.requests, control: pair.control.requests }
    const run = { sliceStartMs: endMs - this.layout.sliceMs, sliceEndMs: endMs, exposure: cells, outcomes: new Map() }
    const records = this.log.close({ ...run, rows: routed.candidate + routed.control }, { exposureMs: endMs, outcomeMs: -1, lag: 0 })
    return { records, routed, pair }
  }

  private request(
    rows: readonly Float64Array[],
    share: number,
    weather: Weather,
    pair: { candidate: ArmSummary; control: ArmSummary },
  ): void {
    const { random } = this
    const arm = random() < share ? 1 : 0
    const segment = SEGMENT_DRAW(random)
    const failed = random() < weather.errorRate * SEGMENT_ERRORS[segment]!
    const whole = rows[arm * (SEGMENTS + 1)]!
    const part = rows[arm * (SEGMENTS + 1) + 1 + segment]!
    const summary = arm === 1 ? pair.candidate : pair.control
    summary.requests += 1
    if (failed) summary.errors += 1
    for (const block of this.blocks) {
      const slot = this.slotOf(block, segment, failed, weather)
      if (slot < 0) continue
      whole[slot]! += 1
      part[slot]! += 1
      if (block.kind === 'latency' && !failed) summary.latency[slot - block.countOffset]! += 1
      if (block.id === 'feature:f0') summary.features[0]![slot - block.countOffset - 1]! += 1
    }
  }

  /** Where the request counts in this block; −1: nowhere. */
  private slotOf(block: Block, segment: number, failed: boolean, weather: Weather): number {
    if (block.kind === 'requests') return block.countOffset
    if (block.kind === 'errors') return failed ? block.countOffset : -1
    if (block.kind === 'latency') {
      if (failed) return block.countOffset + 2 * block.bins
      const bin = 24 + Math.floor(6 * (this.random() + this.random())) + weather.slowerBins
      return block.countOffset + Math.min(block.bins - 1, bin)
    }
    if (block.kind !== 'feature') return -1
    const bins = block.edges.length - 1
    const bin = Math.floor((this.random() + this.random()) * 0.5 * (bins - 4)) + (segment % 5)
    return block.countOffset + 1 + bin
  }

  private cellsOf(rows: readonly Float64Array[]): PaneCell[] {
    const cells: PaneCell[] = []
    for (const arm of [0, 1]) {
      for (let scope = 0; scope <= SEGMENTS; scope += 1) {
        const row = rows[arm * (SEGMENTS + 1) + scope]!
        if (row[0] === 0) continue
        cells.push(this.cellOf(arm, scope, row))
      }
    }
    return cells
  }

  private cellOf(arm: number, scope: number, row: Float64Array): PaneCell {
    const sums = new Float64Array(this.sumWidth)
    const slots = (block: Block) => ({
      counts: row.subarray(block.countOffset, block.countOffset + block.countSlots),
      sums: sums.subarray(block.sumOffset, block.sumOffset + block.sumSlots),
    })
    return {
      version: this.model.versions[arm]!,
      scope: this.model.scopes[scope]!.name,
      population: 'all',
      blocks: new Map(this.blocks.map((block) => [block.id, slots(block)] as const)),
    }
  }
}
