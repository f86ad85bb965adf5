/**
 * Records a profile: rows go through the daemon's own readers into the daemon's own cells, so that a profile counts what a pane would.
 * One thing differs: a prediction id that occurs twice is counted twice, since a sample has no horizon to look back over.
 */
import { medianOf } from '../../detectors/season.ts'
import type { DropReason, PaneCell, PredictionBatch, RecordBatch } from '../domain.ts'
import { type Ingest, predictionIngest } from '../ingest/ingest.ts'
import { isoTime } from '../kit/iso-time.ts'
import { ChainMeasure } from '../measure/measure.ts'
import { ALL_SCOPE, type InputLayout, type Layout, type ModelLayout } from '../policy/layout.ts'
import { EVERY_VERSION, type Profile, type ProfileModel, type ProfileVersion } from '../policy/profile.ts'
import { FeatureSamples } from './baseline-features.ts'

export interface RecordedRow {
  readonly value: Buffer
  /** -1: the record brings none, as in a file; then its own time counts. */
  readonly timestampMs: number
  /** Line of a file, offset of a topic. */
  readonly place: number
}

export interface Refused {
  readonly place: number
  /** null: it never was a row. */
  readonly reason: DropReason | null
  readonly detail: string
}

const CHUNK = 1_000
const TAIL_BYTES = 16
const HOUR_MS = 3_600_000

export class Recorder {
  rows = 0
  rejected = 0
  private readonly layout: Layout
  private readonly ingest: Ingest<PredictionBatch>
  private readonly measure: ChainMeasure
  private readonly refused: (refused: Refused) => void
  private readonly samples: FeatureSamples
  private readonly hours = new Map<string, number>()
  private chunk: RecordedRow[] = []
  private fromMs = Number.POSITIVE_INFINITY
  private toMs = Number.NEGATIVE_INFINITY

  /** `refused` may throw: then recording ends there. */
  constructor(layout: Layout, mapped: readonly string[], refused: (refused: Refused) => void) {
    this.layout = layout
    this.ingest = predictionIngest(layout, 1)
    const models = layout.models.map(withoutUnits)
    this.measure = new ChainMeasure(models, layout.predictions, 'exposure', (model) => model.exposureBlocks)
    this.refused = refused
    this.samples = new FeatureSamples(layout, mapped)
  }

  async add(row: RecordedRow): Promise<void> {
    this.chunk.push(row)
    if (this.chunk.length >= CHUNK) await this.flush()
  }

  /** A line that is no row, in its turn. */
  async refuse(refused: Refused): Promise<void> {
    await this.flush()
    this.rejected += 1
    this.refused(refused)
  }

  async profile(source: string): Promise<Profile> {
    await this.flush()
    const cells = new Map(this.measure.take().map((taken) => [taken.model, taken.cells]))
    const models = this.layout.models.filter((model) => cells.has(model.name))
    return {
      format: 'flyball-profile',
      formatVersion: 1,
      policyDigest: this.layout.policyDigest,
      source,
      rows: this.rows,
      rejected: this.rejected,
      from: Number.isFinite(this.fromMs) ? isoTime(this.fromMs) : null,
      to: Number.isFinite(this.toMs) ? isoTime(this.toMs) : null,
      models: models.map((model) => this.modelProfile(model, cells.get(model.name)!)),
    }
  }

  private modelProfile(model: ModelLayout, cells: readonly PaneCell[]): ProfileModel {
    const versions = model.versions.filter((version) => cells.some((cell) => cell.version === version))
    const every = versionProfile(EVERY_VERSION, model, cells)
    return {
      model: model.name,
      rows: every.rows,
      hourOfWeek: this.hourOfWeek(model),
      versions: [
        every,
        ...versions.map((version) =>
          versionProfile(
            version,
            model,
            cells.filter((cell) => cell.version === version),
          ),
        ),
      ],
      suggestions: this.samples.suggestions(model),
    }
  }

