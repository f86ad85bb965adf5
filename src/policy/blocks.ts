/**
 * Which blocks of numbers a model has, how many slots each takes (the table in `layout.ts`), and the hash that says what they mean.
 * The hash covers the fields a block is read from, its bins and its horizon: whatever, if changed, would make old and new numbers unlike.
 */
import { DEFAULT_LAMBDAS } from '../../detectors/bounded-mean.ts'
import { PAIRED_STAKES } from '../../detectors/paired-scores.ts'
import { digestOf } from './canonical.ts'
import { pairId } from './guardrails.ts'
import { numberIndex, slotIndex } from './inputs.ts'
import { type Block, type HorizonLayout, type InputLayout, PAIR_GROUPS, type PairSide } from './layout.ts'
import { pairedExposureDrafts, pairedOutcomeDrafts } from './paired-blocks.ts'
import type { PolicyFeature, PolicyModel, PolicyOutcome, PolicyResource } from './policy.ts'
import { tailBins } from './resources.ts'
import { UNIT_SLOTS } from './unit-blocks.ts'

export interface Inputs {
  readonly predictions: InputLayout
  readonly outcomes: InputLayout | null
  readonly described: InputLayout | null
}

export interface ModelBlocks {
  readonly exposureBlocks: readonly Block[]
  readonly horizons: readonly HorizonLayout[]
  readonly describedBlocks: readonly Block[]
}

/** A block before it has a place in the row of its chain. `meaning` is what the hash covers beside its own parameters. */
type Draft = Pick<Block, 'id' | 'kind'> & Partial<Block> & { readonly meaning: unknown }

export function blocksOf(model: PolicyModel, inputs: Inputs, inSegments: (blockId: string) => boolean): ModelBlocks {
  const placed = (drafts: readonly Draft[]) => place(drafts, inSegments)
  const outcomes = Object.entries(model.outcomes)
  const joined = outcomes.flatMap(([name, outcome]) => ('horizon' in outcome ? [{ name, outcome }] : []))
  const horizons = [...new Set(joined.map(({ outcome }) => outcome.horizon))].sort((left, right) => left - right)
  const described = outcomes.filter(([, outcome]) => 'described' in outcome)
  return {
    exposureBlocks: placed(exposureDrafts(model, inputs.predictions)),
    horizons: horizons.map((horizonMs) => ({
      horizonMs,
      chain: `outcome:${horizonMs}`,
      blocks: placed(
        joined
          .filter(({ outcome }) => outcome.horizon === horizonMs)
          .flatMap(({ name, outcome }) => joinedDrafts(name, outcome, model, inputs)),
      ),
    })),
    describedBlocks: placed(described.flatMap(([name, outcome]) => describedDrafts(name, outcome, model, inputs))),
  }
}

function exposureDrafts(model: PolicyModel, input: InputLayout): Draft[] {
  const { latency, error, score, time } = input.fields
  const drafts: Draft[] = [{ id: 'requests', kind: 'requests', meaning: null }]
  if (error !== null) drafts.push({ id: 'errors', kind: 'errors', meaning: error })
  if (latency !== null) drafts.push({ id: 'latency', kind: 'latency', ...model.latency, meaning: [latency, error] })
  if (score !== null) drafts.push({ id: 'score', kind: 'score', bins: model.score.bins, meaning: score })
  for (const [name, resource] of Object.entries(model.resources ?? {})) drafts.push(...resourceDrafts(name, resource, input))
  for (const [name, feature] of Object.entries(model.features)) drafts.push(featureDraft(name, feature, input))
  for (const pair of model.pairs) drafts.push(pairDraft(pair, model, input))
  const { staleAfter: staleAfterMs } = model
  const asksForStale = model.guardrails?.some((guardrail) => guardrail.kind === 'stale') ?? false
  if (asksForStale && time !== null) drafts.push({ id: 'stale', kind: 'stale', staleAfterMs, meaning: time })
  const duplicate: Draft = { id: 'duplicate', kind: 'duplicate', meaning: input.fields.id }
  return [...drafts, duplicate, ...pairedExposureDrafts(model, input)]
}

