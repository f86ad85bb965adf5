/**
 * Pairs: in a shadow both versions answer the same request under the same id, and of the two the one that is read later finds the other.
 *
 * Which rows make a pair is told by ids, offsets and slices alone, so it is the same however the partitions are interleaved and wherever
 * a re-reading begins: the earlier one has the lower offset, counts as a request of the other version, and its slice ends no more than
 * `windowMs` before that of the later one. Its slice is kept as long as that (`SourcePipeline.release`), so a restart finds it again.
 *
 * What happened is told by the control's outcome, as it counted for the control, for both: people were given the control's answer.
 */
import type { PairColumns } from '../domain.ts'
import type { Layout } from '../policy/layout.ts'
import { twinOf } from './mirrors.ts'
import type { AddedRows, PendingPredictions } from './pending.ts'

/** Some model compares answers to one request. */
export function hasPairs(layout: Layout): boolean {
  return pairedModels(layout).some((isPaired) => isPaired)
}

/** How far the slices of the two answers may lie apart. */
export function pairWindowMs(layout: Layout): number {
  return hasPairs(layout) ? layout.maxEarlyMs : 0
}

function pairedModels({ models }: Layout): boolean[] {
  return models.map(({ exposureBlocks, horizons }) =>
    [...exposureBlocks, ...horizons.flatMap(({ blocks }) => blocks)].some(({ kind }) => kind === 'paired' || kind === 'paired-scores'),
  )
}

export class Pairs {
  private readonly pending: PendingPredictions
  private readonly windowMs: number
  /** By model: the versions compared; -1: the model compares none. */
  private readonly candidates: readonly number[]
  private readonly controls: readonly number[]
  /** At the rows of the batch of predictions at hand. */
  private exposed: PairColumns = pairColumns(0)

  constructor(layout: Layout, pending: PendingPredictions) {
    const isPaired = pairedModels(layout)
    this.pending = pending
    this.windowMs = pairWindowMs(layout)
    this.candidates = layout.models.map(({ candidate }, model) => (isPaired[model] ? candidate : -1))
    this.controls = layout.models.map(({ control }, model) => (isPaired[model] ? control : -1))
  }

  /** Of the rows last accepted, without labels. */
  get columns(): PairColumns {
    return this.exposed
  }

  /** Rows [from, to) of a batch are about to be accepted: none of them is known to complete a pair. */
  begin(from: number, to: number): void {
    if (this.exposed.isPair.length < to) this.exposed = grown(this.exposed, to)
    this.exposed.isPair.fill(0, from, to)
  }

  /** Rows that have just got an entry: those whose twin is here. */
  expose({ rows, places, count }: AddedRows): void {
    for (let k = 0; k < count; k++) this.find(places[k]!, rows[k]!, this.exposed, null)
  }

  /** Entries [from, to) by arrival, with labels as they stood at this horizon, written to rows 0 … of the columns. */
  mature(from: number, to: number, columns: PairColumns, horizonMs: number): void {
    columns.isPair.fill(0, 0, to - from)
    for (let arrival = from; arrival < to; arrival++) this.find(this.pending.ring.placeOf(arrival), arrival - from, columns, horizonMs)
  }

  private find(place: number, row: number, columns: PairColumns, horizonMs: number | null): void {
    const { pending } = this
    const model = pending.model(place)
    const candidate = this.candidates[model]!
    if (candidate < 0) return
    const version = pending.version(place)
    const control = this.controls[model]!
    if (version !== candidate && version !== control) return
    const twin = this.earlierTwin(place, model, version === candidate ? control : candidate)
    if (twin < 0) return
    const [ours, theirs] = version === candidate ? [place, twin] : [twin, place]
    columns.isPair[row] = 1
    columns.candidateDecision[row] = pending.decision(ours)
    columns.controlDecision[row] = pending.decision(theirs)
    columns.candidateScore[row] = pending.scoreAt(ours)
    columns.controlScore[row] = pending.scoreAt(theirs)
    columns.label[row] = horizonMs === null ? Number.NaN : pending.labelIn(theirs, horizonMs)
  }

  /** The last answer of the other version to the same request that was read before this one; -1: there is none. */
  private earlierTwin(place: number, model: number, version: number): number {
    const { pending, windowMs } = this
    const { ring } = pending
    const id1 = twinOf(ring.words[place]!)
    const id2 = ring.words[place + 1]!
    const offset = pending.offset(place)
    const fromMs = pending.sliceEndMs(place) - windowMs
    let found = -1
    for (let position = ring.seek(id1, id2, ring.start(id1)); position >= 0; position = ring.seek(id1, id2, ring.after(position))) {
      const other = ring.placeAt(position)
      if (pending.offset(other) >= offset || pending.sliceEndMs(other) < fromMs) continue
      if (pending.model(other) !== model || pending.version(other) !== version) continue
      if (found < 0 || pending.offset(other) > pending.offset(found)) found = other
    }
    return found
  }
}

export function pairColumns(rows: number): PairColumns {
  return {
    isPair: new Uint8Array(rows),
    candidateDecision: new Uint8Array(rows),
    controlDecision: new Uint8Array(rows),
    candidateScore: new Float64Array(rows),
    controlScore: new Float64Array(rows),
    label: new Float64Array(rows),
  }
}

/** Longer columns with the same beginning: rows of this batch may have been accepted already. */
function grown(columns: PairColumns, rows: number): PairColumns {
  const larger = pairColumns(Math.max(rows, columns.isPair.length * 2, 1024))
  for (const name of Object.keys(columns) as (keyof PairColumns)[]) larger[name].set(columns[name])
  return larger
}