  private async flush(): Promise<void> {
    const { chunk } = this
    this.chunk = []
    if (chunk.length === 0) return
    const records = batchOf(chunk, this.layout.predictions.topic)
    await this.ingest.prepare(records)
    const { batch, rejected } = this.ingest.read(records)
    for (const { row, reason, detail } of rejected) {
      this.rejected += 1
      this.refused({ place: chunk[row]!.place, reason, detail })
    }
    this.rows += batch.count
    this.measure.predictions(batch, 0, batch.count, new Uint8Array(batch.count), new Uint8Array(batch.count))
    for (let row = 0; row < batch.count; row += 1) {
      this.addTime(batch.model[row]!, timeOf(batch, row))
      this.samples.add(batch, row, chunk[batch.offset[row]!]!.value)
    }
  }

  private addTime(model: number, timeMs: number): void {
    if (!(timeMs >= 0)) return
    this.fromMs = Math.min(this.fromMs, timeMs)
    this.toMs = Math.max(this.toMs, timeMs)
    const key = `${model} ${Math.floor(timeMs / HOUR_MS)}`
    this.hours.set(key, (this.hours.get(key) ?? 0) + 1)
  }

  /** Medians over the hours seen whole: the first and the last are not. An hour between them without a request counts as none. */
  private hourOfWeek(model: ModelLayout): number[] {
    const lists = Array.from({ length: 168 }, (): number[] => [])
    const last = Math.floor(this.toMs / HOUR_MS)
    for (let hour = Math.floor(this.fromMs / HOUR_MS) + 1; hour < last; hour += 1) {
      // Hour 0 of 1970 was a Thursday; weeks begin on Monday.
      lists[(hour + 72) % 168]!.push(this.hours.get(`${model.index} ${hour}`) ?? 0)
    }
    return lists.map(medianOf)
  }
}

/** Everybody's rows are wanted, whoever was served. */
function withoutUnits(model: ModelLayout): ModelLayout {
  const { unitBlocks: _units, ...rest } = model
  return { ...rest, hasUnits: false }
}

/** Panes follow the record's time; a file brings none, so there the event's own time counts. */
function timeOf(batch: PredictionBatch, row: number): number {
  return batch.recordTimeMs[row]! >= 0 ? batch.recordTimeMs[row]! : batch.eventTimeMs[row]!
}

function versionProfile(version: string, model: ModelLayout, cells: readonly PaneCell[]): ProfileVersion {
  const mine = cells.filter((cell) => cell.scope === ALL_SCOPE && cell.population === 'all')
  const blocks = model.exposureBlocks.map((block) => {
    const counts = new Array<number>(block.countSlots).fill(0)
    for (const cell of mine) {
      const counted = cell.blocks.get(block.id)?.counts
      for (let slot = 0; slot < block.countSlots; slot += 1) counts[slot]! += counted?.[slot] ?? 0
    }
    return { id: block.id, hash: block.hash, counts }
  })
  const countOf = (id: string) => blocks.find((block) => block.id === id)?.counts[0] ?? 0
  const [rows, errors] = [countOf('requests'), countOf('errors')]
  return { version, rows, errors, errorRate: rows === 0 ? null : errors / rows, blocks }
}

/** As a reader would hand them over; the offset is the place in the chunk. */
function batchOf(rows: readonly RecordedRow[], topic: InputLayout['topic']): RecordBatch {
  const starts = new Int32Array(rows.length)
  let length = 0
  rows.forEach((row, index) => {
    starts[index] = length
    length += row.value.length
  })
  return {
    topic,
    partition: 0,
    bytes: Buffer.concat([...rows.map((row) => row.value), Buffer.alloc(TAIL_BYTES)]),
    count: rows.length,
    offset: Float64Array.from(rows, (_, index) => index),
    timestampMs: Float64Array.from(rows, (row) => row.timestampMs),
    keyStart: new Int32Array(rows.length).fill(-1),
    keyEnd: new Int32Array(rows.length).fill(-1),
    valueStart: starts,
    valueEnd: Int32Array.from(rows, (row, index) => starts[index]! + row.value.length),
    headerStart: new Int32Array(rows.length).fill(-1),
  }
}