/** What a request uses on average is a value, more of it is worse; how often it uses very much is counted in bins, as latency is. */
function resourceDrafts(name: string, { bounds }: PolicyResource, input: InputLayout): Draft[] {
  const slot = numberIndex(input.numbers, name, true)
  const { path: meaning } = input.numbers[slot]!
  return [
    { id: `resource:${name}`, kind: 'value', slot, bounds: { ...bounds, worse: 'higher' }, lambdas: DEFAULT_LAMBDAS, meaning },
    { id: `tail:${name}`, kind: 'tail', slot, ...tailBins(bounds), meaning },
  ]
}

function pairDraft(pair: readonly string[], model: PolicyModel, input: InputLayout): Draft {
  const sides = pair.map((name) => pairSide(name, model.features[name]!, input))
  const [one, other] = sides as [PairSide, PairSide]
  const paths = sides.map(({ slot, values }) =>
    values > 0 ? [input.symbols[slot]!.path, input.symbols[slot]!.values] : input.numbers[slot]!.path,
  )
  // Where a column lies among the others is no part of its meaning.
  const forms = sides.map(({ slot: _place, ...form }) => form)
  return { id: pairId(pair), kind: 'pair', pair: [one, other], meaning: [paths, forms] }
}

function pairSide(name: string, feature: PolicyFeature, input: InputLayout): PairSide {
  const { slot = -1, edges = [] } = featureDraft(name, feature, input)
  return { name, slot, edges, values: 'values' in feature ? feature.values.length : 0 }
}

function featureDraft(name: string, feature: PolicyFeature, input: InputLayout): Draft {
  const id = `feature:${name}`
  if ('values' in feature) {
    const slot = slotIndex(input.symbols, { name, values: feature.values.map(String) })
    return { id, kind: 'category', slot, meaning: [input.symbols[slot]!.path, input.symbols[slot]!.values] }
  }
  const slot = numberIndex(input.numbers, name)
  return { id, kind: 'feature', slot, edges: edgesOf(feature), meaning: input.numbers[slot]!.path }
}

export function edgesOf(feature: Exclude<PolicyFeature, { values: unknown }>): readonly number[] {
  if ('edges' in feature) return feature.edges
  const { low, high, bins } = feature
  // One rounding, at the division: −4 … 4 in 20 bins has an edge at −0.8, not beside it.
  return Array.from({ length: bins + 1 }, (_, index) => (low * (bins - index) + high * index) / bins)
}

function joinedDrafts(name: string, outcome: Extract<PolicyOutcome, { horizon: number }>, model: PolicyModel, inputs: Inputs): Draft[] {
  const { label, value, id } = inputs.outcomes!.fields
  const { score, decision } = inputs.predictions.fields
  const absent = outcome.absent === 'drop' ? Number.NaN : outcome.absent
  const drafts = outcomeDrafts(name, model, absent, { score, decision, label, id, horizonMs: outcome.horizon })
  if (value !== null) drafts.push(valueDraft(name, outcome, [value, id, outcome.horizon]))
  if (label !== null) drafts.push(...pairedOutcomeDrafts(name, absent, model, inputs.predictions, [label, id, outcome.horizon]))
  return drafts
}

function describedDrafts(name: string, outcome: PolicyOutcome, model: PolicyModel, inputs: Inputs): Draft[] {
  const { label, value, score, decision } = inputs.described!.fields
  const drafts = outcomeDrafts(name, model, Number.NaN, { score, decision, label })
  if (value !== null) drafts.push(valueDraft(name, outcome, value))
  return drafts
}

