/**
 * Traffic of users who come again and again and stay with their version: drawn with a seed, marked by the real table of first exposures,
 * counted by the real measure, judged by the real evidence.
 */
import { normal } from '../../../detectors/math/random.ts'
import type { Pane, PaneCell, PredictionBatch } from '../../../src/domain.ts'
import { FirstExposures, UnitTable } from '../../../src/join/units.ts'
import { type EvidenceState, emptyEvidence, observePane, startStage } from '../../../src/judge/evidence/evidence.ts'
import { unitBucket } from '../../../src/kit/hash.ts'
import { type Random, seededRandom } from '../../../src/kit/random.ts'
import { ChainMeasure } from '../../../src/measure/measure.ts'
import type { ModelLayout } from '../../../src/policy/layout.ts'
import { parsePolicy } from '../../../src/policy/load.ts'

export const SLICE_MS = 5_000

export interface Sticky {
  readonly seed: number
  readonly users: number
  readonly panes: number
  readonly requests: number
  /** Candidate's share in each stage; stages are equally long. */
  readonly shares: readonly number[]
  /** The candidate answers copies: the judge is told so. */
  readonly mirrored?: boolean
  /** Standard deviation of the logarithm of a user's activity. */
  readonly activity: number
  /** Error rate of the candidate on top of each user's own, from this pane on. */
  readonly harm?: { readonly fromPane: number; readonly added: number }
  /** Error rates of users; default Beta(½, 20). */
  readonly rateOf?: (random: Random) => number
  /** From this pane on the users of these buckets fail more often, whatever version they have. */
  readonly storm?: { readonly fromPane: number; readonly buckets: number; readonly added: number }
}

/** Stage of a pane: by its number, unless whoever reads decides. */
export type StageAt = (index: number) => number

function evenly({ shares, panes }: Sticky): StageAt {
  return (index) => Math.floor((shares.length * index) / panes)
}

/** One guardrail on errors; with the margin in percentage points. */
export function stickyModel(marginPoints: number): ModelLayout {
  return modelWith(`    guardrails:
      - kind: error-rate
        marginPoints: ${marginPoints}
        promote: { marginPoints: 1 }
`)
}

/** Guardrails on a feature that is each user's own for ever, like an age, and on a latency that is mostly so. */
export function habitModel(): ModelLayout {
  return modelWith(`    features:
      age: { low: 0, high: 1, bins: 10 }
    guardrails:
      - kind: feature-drift
      - kind: latency
        marginPoints: 0
        promote: { marginPoints: 2 }
`)
}

/** A model that maps units, and these keys. */
function modelWith(keys: string): ModelLayout {
  const text = `version: 1
inputs:
  predictions:
    topic: predictions
    fields:
      unit: user
models:
  fraud:
    control: v1
    candidate: v2
${keys}`
  return parsePolicy(text, 'sticky.yaml').layout.models[0]!
}

/** The same model as if requests were independent: all of them, plain. */
export function withoutUnits(model: ModelLayout): ModelLayout {
  const { unitBlocks: _, ...rest } = model
  return { ...rest, hasUnits: false }
}

interface Users {
  readonly rate: Float64Array
  /** Ascending, ends with the whole. */
  readonly activity: Float64Array
  /** On [0, 1): those below the share go to the candidate. */
  readonly place: Float64Array
  /** What they always bring along. */
  readonly habit: Float64Array
  readonly hash1: Int32Array
  readonly hash2: Int32Array
}

function usersOf(random: Random, { seed, users, activity, rateOf = (r) => beta(r, 0.5, 20) }: Sticky): Users {
  const ofHabits = seededRandom(seed + 1_000_000)
  const doubles = (of: () => number) => Float64Array.from({ length: users }, of)
  let total = 0
  return {
    rate: doubles(() => rateOf(random)),
    activity: doubles(() => (total += Math.exp(activity * normal(random)))),
    place: doubles(random),
    habit: doubles(ofHabits),
    hash1: Int32Array.from({ length: users }, () => random() * 2 ** 32),
    hash2: Int32Array.from({ length: users }, () => random() * 2 ** 32),
  }
}

/** Panes of one source with the stage each belongs to. */
export function* stickyPanes(model: ModelLayout, options: Sticky, stageAt = evenly(options)): Generator<{ pane: Pane; stage: number }> {
  const random = seededRandom(options.seed)
  const users = usersOf(random, options)
  const first = new FirstExposures(new UnitTable(0), [model], 'exposure')
  const measure = new ChainMeasure([model], { dimensions: [] }, 'exposure', (each) => each.exposureBlocks)
  const hasHabits = model.exposureBlocks.some((block) => block.kind === 'feature')
  const batch = emptyBatch(options.requests, hasHabits ? 1 : 0)
  const marks = new Uint8Array(options.requests)
  for (let index = 0; index < options.panes; index += 1) {
    const stage = stageAt(index)
    fill(batch, random, users, index, options, options.shares[stage]!)
    for (let row = 0; row < batch.count; row += 1) {
      const isFirst = first.isFirst(0, batch.version[row]!, batch.unit1[row]!, batch.unit2[row]!, batch.offset[row]!)
      marks[row] = isFirst ? 1 : 0
    }
    measure.predictions(batch, 0, batch.count, new Uint8Array(batch.count), marks)
    const taken = measure.take()[0]!
    yield { pane: paneOf(model, index, options.requests, taken.blockHashes, taken.cells), stage }
  }
}

