/**
 * The predictions of one source partition that wait for their outcome: 32 bytes each and 16 for the table, as a rule.
 *
 * What an entry is relative to (its slice, a time, an offset) stands in its anchor; flags, model, version and segments share a word as
 * far as they fit; whether an outcome came in time is kept as the first horizon it was in time for. A value has its eight bytes only
 * where the policy maps one.
 */
import type { MaturedBatch, OutcomeBatch, PredictionBatch } from '../domain.ts'
import { unitBucket } from '../kit/hash.ts'
import type { Layout } from '../policy/layout.ts'
import { Anchors } from './anchors.ts'
import { FLAGS, IdRing } from './id-ring.ts'
import { type PackedField, pack } from './packing.ts'

const ANCHOR = 3
const OFFSET = 4
const FITS_FROM = 5
const OWN_WORDS = 6

// Bits of FLAGS: first exposure, decision (2 bits), label (2 bits), bucket of the unit + 1 (8 bits; 0: no unit), then packed fields.
const DECISION_SHIFT = 1
const LABEL_SHIFT = 3
const BUCKET_SHIFT = 5
const PACKED_SHIFT = 13

export const NO_OUTCOME = 0
export const NEGATIVE = 1
export const POSITIVE = 2
export const NO_LABEL = 3

/** In place of the prediction that an outcome fits: it has been settled. */
export const SETTLED = -2

/** What is held of an outcome's label. */
export function labelState(label: number): number {
  if (Number.isNaN(label)) return NO_LABEL
  return label === 1 ? POSITIVE : NEGATIVE
}

/** The predictions of one slice run, by arrival number in the ring. */
export interface PendingRun {
  ringFrom: number
  /** -1 while the run is open. */
  ringTo: number
  sliceEndMs: number
  /** One id in 2^level is kept. */
  level: number
  /** The last anchor of its predictions; -1: none yet. */
  anchor: number
}

/** Rows of a batch with the places of their entries. */
export interface AddedRows {
  readonly rows: Int32Array
  readonly places: Int32Array
  count: number
}

export class PendingPredictions {
  readonly ring: IdRing
  private readonly anchors = new Anchors()
  private readonly maxHorizonMs: number
  /** Ascending. */
  private readonly horizonsMs: readonly number[]
  /** Index of a double, -1: not kept. */
  private readonly score: number
  private readonly value: number
  private readonly inTimeFrom: PackedField
  private readonly modelField: PackedField
  private readonly versionField: PackedField
  private readonly dimensions: readonly PackedField[]

  constructor(layout: Layout) {
    this.maxHorizonMs = layout.maxHorizonMs
    this.horizonsMs = horizonsOf(layout)
    const versions = Math.max(1, ...layout.models.map((model) => model.versions.length))
    const dimensions = layout.predictions.dimensions.map((dimension) => dimension.values.length)
    const packing = pack([this.horizonsMs.length + 1, layout.models.length, versions, ...dimensions], FLAGS, PACKED_SHIFT, OWN_WORDS)
    const [inTimeFrom, model, version, ...places] = packing.fields
    this.inTimeFrom = inTimeFrom!
    this.modelField = model!
    this.versionField = version!
    this.dimensions = places
    const words = OWN_WORDS + packing.extraWords
    this.score = (words + (words & 1)) / 2
    this.value = keepsValue(layout) ? this.score + 1 : -1
    this.ring = new IdRing(2 * (this.score + (this.value < 0 ? 1 : 2)))
  }

  get size(): number {
    return this.ring.size
  }

  get bytes(): number {
    return this.ring.bytes + this.anchors.bytes
  }

  openRun(sliceEndMs: number, level: number): PendingRun {
    return { ringFrom: this.ring.next, ringTo: -1, sliceEndMs, level, anchor: -1 }
  }

  release(run: PendingRun): void {
    this.ring.dropUntil(run.ringTo)
    this.anchors.dropUntil(run.anchor + 1)
  }

  fitsFromMs(place: number): number {
    const { words } = this.ring
    return this.anchors.timeMs(words[place + ANCHOR]!) + words[place + FITS_FROM]!
  }

  fitsUntilMs(place: number): number {
    return this.anchors.sliceEndMs(this.ring.words[place + ANCHOR]!) + this.maxHorizonMs
  }