/** Within bounds it is evidence; without, it is for display. */
function valueDraft(name: string, { bounds, worse }: PolicyOutcome, meaning: unknown): Draft {
  const draft: Draft = { id: `value:${name}`, kind: 'value', outcome: name, meaning }
  return bounds === undefined || worse === undefined ? draft : { ...draft, bounds: { ...bounds, worse }, lambdas: DEFAULT_LAMBDAS }
}

interface OutcomeMeaning {
  readonly score: unknown
  readonly decision: unknown
  readonly label: unknown
  readonly id?: unknown
  readonly horizonMs?: number
}

function outcomeDrafts(name: string, model: PolicyModel, absent: number, meaning: OutcomeMeaning): Draft[] {
  const drafts: Draft[] = []
  if (meaning.label !== null) drafts.push({ id: `outcome:${name}`, kind: 'outcome', outcome: name, absent, meaning })
  if (meaning.label !== null && meaning.score !== null && model.score.probability) {
    const { bins, floor } = model.score
    drafts.push({ id: `probability:${name}`, kind: 'probability', outcome: name, absent, bins, floor, lambdas: DEFAULT_LAMBDAS, meaning })
  }
  return drafts
}

// ── slots and places ───────────────────────────────────────────────────────────────────────────────────────────────────────

function place(drafts: readonly Draft[], inSegments: (blockId: string) => boolean): Block[] {
  let countOffset = 0
  let sumOffset = 0
  return drafts.map((draft) => {
    const block = finish(draft, inSegments(draft.id), countOffset, sumOffset)
    countOffset += block.countSlots
    sumOffset += block.sumSlots
    return block
  })
}

function finish(draft: Draft, inSegments: boolean, countOffset: number, sumOffset: number): Block {
  const { meaning, ...given } = draft
  const parameters = {
    slot: -1,
    edges: [],
    firstMs: 0,
    perOctave: 0,
    bins: 0,
    outcome: '',
    absent: Number.NaN,
    floor: 0,
    lambdas: [],
    ...given,
  }
  const values = draft.kind === 'category' ? (meaning as readonly [unknown, readonly string[]])[1].length : 0
  const slots = slotsOf(parameters, values)
  const { slot: _place, pair: _places, ...hashed } = parameters
  return { ...parameters, ...slots, hash: digestOf({ ...hashed, ...slots, meaning }), inSegments, countOffset, sumOffset }
}

function slotsOf(
  block: Pick<Block, 'kind' | 'bins' | 'edges' | 'lambdas' | 'bounds' | 'outcome'>,
  values: number,
): { countSlots: number; sumSlots: number } {
  switch (block.kind) {
    case 'requests':
    case 'errors':
    case 'duplicate':
    case 'stale':
      return { countSlots: 1, sumSlots: 0 }
    case 'pair':
      return { countSlots: PAIR_GROUPS ** 2 + 1, sumSlots: 0 }
    case 'unit-buckets':
      return UNIT_SLOTS
    case 'latency':
      return { countSlots: 2 * block.bins + 2, sumSlots: 2 }
    case 'tail':
      return { countSlots: block.bins + 1, sumSlots: 0 }
    case 'score':
      return { countSlots: block.bins + 2, sumSlots: 2 }
    case 'feature':
      return { countSlots: block.edges.length - 1 + 5, sumSlots: 2 }
    case 'category':
      return { countSlots: values + 3, sumSlots: 0 }
    case 'paired':
      return { countSlots: block.outcome === '' ? 3 : 4, sumSlots: 0 }
    case 'paired-scores':
      return { countSlots: 1, sumSlots: 2 + PAIRED_STAKES.length }
    case 'outcome':
      return { countSlots: 4, sumSlots: 0 }
    case 'probability':
      return { countSlots: 2 * block.bins, sumSlots: 2 * (2 + block.lambdas.length) + 1 + block.bins }
    case 'value':
      return block.bounds === undefined ? { countSlots: 1, sumSlots: 2 } : { countSlots: 2, sumSlots: 4 + block.lambdas.length }
  }
}
