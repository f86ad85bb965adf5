/** Records that were looked at, added up: how many could be used, what was in them for each model, which ids lay in which partition. */
import {
  type DescribedOutcomeBatch,
  type DropReason,
  FIELD_MISSING,
  FIELD_OK,
  FIELD_UNSEEN,
  type OutcomeBatch,
  type PredictionBatch,
  type RecordBatch,
  type Rejected,
} from '../domain.ts'
import type { Block, Layout } from '../policy/layout.ts'

/** So many different complaints are kept of one reason. */
const EXAMPLES_MAX = 5

export interface Refused {
  count: number
  readonly examples: string[]
}

export interface SlotSample {
  missing: number
  /** Of another type, or not finite. */
  mistyped: number
  /** Beyond the bins, or none of the known values. */
  outside: number
}

/** Of one model. Requests that failed owe neither score, latency nor features: those are asked of `served` rows. */
export interface ModelSample {
  rows: number
  served: number
  /** By index of the layout's versions. */
  readonly versions: number[]
  scoreAbsent: number
  scoreOutside: number
  latencyAbsent: number
  unitAbsent: number
  /** By block of the layout. */
  readonly features: ReadonlyMap<string, SlotSample>
  /** By slot of a dimension: rows without a known value. */
  readonly otherSegments: number[]
}

export interface InputSample {
  readonly topic: string
  records: number
  readonly refused: Map<DropReason, Refused>
  /** Record time of the newest, by partition; partitions without records are left out. */
  readonly newestMs: Map<number, number>
  /** Partition by the hash of an id. */
  readonly ids: Map<string, number>
  /** In the order of the layout; empty for outcomes. */
  readonly models: readonly ModelSample[]
}

export function emptySample(topic: string, layout: Layout | null): InputSample {
  const models = (layout?.models ?? []).map(
    (model): ModelSample => ({
      ...{ rows: 0, served: 0, scoreAbsent: 0, scoreOutside: 0, latencyAbsent: 0, unitAbsent: 0 },
      versions: model.versions.map(() => 0),
      features: new Map(featureBlocks(model).map(({ id }) => [id, { missing: 0, mistyped: 0, outside: 0 }])),
      otherSegments: (layout?.predictions.dimensions ?? []).map(() => 0),
    }),
  )
  return { topic, records: 0, refused: new Map(), newestMs: new Map(), ids: new Map(), models }
}

export function featureBlocks({ exposureBlocks }: { readonly exposureBlocks: readonly Block[] }): readonly Block[] {
  return exposureBlocks.filter(({ kind }) => kind === 'feature' || kind === 'category')
}

/** Every record of a batch, whether it could be used or not. */
export function addRecords(sample: InputSample, { count, partition, timestampMs }: RecordBatch, rejected: readonly Rejected[]): void {
  sample.records += count
  for (let row = 0; row < count; row++) sample.newestMs.set(partition, Math.max(sample.newestMs.get(partition) ?? -1, timestampMs[row]!))
  for (const { reason, detail } of rejected) {
    const refused = sample.refused.get(reason) ?? { count: 0, examples: [] }
    refused.count++
    if (refused.examples.length < EXAMPLES_MAX && !refused.examples.includes(detail)) refused.examples.push(detail)
    sample.refused.set(reason, refused)
  }
}

export function addIds(sample: InputSample, { count, id1, id2 }: PredictionBatch | OutcomeBatch, partition: number): void {
  for (let row = 0; row < count; row++) if (id1[row] !== 0 || id2[row] !== 0) sample.ids.set(`${id1[row]}:${id2[row]}`, partition)
}

export function addPredictions(sample: InputSample, batch: PredictionBatch | DescribedOutcomeBatch, layout: Layout): void {
  for (let row = 0; row < batch.count; row++) {
    const index = batch.model[row]!
    const model = sample.models[index]!
    model.rows++
    model.versions[batch.version[row]!]!++
    if (batch.unit1[row] === 0 && batch.unit2[row] === 0) model.unitAbsent++
    for (const [slot, { values }] of layout.predictions.dimensions.entries())
      if (batch.dimensions[slot]?.[row] === values.length - 1) model.otherSegments[slot]!++
    if (batch.error[row] !== 0) continue
    addServed(model, batch, row)
    for (const block of featureBlocks(layout.models[index]!)) addFeature(model.features.get(block.id)!, block, batch, row)
  }
}

function addServed(model: ModelSample, { score, latencyMs }: PredictionBatch, row: number): void {
  model.served++
  const value = score[row]!
  if (Number.isNaN(value)) model.scoreAbsent++
  else if (value < 0 || value > 1) model.scoreOutside++
  if (Number.isNaN(latencyMs[row]!)) model.latencyAbsent++
}

/** Self-describing outcomes have no features: the columns are not there. */
function addFeature(sample: SlotSample, { kind, slot, edges }: Block, batch: PredictionBatch, row: number): void {
  const symbol = kind === 'category' ? batch.symbols[slot]?.[row] : undefined
  const state = kind === 'category' ? Math.max(FIELD_OK, -(symbol ?? FIELD_OK)) : batch.numberStates[slot]?.[row]
  if (state === FIELD_MISSING) sample.missing++
  else if (state === FIELD_UNSEEN) sample.outside++
  else if (state !== undefined && state !== FIELD_OK) sample.mistyped++
  else if (kind === 'feature') {
    const value = batch.numbers[slot]?.[row] ?? Number.NaN
    if (value < edges[0]! || value > edges.at(-1)!) sample.outside++
  }
}