function fill(batch: PredictionBatch, random: Random, users: Users, index: number, options: Sticky, share: number): void {
  const added = options.harm && index >= options.harm.fromPane ? options.harm.added : 0
  const { storm } = options
  const inStorm = (user: number) => storm && index >= storm.fromPane && unitBucket(users.hash1[user]!, users.hash2[user]!) < storm.buckets
  const whole = users.activity.at(-1)!
  for (let row = 0; row < options.requests; row += 1) {
    const user = indexOf(users.activity, random() * whole)
    const isCandidate = users.place[user]! < share
    batch.offset[row] = index * options.requests + row
    batch.version[row] = isCandidate ? 1 : 0
    const habit = users.habit[user]!
    if (batch.numbers[0]) batch.numbers[0][row] = habit
    // The place in the pane stands in for what differs between a user's requests.
    if (batch.numbers[0]) batch.latencyMs[row] = 10 + 200 * habit * (1 + (row % 8) / 16)
    batch.unit1[row] = users.hash1[user]!
    batch.unit2[row] = users.hash2[user]!
    batch.error[row] = random() < users.rate[user]! + (isCandidate ? added : 0) + (inStorm(user) ? storm!.added : 0) ? 1 : 0
  }
}

function indexOf(ascending: Float64Array, value: number): number {
  let low = 0
  let high = ascending.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (ascending[middle]! > value) high = middle
    else low = middle + 1
  }
  return low
}

function emptyBatch(rows: number, features: number): PredictionBatch {
  const nothing = () => new Float64Array(rows).fill(Number.NaN)
  return {
    count: rows,
    offset: new Float64Array(rows),
    recordTimeMs: nothing(),
    eventTimeMs: nothing(),
    id1: new Int32Array(rows),
    id2: new Int32Array(rows),
    model: new Int32Array(rows),
    version: new Int32Array(rows),
    unit1: new Int32Array(rows),
    unit2: new Int32Array(rows),
    unitHome: new Uint8Array(rows).fill(1),
    error: new Uint8Array(rows),
    decision: new Uint8Array(rows).fill(2),
    score: nothing(),
    latencyMs: nothing(),
    numbers: Array.from({ length: features }, nothing),
    numberStates: Array.from({ length: features }, () => new Uint8Array(rows)),
    symbols: [],
    dimensions: [],
  }
}

function paneOf(model: ModelLayout, index: number, rows: number, blockHashes: Pane['blockHashes'], cells: readonly PaneCell[]): Pane {
  return {
    kind: 'pane',
    model: model.name,
    source: 'predictions/0',
    chain: 'exposure',
    stamp: { epoch: 1, sequence: index + 1 },
    base: { epoch: 0, sequence: 0 },
    from: index * rows,
    to: (index + 1) * rows,
    previousTo: index * rows,
    sliceStartMs: index * SLICE_MS,
    sliceEndMs: (index + 1) * SLICE_MS,
    finalAtMs: (index + 1) * SLICE_MS,
    sampleRate: 1,
    blockHashes,
    cells,
  }
}

/** The judge's state after each pane that closed a stratum. */
export function* judged(
  model: ModelLayout,
  options: Sticky,
  stageAt = evenly(options),
): Generator<{ state: EvidenceState; pane: number; stage: number }> {
  let state = emptyEvidence(model)
  let last = -1
  let index = 0
  for (const { pane, stage } of stickyPanes(model, options, stageAt)) {
    if (stage !== last) state = startStage(state, model, pane.sliceStartMs)
    last = stage
    const isMirrored = options.mirrored === true
    const commandedShare = isMirrored ? null : options.shares[stage]!
    const context = { settlingUntilMs: 0, commandedShare, maxStratumAgeMs: 60_000, isMirrored }
    const observed = observePane(state, pane, model, context)
    state = observed.state
    if (observed.closed.length > 0) yield { state, pane: index, stage }
    index += 1
  }
}

function beta(random: Random, a: number, b: number): number {
  const one = gamma(random, a)
  return one / (one + gamma(random, b))
}

/** Marsaglia & Tsang (2000). */
function gamma(random: Random, shape: number): number {
  if (shape < 1) return gamma(random, shape + 1) * random() ** (1 / shape)
  const d = shape - 1 / 3
  const c = 1 / Math.sqrt(9 * d)
  for (;;) {
    const x = normal(random)
    const v = (1 + c * x) ** 3
    if (v > 0 && Math.log(1 - random()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v
  }
}
