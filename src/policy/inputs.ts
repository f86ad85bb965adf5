/**
 * Input topics of the policy → InputLayouts. Feature and segment slots are shared by all models of an input: one slot per name,
 * and one more where two models tell different values of it apart.
 */
import { resolve } from 'node:path'
import { rekeyedTopics } from '../kit/topics.ts'
import { decisionFromScore, type FieldSpec, fieldPath } from './fields.ts'
import { type FieldPath, type InputLayout, OTHER_VALUE } from './layout.ts'
import type { DescribedInput, OutcomesInput, Policy, PolicyModel, PredictionsInput } from './policy.ts'

type Transport = Pick<PredictionsInput, 'topic' | 'format' | 'schemaFile' | 'registry'>
type Fields = InputLayout['fields']
type SlotPath = string | { readonly path: string | string[]; readonly default?: string | number | undefined }

/** An input of which nothing is mapped. */
export const NO_FIELDS: Fields = {
  id: null,
  time: null,
  model: null,
  version: null,
  unit: null,
  score: null,
  decision: null,
  latency: null,
  error: null,
  label: null,
  value: null,
}

/** Paths inside the policy's files are relative to the folder it lies in. */
export function predictionsLayout(policy: Policy, folder: string): InputLayout {
  const input = policy.inputs.predictions
  const models = Object.values(policy.models)
  return {
    ...transportLayout(input, folder),
    ...rekeyedTopic(policy, 'predictions'),
    fields: { ...NO_FIELDS, ...predictionFields(input.fields, models) },
    numbers: numberSlots(input, models),
    symbols: symbolSlots(input, models),
    dimensions: dimensionSlots(input.segments, models),
  }
}

export function outcomesLayout(policy: Policy, folder: string): InputLayout | null {
  const input: OutcomesInput | undefined = policy.inputs.outcomes
  if (input === undefined) return null
  const { id, time, label, value } = input.fields
  const fields = { id: fieldPath(id, 'text', 'id'), time: fieldPath(time, 'time', 'time'), ...outcomeFields(label, value) }
  return {
    ...transportLayout(input, folder),
    ...rekeyedTopic(policy, 'outcomes'),
    fields: { ...NO_FIELDS, ...fields },
    numbers: [],
    symbols: [],
    dimensions: [],
  }
}

/** Rekeyed inputs are measured from the topic they are written into. */
function rekeyedTopic({ inputs, kafka }: Policy, name: 'predictions' | 'outcomes'): Partial<Pick<InputLayout, 'topic' | 'rekeyedFrom'>> {
  const input = inputs[name]
  return input?.rekey ? { topic: rekeyedTopics(kafka.prefix)[name], rekeyedFrom: input.topic } : {}
}

/** Dimension slots are those of the predictions, in the same order: scopes mean the same on every chain. */
export function describedLayout(policy: Policy, folder: string): InputLayout | null {
  const input: DescribedInput | undefined = policy.inputs.described
  if (input === undefined) return null
  const models = Object.values(policy.models)
  const { label, value, ...served } = input.fields
  return {
    ...transportLayout(input, folder),
    fields: { ...NO_FIELDS, ...predictionFields(served, models), ...outcomeFields(label, value) },
    numbers: [],
    symbols: [],
    dimensions: dimensionSlots(input.segments ?? policy.inputs.predictions.segments, models),
  }
}

function transportLayout(input: Transport, folder: string) {
  const { directory, url } = input.registry ?? {}
  const registry =
    directory !== undefined
      ? { kind: 'directory' as const, location: resolve(folder, directory) }
      : url !== undefined
        ? { kind: 'http' as const, location: url }
        : null
  const schemaFile = input.schemaFile === undefined ? null : resolve(folder, input.schemaFile)
  return { topic: input.topic, format: input.format, schemaFile, registry }
}

function predictionFields(fields: PredictionsInput['fields'], models: readonly PolicyModel[]) {
  const score = fieldPath(fields.score, 'number', 'score')
  return {
    id: fieldPath(fields.id, 'text', 'id'),
    time: fieldPath(fields.time, 'time', 'time'),
    model: fieldPath(fields.model, 'text', 'model'),
    version: fieldPath(fields.version, 'text', 'version'),
    unit: fieldPath(fields.unit, 'text', null),
    score,
    decision: fields.decision === undefined ? decisionFromScore(score, models) : fieldPath(fields.decision, 'truth', null),
    latency: fieldPath(fields.latency, 'number', 'latencyMs'),
    error: fieldPath(fields.error, 'truth', 'error'),
  }
}

function outcomeFields(label: FieldSpec, value: FieldSpec) {
  return { label: fieldPath(label, 'truth', 'label'), value: fieldPath(value, 'number', null) }
}

// ── slots ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

function slotPath(mapped: Readonly<Record<string, SlotPath>> | undefined, name: string, native: string): FieldPath {
  const spec = mapped === undefined ? `${native}.${name}` : mapped[name]
  const path = fieldPath(spec, 'number', null)
  if (path === null) throw new Error(`${native} ${name} is not mapped: the check lets no such policy through`)
  return path
}

function numberSlots(input: PredictionsInput, models: readonly PolicyModel[]): InputLayout['numbers'] {
  const names = models.flatMap((model) => Object.keys(model.features).filter((name) => !('values' in model.features[name]!)))
  const features = [...new Set(names)].map((name) => ({ name, path: slotPath(input.features, name, 'features') }))
  const used = new Set(models.flatMap(({ resources = {} }) => Object.keys(resources)))
  const resources = [...used].map((name) => ({ name, path: slotPath(input.resources, name, 'resources'), resource: true as const }))
  return [...features, ...resources]
}

function symbolSlots(input: PredictionsInput, models: readonly PolicyModel[]): InputLayout['symbols'] {
  const slots = models.flatMap((model) =>
    Object.entries(model.features).flatMap(([name, feature]) =>
      'values' in feature ? [{ name, values: feature.values.map(String) }] : [],
    ),
  )
  return distinct(slots).map((slot) => ({ ...slot, path: slotPath(input.features, slot.name, 'features') }))
}

function dimensionSlots(mapped: PredictionsInput['segments'], models: readonly PolicyModel[]): InputLayout['dimensions'] {
  const slots = models.flatMap((model) =>
    Object.entries(model.segments).map(([name, values]) => ({ name, values: dimensionValues(values) })),
  )
  return distinct(slots).map((slot) => ({ ...slot, path: slotPath(mapped, slot.name, 'segments') }))
}

export function dimensionValues(values: PolicyModel['segments'][string]): string[] {
  return [...values.map(String), OTHER_VALUE]
}

interface NamedValues {
  readonly name: string
  readonly values: readonly string[]
}

function distinct<Slot extends NamedValues>(slots: readonly Slot[]): Slot[] {
  return [...new Map(slots.map((slot) => [slotKey(slot), slot])).values()]
}

/** Where a model finds a number again: that of a feature, or of a resource. */
export function numberIndex(slots: InputLayout['numbers'], wanted: string, isResource = false): number {
  return slots.findIndex(({ name, resource = false }) => name === wanted && resource === isResource)
}

/** Where a model finds its slot again. */
export function slotIndex(slots: readonly NamedValues[], wanted: NamedValues): number {
  return slots.findIndex((slot) => slotKey(slot) === slotKey(wanted))
}

function slotKey(slot: NamedValues): string {
  return JSON.stringify([slot.name, slot.values])
}