  offset(place: number): number {
    const { words } = this.ring
    return this.anchors.offset(words[place + ANCHOR]!) + words[place + OFFSET]!
  }

  sliceEndMs(place: number): number {
    return this.anchors.sliceEndMs(this.ring.words[place + ANCHOR]!)
  }

  model(place: number): number {
    return this.fieldAt(this.modelField, place)
  }

  version(place: number): number {
    return this.fieldAt(this.versionField, place)
  }

  decision(place: number): number {
    return (this.ring.words[place + FLAGS]! >> DECISION_SHIFT) & 3
  }

  scoreAt(place: number): number {
    return this.ring.doubles[(place >> 1) + this.score]!
  }

  /** As it stood at the end of the entry's own slice + this horizon; NaN: none. */
  labelIn(place: number, horizonMs: number): number {
    const held = this.label(place)
    const isInTime = held !== NO_OUTCOME && this.fieldAt(this.inTimeFrom, place) <= this.horizonsMs.indexOf(horizonMs)
    return isInTime && held !== NO_LABEL ? held - NEGATIVE : Number.NaN
  }

  private fieldAt({ word, shift, mask }: PackedField, place: number): number {
    return (this.ring.words[place + word]! >> shift) & mask
  }

  label(place: number): number {
    return (this.ring.words[place + FLAGS]! >> LABEL_SHIFT) & 3
  }

  /** The outcome that counts. */
  settle(place: number, clockMs: number, label: number, value: number): void {
    const { words, doubles } = this.ring
    const sliceEndMs = this.anchors.sliceEndMs(words[place + ANCHOR]!)
    const { horizonsMs, inTimeFrom } = this
    let horizon = 0
    while (horizon < horizonsMs.length && clockMs >= sliceEndMs + horizonsMs[horizon]!) horizon++
    words[place + FLAGS]! |= label << LABEL_SHIFT
    words[place + inTimeFrom.word]! |= horizon << inTimeFrom.shift
    if (this.value >= 0) doubles[(place >> 1) + this.value] = value
  }

  /** The prediction that each outcome of rows [from, to) fits, -1 where there is none, from the beginning of `into`. */
  findFitting(id1: Int32Array, id2: Int32Array, clockMs: Float64Array, from: number, to: number, into: Int32Array): void {
    const { ring } = this
    for (let row = from; row < to; row++) {
      const lane1 = id1[row]!
      const lane2 = id2[row]!
      let place = -1
      for (
        let position = ring.seek(lane1, lane2, ring.start(lane1));
        position >= 0;
        position = ring.seek(lane1, lane2, ring.after(position))
      ) {
        const held = ring.placeAt(position)
        if (clockMs[row]! < this.fitsFromMs(held) || clockMs[row]! >= this.fitsUntilMs(held)) continue
        place = held
        break
      }
      into[row - from] = place
    }
  }

  /** Of rows [from, to) those that are the first outcome of the prediction they fit; they are marked as settled. Returns how many. */
  settleFirst({ label, value }: OutcomeBatch, from: number, to: number, clockMs: Float64Array, fitting: Int32Array): number {
    let settled = 0
    for (let row = from; row < to; row++) {
      const place = fitting[row - from]!
      if (place < 0 || this.label(place) !== NO_OUTCOME) continue
      this.settle(place, clockMs[row]!, labelState(label[row]!), value[row]!)
      fitting[row - from] = SETTLED
      settled++
    }
    return settled
  }

  /** Takes in an entry: who it is, where it stood and from when on outcomes fit it. `fill` writes the rest. Returns its place. */
  add(run: PendingRun, id1: number, id2: number, offset: number, fitsFromMs: number): number {
    const { anchors, ring } = this
    if (run.anchor < 0 || !this.isNear(run.anchor, fitsFromMs, offset)) run.anchor = anchors.lay(run.sliceEndMs, fitsFromMs, offset)
    const place = ring.add(id1, id2)
    const { words } = ring
    words[place + ANCHOR] = run.anchor
    words[place + OFFSET] = offset - anchors.offset(run.anchor)
    words[place + FITS_FROM] = fitsFromMs - anchors.timeMs(run.anchor)
    return place
  }

