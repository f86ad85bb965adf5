/** Reads the traffic of a source as a worker would, in any interleaving and batches, with checkpoints, crashes and idle cuts on the way. */
import assert from 'node:assert/strict'
import type { DeadLetter, Pane } from '../../src/domain.ts'
import type { UnitChunk } from '../../src/join/units.ts'
import type { Random } from '../../src/kit/random.ts'
import type { Layout } from '../../src/policy/layout.ts'
import type { SourceCheckpoint } from '../../src/shell/source-checkpoint.ts'
import { type SliceClosing, SourcePipeline } from '../../src/shell/source-pipeline.ts'
import { encodePacked, type PackedPane } from '../../src/wire/panes.ts'
import { readPane } from '../wire/records.ts'
import { recordsOf, standIn, type Traffic } from './source-world.ts'

export const SOURCE = 'predictions/0'
export const INPUTS = ['predictions', 'outcomes', 'described'] as const

export interface Reading {
  readonly panes: Pane[]
  readonly closings: SliceClosing[]
  readonly deadLetters: DeadLetter[]
  readonly pipeline: SourcePipeline
  readonly restarts: number
}

const NO_STAMP = { epoch: 0, sequence: 0 }

/** As the judge reads it. */
export function sent(pane: PackedPane): Pane {
  const found = readPane(encodePacked(pane, NO_STAMP, NO_STAMP))
  assert.ok(found.kind === 'pane')
  return found
}

/** What a worker would do, with its outputs, checkpoint and unit chunks kept as a log would keep them. */
export class Worker {
  readonly panes: Pane[] = []
  readonly closings: SliceClosing[] = []
  readonly deadLetters: DeadLetter[] = []
  pipeline: SourcePipeline
  restarts = 0
  next = { predictions: 0, outcomes: 0, described: 0 }
  private stored: string | null = null
  private storedAt = { panes: 0, closings: 0, deadLetters: 0 }
  private readonly chunks = new Map<number, UnitChunk>()
  private readonly layout: Layout
  private readonly input: Traffic

  constructor(layout: Layout, input: Traffic) {
    this.layout = layout
    this.input = input
    this.pipeline = this.build(null)
  }

  build(restored: SourceCheckpoint | null): SourcePipeline {
    const { predictions, outcomes, described } = this.input
    const ingest = { predictions: standIn(predictions), outcomes: standIn(outcomes), described: standIn(described) }
    return new SourcePipeline({ layout: this.layout, source: SOURCE, ingest, restored })
  }

  read(name: (typeof INPUTS)[number], count: number): void {
    const events = this.input[name].slice(this.next[name], this.next[name] + count)
    if (events.length === 0) return
    this.next[name] += events.length
    this.pipeline[name](recordsOf(name, events))
  }

  collect(): void {
    const taken = this.pipeline.take()
    this.panes.push(...taken.panes.map(sent))
    this.closings.push(...taken.closings)
    this.deadLetters.push(...taken.deadLetters)
  }

  store(): void {
    for (const chunk of this.pipeline.unitChunks()) this.chunks.set(chunk.from, chunk)
    this.stored = JSON.stringify(this.pipeline.checkpoint())
    // While re-reading the checkpoint is still the old one: what was sent since is not covered by it.
    if (!this.pipeline.replaying())
      this.storedAt = { panes: this.panes.length, closings: this.closings.length, deadLetters: this.deadLetters.length }
  }

  /** Dies; what was sent after the checkpoint comes again and must be the same. Unit chunks written after it may be there as well. */
  crash(): void {
    this.restarts++
    const lost = { panes: this.panes.splice(this.storedAt.panes), closings: this.closings.splice(this.storedAt.closings) }
    this.deadLetters.splice(this.storedAt.deadLetters)
    this.resent.push(...lost.panes)
    const restored = this.stored === null ? null : (JSON.parse(this.stored) as SourceCheckpoint)
    this.pipeline = this.build(restored)
    for (const from of [...this.chunks.keys()].sort((a, b) => a - b)) {
      if (restored !== null && from < restored.unitEntries) this.pipeline.loadUnits(this.chunks.get(from)!)
    }
    for (const name of INPUTS) {
      const offset = restored?.[name].rewindOffset ?? -1
      const at = this.input[name].findIndex((event) => event.offset >= offset)
      this.next[name] = at < 0 ? this.input[name].length : at
    }
  }

  readonly resent: Pane[] = []
}

export function readAll(layout: Layout, input: Traffic, random: Random, plan: { crashes: number; cuts: readonly number[] }): Reading {
  const worker = new Worker(layout, input)
  const crashAt = plan.crashes
  while (INPUTS.some((name) => worker.next[name] < input[name].length)) {
    const name = INPUTS[Math.floor(random() * 3)]!
    worker.read(
      name,
      name === 'predictions' ? beforeCut(worker, plan.cuts, 1 + Math.floor(random() * 200)) : 1 + Math.floor(random() * 200),
    )
    if (name === 'predictions') cutIfDue(worker, input, plan.cuts, random)
    if (random() < 0.5) worker.collect()
    if (random() < 0.3) worker.store()
    if (worker.restarts < crashAt && random() < 0.15) worker.crash()
  }
  worker.pipeline.end()
  worker.collect()
  for (const pane of worker.resent) {
    const again = worker.panes.find((one) => one.chain === pane.chain && one.model === pane.model && one.from === pane.from)
    assert.deepEqual(again, pane, 'a pane sent again after a crash is the pane sent before')
  }
  return worker
}

/** How many records may be read before the next planned idle cut. */
function beforeCut(worker: Worker, cuts: readonly number[], wanted: number): number {
  const at = worker.next.predictions
  const cut = cuts.find((row) => row > at)
  return cut === undefined ? wanted : Math.min(wanted, cut - at)
}

function cutIfDue(worker: Worker, input: Traffic, cuts: readonly number[], random: Random): void {
  if (!cuts.includes(worker.next.predictions)) return
  const cut = worker.pipeline.cutIdle()
  if (cut !== null) assert.equal(cut.offset, input.predictions[worker.next.predictions - 1]!.offset + 1)
  worker.store()
  if (random() < 0.5) worker.collect()
}
