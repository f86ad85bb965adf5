/**
 * One synthetic request as the values of its record: which path of the user's record holds what. The policy's field mapping is read
 * backwards here: what ingest would find there is put there.
 *
 * Both arms are drawn from the same chance; only harm tells them apart.
 */
import type { Random } from '../kit/random.ts'
import { type Block, type FieldPath, type InputLayout, type Layout, type ModelLayout, OTHER_VALUE } from '../policy/layout.ts'
import type { Scenario } from './scenario.ts'

/** A time: a number or a text, as the format asks. */
export interface TimeValue {
  readonly ms: number
  /** Of the number: times this it is milliseconds. */
  readonly scale: number
}

export type FieldValue = string | number | boolean | TimeValue

export interface Placed {
  readonly path: readonly string[]
  readonly value: FieldValue
}

export interface Asked {
  readonly id: string
  readonly unit: string
  readonly version: string
  readonly nowMs: number
  /** What is wrong with this one; null: nothing. */
  readonly harm: Scenario | null
}

const FAILING_SHARE = 0.5
const SLOWER = 16
/** Latencies of a healthy request spread over two octaves. */
const OCTAVES = 2

export function placesOf(asked: Asked, random: Random, shadow: ModelLayout, layout: Layout): readonly Placed[] {
  const { fields } = layout.predictions
  const score = 0.2 + 0.6 * random()
  const failed = random() < FAILING_SHARE && fails(asked.harm)
  const found: (Placed | null)[] = [
    place(fields.id, asked.id),
    place(fields.model, shadow.name),
    place(fields.version, asked.version),
    place(fields.unit, asked.unit),
    fields.time === null ? null : place(fields.time, { ms: asked.nowMs, scale: fields.time.scale }),
    place(fields.score, scaled(score, fields.score)),
    samePath(fields.decision, fields.score) ? null : truth(fields.decision, score >= 0.5),
    place(fields.latency, scaled(latencyOf(shadow, asked.harm, random), fields.latency)),
    truth(fields.error, failed),
    ...segments(layout.predictions, shadow, random),
    ...shadow.exposureBlocks.map((block) =>
      block.kind === 'tail'
        ? resource(block, layout.predictions, shadow.plan, random)
        : feature(block, layout.predictions, asked.harm, random),
    ),
  ]
  return found.filter((each) => each !== null)
}

function fails(harm: Scenario | null): boolean {
  return harm === 'errors' || harm === 'kill-judge'
}

/** A constant of the policy is in no record. */
function place(field: FieldPath | null, value: FieldValue): Placed | null {
  return field === null || field.path.length === 0 ? null : { path: field.path, value }
}

function scaled(value: number, field: FieldPath | null): number {
  return value / (field?.scale ?? 1)
}

function samePath(one: FieldPath | null, other: FieldPath | null): boolean {
  return one !== null && other !== null && one.path.join('\n') === other.path.join('\n')
}

/** A value that reads as true or as false by the policy's own test. */
function truth(field: FieldPath | null, value: boolean): Placed | null {
  const test = field?.test ?? null
  if (test === null || test.kind === 'truthy') return place(field, value)
  if (test.kind === 'atLeast') return place(field, scaled(value ? test.limit : Math.min(0, test.limit - 1), field))
  return place(field, value ? test.text : otherThan(test.text))
}

function otherThan(text: string): string {
  return text === 'true' ? 'false' : text === '1' ? '0' : 'none'
}

/** Well within the latency bins, and below every limit that the policy names. */
function latencyOf({ exposureBlocks, plan }: ModelLayout, harm: Scenario | null, random: Random): number {
  const block = exposureBlocks.find(({ kind }) => kind === 'latency')
  if (block === undefined) return 1
  const lastMs = block.firstMs * 2 ** ((block.bins - 1) / block.perOctave)
  const limits = limitsOn(block, plan)
  const highestMs = Math.min(Math.sqrt(block.firstMs * lastMs), ...limits.map((limit) => limit / 2))
  const healthyMs = highestMs * 2 ** (-OCTAVES * random())
  return harm === 'slow' ? Math.max(SLOWER * healthyMs, ...limits.map((limit) => 2 * limit)) : healthyMs
}

/** Of the guardrails and ceilings that read the block. */
function limitsOn(block: Block, { guardrails, steady = [] }: ModelLayout['plan']): readonly number[] {
  const counted = [...guardrails, ...steady.flatMap(({ counts }) => counts ?? [])]
  return counted.filter(({ blocks }) => blocks.includes(block.id)).flatMap(({ thresholdsMs }) => thresholdsMs)
}

/** Of a tail: nothing is said of its resource but what the bins hold. */
function resource(block: Block, { numbers }: InputLayout, plan: ModelLayout['plan'], random: Random): Placed | null {
  const { path } = numbers[block.slot]!
  const highest = block.firstMs * 2 ** ((block.bins - 1) / block.perOctave)
  const healthy = Math.min(highest / SLOWER, ...limitsOn(block, plan).map((limit) => limit / 2)) * 2 ** (-OCTAVES * random())
  return place(path, scaled(healthy, path))
}

function segments(input: InputLayout, shadow: ModelLayout, random: Random): (Placed | null)[] {
  return shadow.dimensionSlots.map((slot) => {
    const { path, values } = input.dimensions[slot]!
    return place(
      path,
      oneOf(
        values.filter((value) => value !== OTHER_VALUE),
        random,
      ),
    )
  })
}

/** Null for blocks that are no feature's. */
function feature(block: Block, input: InputLayout, harm: Scenario | null, random: Random): Placed | null {
  if (block.kind === 'category') {
    const { path, values } = input.symbols[block.slot]!
    return place(path, harm === 'skew' ? values.at(-1)! : oneOf(values, random))
  }
  if (block.kind !== 'feature') return null
  const [low, high] = [block.edges[0]!, block.edges.at(-1)!]
  const { path } = input.numbers[block.slot]!
  const from = harm === 'skew' ? block.edges.at(-2)! : low
  return place(path, scaled(from + (high - from) * random(), path))
}

function oneOf(values: readonly string[], random: Random): string {
  return values[Math.floor(random() * values.length)] ?? ''
}