  /** Writes the entries of rows that have been added to the ring, a column at a time. `rows` and `places` belong together. */
  fill(batch: PredictionBatch, first: Uint8Array, added: AddedRows): void {
    const { words, doubles } = this.ring
    const { rows, places, count } = added
    const { unit1, unit2, decision, score } = batch
    for (let k = 0; k < count; k++) {
      const row = rows[k]!
      const bucket = unitBucket(unit1[row]!, unit2[row]!) + 1
      words[places[k]! + FLAGS] = first[row]! | (decision[row]! << DECISION_SHIFT) | (bucket << BUCKET_SHIFT)
    }
    for (let word = OWN_WORDS; word < this.score * 2; word++) for (let k = 0; k < count; k++) words[places[k]! + word] = 0
    this.put(this.modelField, batch.model, added)
    this.put(this.versionField, batch.version, added)
    for (let d = 0; d < this.dimensions.length; d++) this.put(this.dimensions[d]!, batch.dimensions[d]!, added)
    for (let k = 0; k < count; k++) doubles[(places[k]! >> 1) + this.score] = score[rows[k]!]!
  }

  private put({ word, shift, mask }: PackedField, column: Int32Array, { rows, places, count }: AddedRows): void {
    if (mask === 0) return
    const { words } = this.ring
    for (let k = 0; k < count; k++) words[places[k]! + word]! |= column[rows[k]!]! << shift
  }

  /** The distances are whole and fit into 32 bits. */
  private isNear(anchor: number, timeMs: number, offset: number): boolean {
    const fromMs = this.anchors.timeMs(anchor)
    const fromOffset = this.anchors.offset(anchor)
    return fromMs + ((timeMs - fromMs) | 0) === timeMs && fromOffset + ((offset - fromOffset) | 0) === offset
  }

  /** Entries [from, to) by arrival, as they stood at the run's end + horizon, written to rows 0 … of the columns. */
  matured(from: number, to: number, horizonMs: number, batch: MaturedBatch): void {
    const horizon = this.horizonsMs.indexOf(horizonMs)
    if (horizon < 0) throw new Error(`no model has a horizon of ${horizonMs} ms`)
    const { ring } = this
    const { words, doubles } = ring
    const { first, unitBucket: bucket, score, decision, label, value } = batch
    const { word, shift, mask } = this.inTimeFrom
    for (let arrival = from; arrival < to; arrival++) {
      const row = arrival - from
      const place = ring.placeOf(arrival)
      const at = place >> 1
      const flags = words[place + FLAGS]!
      const held = (flags >> LABEL_SHIFT) & 3
      const inTime = held !== NO_OUTCOME && ((words[place + word]! >> shift) & mask) <= horizon
      first[row] = flags & 1
      decision[row] = (flags >> DECISION_SHIFT) & 3
      bucket[row] = ((flags >> BUCKET_SHIFT) & 0xff) - 1
      score[row] = doubles[at + this.score]!
      label[row] = inTime && held !== NO_LABEL ? held - NEGATIVE : Number.NaN
      value[row] = inTime && this.value >= 0 ? doubles[at + this.value]! : Number.NaN
    }
    this.get(this.modelField, from, to, batch.model)
    this.get(this.versionField, from, to, batch.version)
    for (let d = 0; d < this.dimensions.length; d++) this.get(this.dimensions[d]!, from, to, batch.dimensions[d]!)
    batch.count = to - from
  }

  private get({ word, shift, mask }: PackedField, from: number, to: number, column: Int32Array): void {
    const { ring } = this
    const { words } = ring
    for (let arrival = from; arrival < to; arrival++) column[arrival - from] = (words[ring.placeOf(arrival) + word]! >> shift) & mask
  }
}

/** Distinct joined horizons of all models, ascending. */
function horizonsOf(layout: Layout): number[] {
  const all = new Set(layout.models.flatMap((model) => model.horizons.map((horizon) => horizon.horizonMs)))
  return [...all].sort((a, b) => a - b)
}

function keepsValue(layout: Layout): boolean {
  return layout.models.some((model) => model.horizons.some(({ blocks }) => blocks.some((block) => block.kind === 'value')))
}
