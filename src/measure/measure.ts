/**
 * Counts records into cells. One `ChainMeasure` for each kind of chain (exposures, one for each horizon, self-describing outcomes):
 * it takes batches of columns, and hands over the cells of each model when the slice is closed.
 */
import type { ChainName, DescribedOutcomeBatch, MaturedBatch, PairColumns, PaneCell, PredictionBatch } from '../domain.ts'
import { ALL_SCOPE, type Block, type InputLayout, type ModelLayout } from '../policy/layout.ts'
import { CellMemory, CellTable } from './cell-table.ts'
import { type Filler, fillerOf } from './fill.ts'
import { GatheredRows, NO_MODEL, type RowColumns } from './gathered-rows.ts'
import { PairCounts } from './paired.ts'
import { RowTargets, wholeDimension } from './row-targets.ts'
import { UnitBuckets } from './unit-buckets.ts'

/** Value of the status column for a record that counts as a request. */
export const COUNTED = 0
/** A prediction id seen again: only the `duplicate` block counts it. */
export const DUPLICATE = 1

/** So many rows of a model, on average, are worth a walk through its blocks; batches with fewer are gathered until there are twice as many. */
const ROWS_A_MODEL = 32

interface ModelMeasure {
  readonly layout: ModelLayout
  readonly table: CellTable
  readonly targets: RowTargets
  readonly fillers: readonly Filler[]
  readonly duplicateBlock: Block | null
  /** Null where the model has no units. */
  readonly units: UnitBuckets | null
  /** Null where no answers to one request are compared. */
  readonly paired: PairCounts | null
  readonly blockHashes: ReadonlyMap<string, string>
}

export interface ModelCells {
  readonly model: string
  readonly blockHashes: ReadonlyMap<string, string>
  readonly cells: readonly PaneCell[]
}

/** Of the cells that are being handed over, in this thread. */
const LENT = new CellMemory()

const NO_BYTES = new Uint8Array(0)
const NO_NUMBERS = new Float64Array(0)
const NO_INDICES = new Int32Array(0)

/** What a chain does not bring. */
const ABSENT: RowColumns = {
  model: NO_INDICES,
  version: NO_INDICES,
  dimensions: [],
  first: NO_BYTES,
  unit1: NO_INDICES,
  unit2: NO_INDICES,
  bucket: null,
  error: NO_BYTES,
  recordTimeMs: NO_NUMBERS,
  eventTimeMs: NO_NUMBERS,
  decision: NO_BYTES,
  score: NO_NUMBERS,
  latencyMs: NO_NUMBERS,
  numbers: [],
  numberStates: [],
  symbols: [],
  label: NO_NUMBERS,
  value: NO_NUMBERS,
}

export class ChainMeasure {
  /** By model index; null where the model has no block on this chain. */
  private readonly models: readonly (ModelMeasure | null)[]
  /** Of the batch at hand. One object for all batches: it is filled anew for each, and always has the same shape. */
  private readonly columns: { -readonly [Name in keyof RowColumns]: RowColumns[Name] } = { ...ABSENT }
  private readonly rowsEnough: number
  /** Rows of batches that were too short, not yet counted. */
  private gathered: GatheredRows | null = null

  /** `chain`: whose unit blocks are counted as well. */
  constructor(
    models: readonly ModelLayout[],
    input: Pick<InputLayout, 'dimensions'>,
    chain: ChainName,
    blocksOf: (model: ModelLayout) => readonly Block[],
  ) {
    this.models = models.map((layout) => modelMeasure(layout, input, blocksOf(layout), layout.unitBlocks?.[chain] ?? []))
    this.rowsEnough = ROWS_A_MODEL * this.models.filter((model) => model !== null).length
  }

  /** What open cells, gathered rows and the columns that are filled on the way take up in memory. */
  get bytes(): number {
    let bytes = this.gathered?.bytes ?? 0
    for (const model of this.models) {
      if (model !== null) bytes += model.table.bytes + model.targets.bytes + (model.units?.bytes ?? 0)
    }
    return bytes
  }

  /** Rows [from, to) of a batch of predictions. `status` says which count; `first` which are first exposures of their unit. */
  predictions(
    batch: PredictionBatch,
    from: number,
    to: number,
    status: Uint8Array,
    first: Uint8Array,
    pairs: PairColumns | null = null,
  ): void {
    this.takeColumns(batch, first)
    this.fill(from, to, status)
    if (pairs !== null) this.countPairs(from, to, status, pairs)
  }

  described(batch: DescribedOutcomeBatch, from: number, to: number, status: Uint8Array, first: Uint8Array): void {
    this.takeColumns(batch, first)
    this.columns.label = batch.label
    this.columns.value = batch.value
    this.fill(from, to, status)
  }

  matured(batch: MaturedBatch): void {
    const { columns } = this
    columns.model = batch.model
    columns.version = batch.version
    columns.dimensions = batch.dimensions
    columns.first = batch.first
    columns.bucket = batch.unitBucket
    columns.score = batch.score
    columns.decision = batch.decision
    columns.label = batch.label
    columns.value = batch.value
    this.fill(0, batch.count, null)
    if (batch.pairs !== null) this.countPairs(0, batch.count, null, batch.pairs)
  }

  /** The cells of every model with at least one record, in the order of the layout. Counting starts anew. */
  take(): ModelCells[] {
    const taken: ModelCells[] = []
    this.handOver(
      (cells) => taken.push(cells),
      () => new CellMemory(),
    )
    return taken
  }

