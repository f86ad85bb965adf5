/**
 * Suggested bins: twenty of like size for numbers, the most frequent values for labels.
 *
 * JSON records are looked at as they are, so features that the policy does not name yet are found: those it maps, else all below
 * `features`. Of other formats only the numbers that the policy names are known.
 */
import type { PredictionBatch } from '../domain.ts'
import { type Random, seededRandom } from '../kit/random.ts'
import type { Layout, ModelLayout } from '../policy/layout.ts'
import type { ProfileModel } from '../policy/profile.ts'

type Suggestion = ProfileModel['suggestions'][number]

const BINS = 20
const VALUES_MAX = 64
/** Values kept of one feature: quantiles of a sample so large are within half a percent. */
const SAMPLE = 50_000
/** Different labels counted of one feature: an id is no feature. */
const LABELS_MAX = 10_000

interface Sample {
  rows: number
  readonly numbers: number[]
  readonly labels: Map<string, number>
  labelRows: number
}

export class FeatureSamples {
  private readonly layout: Layout
  /** Feature → steps into the record; empty: whatever lies below `features`. */
  private readonly mapped: ReadonlyMap<string, readonly string[]>
  private readonly samples = new Map<string, Sample>()
  private readonly random: Random = seededRandom(1)

  /** `mapped`: names under inputs.predictions.features with their paths, as `name=path`. */
  constructor(layout: Layout, mapped: readonly string[]) {
    this.layout = layout
    const declared = [...layout.predictions.numbers.filter(isFeature), ...layout.predictions.symbols].map(
      ({ name, path }) => [name, path.path] as const,
    )
    const named = mapped.map((each) => [each.slice(0, each.indexOf('=')), each.slice(each.indexOf('=') + 1).split('.')] as const)
    this.mapped = new Map([...named, ...declared])
  }

  add(batch: PredictionBatch, row: number, value: Buffer): void {
    const model = batch.model[row]!
    if (this.layout.predictions.format !== 'json') {
      for (const [slot, number] of this.layout.predictions.numbers.entries()) {
        if (isFeature(number)) this.put(model, number.name, batch.numbers[slot]![row]!)
      }
      return
    }
    const record: unknown = JSON.parse(value.toString('utf8'))
    for (const [name, steps] of this.mapped) this.put(model, name, memberAt(record, steps))
    const native = memberAt(record, ['features'])
    if (typeof native !== 'object' || native === null) return
    for (const [name, member] of Object.entries(native)) if (!this.mapped.has(name)) this.put(model, name, member)
  }

  suggestions(model: ModelLayout): Suggestion[] {
    const mine = [...this.samples].filter(([key]) => key.startsWith(`${model.index} `))
    return mine.flatMap(([key, sample]) => suggestionOf(key.slice(key.indexOf(' ') + 1), sample) ?? [])
  }

  private put(model: number, feature: string, value: unknown): void {
    const isNumber = typeof value === 'number' && Number.isFinite(value)
    const isLabel = typeof value === 'string' || typeof value === 'boolean'
    if (!isNumber && !isLabel) return
    const key = `${model} ${feature}`
    let sample = this.samples.get(key)
    if (sample === undefined) this.samples.set(key, (sample = { rows: 0, numbers: [], labels: new Map(), labelRows: 0 }))
    sample.rows += 1
    if (isNumber) this.keep(sample, value)
    else countLabel(sample, String(value))
  }

  /** Every value has the same chance to be among those kept. */
  private keep(sample: Sample, value: number): void {
    const seen = sample.rows - sample.labelRows
    if (sample.numbers.length < SAMPLE) sample.numbers.push(value)
    else {
      const place = Math.floor(this.random() * seen)
      if (place < SAMPLE) sample.numbers[place] = value
    }
  }
}

/** What requests use has bounds, and is no input. */
function isFeature({ resource }: Layout['predictions']['numbers'][number]): boolean {
  return resource === undefined
}

function countLabel(sample: Sample, label: string): void {
  sample.labelRows += 1
  const known = sample.labels.get(label)
  if (known !== undefined || sample.labels.size < LABELS_MAX) sample.labels.set(label, (known ?? 0) + 1)
}

function memberAt(record: unknown, steps: readonly string[]): unknown {
  let member = record
  for (const step of steps) {
    if (typeof member !== 'object' || member === null || !Object.hasOwn(member, step)) return undefined
    member = (member as Record<string, unknown>)[step]
  }
  return member
}

/** Numbers when most values are; nothing for a feature that never varies among numbers. */
function suggestionOf(feature: string, sample: Sample): Suggestion | null {
  if (sample.labelRows * 2 > sample.rows) {
    const frequent = [...sample.labels].sort(([one, many], [other, few]) => few - many || (one < other ? -1 : 1))
    return { feature, rows: sample.rows, values: frequent.slice(0, VALUES_MAX).map(([value]) => value) }
  }
  const edges = quantileEdges(sample.numbers)
  return edges.length < 2 ? null : { feature, rows: sample.rows, edges }
}

/** Ascending, no two alike; the ends hold every value seen. */
export function quantileEdges(values: readonly number[]): number[] {
  const sorted = Float64Array.from(values).sort()
  const last = sorted.length - 1
  if (last < 1) return []
  const inner = Array.from({ length: BINS - 1 }, (_, index) => Number(sorted[Math.round(((index + 1) * last) / BINS)]!.toPrecision(6)))
  const edges = [sorted[0]!, ...inner.filter((edge) => edge > sorted[0]! && edge < sorted[last]!), sorted[last]!]
  return [...new Set(edges)]
}
