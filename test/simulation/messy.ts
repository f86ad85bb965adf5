/**
 * Input with everything that goes wrong in it, and beside each record what an independent batch program needs to know of it:
 * duplicates, producers whose clocks are wrong, outcomes before their predictions, late, missing, twice, contradicting, broken records.
 */
import { hashLanes, partitionOf } from '../../src/kit/hash.ts'
import { type Random, seededRandom } from '../../src/kit/random.ts'
import type { TruthEvent } from '../measure/batch-truth.ts'
import type { Placed } from './traffic.ts'

export interface Messy {
  readonly predictions: readonly Placed[]
  readonly outcomes: readonly Placed[]
  /** Per partition, in the order of the log. */
  readonly truth: readonly { readonly predictions: readonly TruthEvent[]; readonly outcomes: readonly TruthEvent[] }[]
}

export const MESSY_MODELS = ['churn', 'price'] as const
const REGIONS = ['eu', 'us', 'asia']
const DEVICES = ['a', 'b', 'c', 'z']
const MAX_SKEW_MS = 30_000

interface Drawn {
  readonly partition: number
  /** When it reaches the log. */
  readonly arrivesMs: number
  readonly event: Omit<TruthEvent, 'offset'>
  readonly text: string
  readonly key: string
}

export function messy(seed: number, partitions: number, startMs: number, durationMs: number, perSecond: number): Messy {
  const random = seededRandom(seed)
  const predictions: Drawn[] = []
  const outcomes: Drawn[] = []
  const count = Math.floor((durationMs / 1000) * perSecond)
  for (let index = 1; index <= count; index++) {
    const arrivesMs = startMs + (index * 1000) / perSecond
    const partition = Math.floor(random() * partitions)
    const again = random() < 0.03 ? earlier(predictions, partition, random) : null
    const drawn = draw(random, again ?? index, partition, partitions, arrivesMs)
    predictions.push(drawn)
    if (drawn.event.broken === undefined) outcomes.push(...outcomesOf(random, drawn))
  }
  outcomes.push(...strangers(random, partitions, startMs, durationMs))
  outcomes.sort((a, b) => a.arrivesMs - b.arrivesMs)
  const endMs = startMs + durationMs
  predictions.push(...closing(partitions, endMs, 700_000, '{"id":"end","time":1,"model":"nobody","version":"v1"}', 'unknown-model'))
  outcomes.push(...closing(partitions, endMs, 800_000, 'the end', 'undecodable'))
  const truth = Array.from({ length: partitions }, (_, partition) => ({
    predictions: numbered(predictions, partition),
    outcomes: numbered(outcomes, partition),
  }))
  return { predictions: predictions.map(placed), outcomes: outcomes.map(placed), truth }
}

const placed = ({ partition, event, text, key }: Drawn): Placed => ({
  partition,
  record: { key, value: Buffer.from(text), timestampMs: event.atMs },
})

function numbered(all: readonly Drawn[], partition: number): TruthEvent[] {
  return all.filter((one) => one.partition === partition).map(({ event }, offset) => ({ ...event, offset }))
}

/** Wrong by seconds as a rule; by minutes for a single record now and then, and for a whole burst of them never. */
function recordTimeMs(random: Random, arrivesMs: number): number {
  const dice = random()
  const skewMs = dice < 0.5 ? 0 : dice < 0.7 ? 4000 : dice < 0.98 ? -3000 : MAX_SKEW_MS * 20
  return Math.floor(arrivesMs + skewMs)
}

function earlier(predictions: readonly Drawn[], partition: number, random: Random): number | null {
  const back = random() < 0.7 ? 60 : 4000
  const candidates = predictions.slice(-back).filter((one) => one.partition === partition && one.event.broken === undefined)
  return candidates.length === 0 ? null : candidates[Math.floor(random() * candidates.length)]!.event.id
}

const EMPTY = {
  id: 0,
  model: 0,
  version: 0,
  unit: 0,
  home: 0,
  error: 0,
  decision: 2,
  score: Number.NaN,
  latencyMs: Number.NaN,
  number: Number.NaN,
  numberState: 1,
  symbol: -1,
  region: 2,
  label: Number.NaN,
  value: Number.NaN,
}