  /** As `take`, a model at a time. Cells lie in memory that is used again: they are valid during the call. */
  takeEach(each: (cells: ModelCells) => void): void {
    this.handOver(each, () => LENT)
  }

  private handOver(each: (cells: ModelCells) => void, memory: () => CellMemory): void {
    this.countGathered()
    for (const model of this.models) {
      if (model === null || model.table.rows === 0) continue
      each({
        model: model.layout.name,
        blockHashes: model.blockHashes,
        cells: [...model.table.take(memory()), ...(model.units?.take() ?? [])],
      })
    }
  }

  private takeColumns(batch: PredictionBatch, first: Uint8Array): void {
    const { columns } = this
    columns.model = batch.model
    columns.version = batch.version
    columns.dimensions = batch.dimensions
    columns.first = first
    columns.unit1 = batch.unit1
    columns.unit2 = batch.unit2
    columns.error = batch.error
    columns.recordTimeMs = batch.recordTimeMs
    columns.eventTimeMs = batch.eventTimeMs
    columns.decision = batch.decision
    columns.score = batch.score
    columns.latencyMs = batch.latencyMs
    columns.numbers = batch.numbers
    columns.numberStates = batch.numberStates
    columns.symbols = batch.symbols
  }

  private fill(from: number, to: number, status: Uint8Array | null): void {
    if (to <= from) return
    const { columns } = this
    this.gathered ??= new GatheredRows(2 * this.rowsEnough, columns)
    if (to - from <= this.gathered.capacity / 2) return this.gather(this.gathered, from, to, status)
    // In the order in which they came: the last bits of sums depend on it.
    this.countGathered()
    for (let row = from; row < to; row++) {
      if (status === null || status[row] === COUNTED) this.models[columns.model[row]!]?.targets.add(row)
      else this.countDuplicate(columns.model[row]!, columns.version[row]!)
    }
    this.countRows(columns)
  }

  private gather(gathered: GatheredRows, from: number, to: number, status: Uint8Array | null): void {
    const { columns } = this
    if (gathered.count + to - from > gathered.capacity) this.countGathered()
    const { model } = gathered.columns
    const at = gathered.add(columns, from, to)
    if (status === null) return
    for (let row = from; row < to; row++) {
      if (status[row] === COUNTED) continue
      model[at + row - from] = NO_MODEL
      this.countDuplicate(columns.model[row]!, columns.version[row]!)
    }
  }

  private countGathered(): void {
    const { gathered } = this
    if (gathered === null || gathered.count === 0) return
    const { model } = gathered.columns
    for (let row = 0; row < gathered.count; row++) if (model[row] !== NO_MODEL) this.models[model[row]!]?.targets.add(row)
    this.countRows(gathered.columns)
    gathered.clear()
  }

  /** Rows that have been dealt to the models. */
  private countRows(columns: RowColumns): void {
    for (const model of this.models) {
      if (model === null || model.targets.count === 0) continue
      model.targets.resolve(model.table, columns)
      for (const filler of model.fillers) filler(model.table, model.targets, columns)
      model.units?.add(model.targets.rows, model.targets.count, columns)
      model.targets.clear()
    }
  }

  /** Pairs are few, and are counted where they stand: nothing of them is gathered. */
  private countPairs(from: number, to: number, status: Uint8Array | null, pairs: PairColumns): void {
    const { model } = this.columns
    for (let row = from; row < to; row++) {
      if (pairs.isPair[row] !== 1 || (status !== null && status[row] !== COUNTED)) continue
      const at = this.models[model[row]!]
      if (at) at.paired?.add(at.table, row, pairs)
    }
  }

  private countDuplicate(index: number, version: number): void {
    const model = this.models[index]
    if (model) countDuplicate(model, version)
  }
}

function modelMeasure(
  layout: ModelLayout,
  input: Pick<InputLayout, 'dimensions'>,
  blocks: readonly Block[],
  unitBlocks: readonly Block[],
): ModelMeasure | null {
  if (blocks.length === 0) return null
  return {
    layout,
    table: new CellTable(layout, blocks, wholeDimension(layout, input)),
    targets: new RowTargets(layout, input),
    fillers: blocks.filter((block) => block.kind !== 'duplicate').map(fillerOf),
    duplicateBlock: blocks.find((block) => block.kind === 'duplicate') ?? null,
    units: unitBlocks.length === 0 ? null : new UnitBuckets(layout, unitBlocks, blocks),
    paired: pairedCounts(layout, blocks),
    blockHashes: new Map([...blocks, ...unitBlocks].map((block) => [block.id, block.hash])),
  }
}

function pairedCounts(layout: ModelLayout, blocks: readonly Block[]): PairCounts | null {
  const paired = blocks.filter(({ kind }) => kind === 'paired' || kind === 'paired-scores')
  return paired.length === 0 ? null : new PairCounts(layout, paired)
}

/** Duplicates are counted for the version as a whole: they are a fault of the traffic, not of a segment. */
function countDuplicate(model: ModelMeasure, version: number): void {
  const block = model.duplicateBlock
  if (block === null) return
  const allScope = model.layout.scopes.findIndex((scope) => scope.name === ALL_SCOPE)
  const row = model.table.row(version, allScope, 0)
  model.table.counts[row * model.table.countWidth + block.countOffset]!++
}
