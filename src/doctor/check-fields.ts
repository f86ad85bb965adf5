/** The policy held against live records: which models and versions there are, and what each guardrail would find of what it reads. */
import type { InputLayout, ModelLayout } from '../policy/layout.ts'
import type { About, Facts } from './facts.ts'
import { type Finding, type FindingId, finding } from './findings.ts'
import { featureBlocks, type InputSample, type ModelSample, type SlotSample } from './sample.ts'
import { holdsNothing, percent, upon } from './words.ts'

/** Fewer records say little about what is never there. */
const ROWS_MIN = 20
const SPARSE_SHARE = 0.2
const ODD_SHARE = 0.5

export function fieldFindings({ about, predictions }: Facts): readonly Finding[] | null {
  if (holdsNothing(predictions)) return null
  return upon('fields', [predictions], (sample) =>
    about.layout.models.flatMap((model) => (model.shadow ? [] : ofModel(model, sample, about))),
  )
}

interface Looked {
  readonly model: ModelLayout
  readonly sample: ModelSample
  readonly input: InputLayout
  readonly policy: string
}

function ofModel(model: ModelLayout, { models, records }: InputSample, { layout, policy }: About): readonly Finding[] {
  const sample = models[model.index]!
  if (sample.rows === 0) return records < ROWS_MIN ? [] : [finding('fields', 'model-never-seen', { policy, model: model.name, records })]
  if (sample.rows < ROWS_MIN) return []
  const looked: Looked = { model, sample, input: layout.predictions, policy }
  return [...versions(looked), ...served(looked), ...segments(looked), ...features(looked)]
}

function said({ model, sample, policy }: Looked, id: FindingId, detail: Readonly<Record<string, string | number>>): Finding {
  return finding('fields', id, { policy, model: model.name, records: sample.served, ...detail })
}

function versions(looked: Looked): readonly Finding[] {
  const { model, sample } = looked
  const arms = [['control', model.control] as const, ['candidate', model.candidate] as const]
  return arms.flatMap(([arm, index]) =>
    sample.versions[index] === 0
      ? [said(looked, 'version-never-seen', { arm, version: model.versions[index]!, records: sample.rows })]
      : [],
  )
}

/** Score, latency and unit: what is in no record at all. */
function served(looked: Looked): readonly Finding[] {
  const { model, sample } = looked
  const { served: count, scoreAbsent, latencyAbsent, unitAbsent, scoreOutside, rows } = sample
  const hasBins = model.exposureBlocks.some(({ kind }) => kind === 'score')
  return [
    ...(count > 0 && scoreAbsent === count ? without(looked, 'score', ['score', 'probability']) : []),
    ...(count > 0 && latencyAbsent === count ? without(looked, 'latency', ['latency']) : []),
    ...(model.hasUnits && unitAbsent === rows
      ? [said(looked, 'field-absent', { field: 'unit', needs: 'evidence from first exposures' })]
      : []),
    ...(hasBins && scoreOutside > count * SPARSE_SHARE ? [said(looked, 'score-outside', { share: percent(scoreOutside, count) })] : []),
  ]
}

/** Guardrails that nobody named are asked nothing where their numbers turn out not to exist. */
function without(looked: Looked, field: string, kinds: readonly string[]): readonly Finding[] {
  const { plan, exposureBlocks, horizons, describedBlocks } = looked.model
  const all = [...exposureBlocks, ...horizons.flatMap(({ blocks }) => blocks), ...describedBlocks]
  const reading = plan.guardrails.filter(({ blocks }) => all.some(({ id, kind }) => kinds.includes(kind) && blocks.includes(id)))
  const asked = reading.filter(({ implied }) => implied === undefined)
  if (asked.length > 0) return [said(looked, 'field-absent', { field, needs: asked.map(({ name }) => name).join(', ') })]
  return reading.length > 0 ? [said(looked, 'field-unused', { field })] : []
}

function segments(looked: Looked): readonly Finding[] {
  const { model, sample, input } = looked
  return model.dimensionSlots.flatMap((slot) =>
    sample.otherSegments[slot] === sample.rows
      ? [said(looked, 'segment-unknown', { segment: input.dimensions[slot]!.name, records: sample.rows })]
      : [],
  )
}

function features(looked: Looked): readonly Finding[] {
  const { model, sample, input } = looked
  return featureBlocks(model).flatMap((block) => {
    const { name, path } = (block.kind === 'category' ? input.symbols : input.numbers)[block.slot]!
    const id = featureFinding(sample.features.get(block.id)!, sample.served, block.kind === 'category')
    if (id === null) return []
    const [finds, count] = id
    return [said(looked, finds, { feature: name, path: path.path.join('.'), share: percent(count, sample.served) })]
  })
}

/** The gravest thing about it, and in how many records. */
function featureFinding({ missing, mistyped, outside }: SlotSample, served: number, isCategory: boolean): [FindingId, number] | null {
  if (served === 0) return null
  if (missing === served) return ['feature-absent', missing]
  if (mistyped > served * ODD_SHARE) return ['feature-mistyped', mistyped]
  if (missing > served * SPARSE_SHARE) return ['feature-sparse', missing]
  if (outside > served * ODD_SHARE) return [isCategory ? 'category-unseen' : 'feature-outside', outside]
  return null
}