function draw(random: Random, id: number, partition: number, partitions: number, arrivesMs: number): Drawn {
  const pick = (count: number) => Math.floor(random() * count)
  const atMs = recordTimeMs(random, arrivesMs)
  const [model, version, region, device, unit] = [pick(2), pick(2), pick(3), pick(5), 1 + pick(400)]
  const score = random() < 0.05 ? Number.NaN : Math.round(random() * 1000) / 1000
  const age = random() < 0.1 ? 'old' : random() < 0.1 ? undefined : Math.round(random() * 1100) / 10 - 5
  const latencyMs = random() < 0.05 ? Number.NaN : Math.round(1 + random() ** 4 * 5000)
  const error = random() < 0.05 ? 1 : 0
  const record: Record<string, unknown> = {
    id: `p${id}`,
    time: arrivesMs,
    model: MESSY_MODELS[model],
    version: `v${version + 1}`,
    unit: `u${unit}`,
  }
  Object.assign(record, { region: REGIONS[region], error: error === 1, features: { age, device: DEVICES[device] } })
  if (!Number.isNaN(score)) record['score'] = score
  if (!Number.isNaN(latencyMs)) record['latencyMs'] = latencyMs
  const broken = breakOne(random, record)
  const known = { id, model, version, unit, unitLanes: lanesOf(`u${unit}`), error, score, latencyMs, region }
  const event = {
    ...EMPTY,
    ...known,
    atMs,
    home: partitionOf(Buffer.from(`u${unit}`), partitions) === partition ? 1 : 0,
    decision: Number.isNaN(score) ? 2 : score >= 0.5 ? 1 : 0,
    number: typeof age === 'number' ? age : Number.NaN,
    numberState: typeof age === 'number' ? 0 : age === undefined ? 1 : 2,
    symbol: device === 4 ? -1 : device === 3 ? -4 : device,
    ...(broken === null ? {} : { broken: broken.reason }),
  }
  return { partition, arrivesMs, event, key: `u${unit}`, text: broken?.text ?? JSON.stringify(record) }
}

function lanesOf(text: string): readonly [number, number] {
  const lanes = new Int32Array(2)
  hashLanes(Buffer.from(text), 0, Buffer.byteLength(text), lanes)
  return [lanes[0]!, lanes[1]!]
}

function breakOne(random: Random, record: Record<string, unknown>): { reason: string; text: string } | null {
  const dice = random()
  if (dice > 0.04) return null
  const { id, ...nameless } = record
  if (dice < 0.01) return { reason: 'undecodable', text: JSON.stringify(record).slice(0, -3) }
  if (dice < 0.02) return { reason: 'missing-field', text: JSON.stringify(nameless) }
  if (dice < 0.03) return { reason: 'unknown-model', text: JSON.stringify({ ...record, model: 'nobody' }) }
  return { reason: 'unknown-version', text: JSON.stringify({ ...record, version: 'v9', id }) }
}

function outcomesOf(random: Random, prediction: Drawn): Drawn[] {
  if (random() < 0.15) return []
  const label = random() < 0.4 ? 1 : 0
  const dice = random()
  const delayMs = dice < 0.1 ? -random() * 8000 : dice < 0.85 ? random() * 50_000 : 50_000 + random() * 200_000
  const first = outcome(random, prediction, prediction.arrivesMs + delayMs, label)
  if (random() > 0.06) return [first]
  const second = outcome(random, prediction, prediction.arrivesMs + random() * 55_000, random() < 0.5 ? label : 1 - label)
  return [first, second]
}

function outcome(random: Random, { event, partition, key }: Drawn, arrivesMs: number, label: number): Drawn {
  const broken = random() < 0.01
  const text = JSON.stringify({ id: `p${event.id}`, time: arrivesMs, label })
  const known = { ...EMPTY, id: event.id, atMs: recordTimeMs(random, arrivesMs), label, ...(broken ? { broken: 'undecodable' } : {}) }
  return { partition, arrivesMs, event: known, key, text: broken ? text.slice(1) : text }
}

/** Outcomes of predictions that never were. */
function strangers(random: Random, partitions: number, startMs: number, durationMs: number): Drawn[] {
  return Array.from({ length: 40 }, (_, index) => {
    const arrivesMs = startMs + random() * durationMs
    const event = { ...EMPTY, id: 1_000_000 + index, atMs: Math.floor(arrivesMs), label: 1 }
    const text = JSON.stringify({ id: `p${event.id}`, time: arrivesMs, label: 1 })
    return { partition: Math.floor(random() * partitions), arrivesMs, event, key: 'stranger', text }
  })
}

/** Records that cannot be used, whose times move the clocks on until everything before them is final and settled. */
function closing(partitions: number, endMs: number, forMs: number, text: string, broken: string): Drawn[] {
  const drawn: Drawn[] = []
  for (let atMs = endMs + 1000; atMs < endMs + forMs; atMs += 20_000) {
    for (let partition = 0; partition < partitions; partition++) {
      drawn.push({ partition, arrivesMs: atMs, event: { ...EMPTY, atMs, broken }, key: 'end', text })
    }
  }
  return drawn
}
