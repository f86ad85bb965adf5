/** Made-up traffic for the evidence: a small model, requests drawn with a seed, and the panes measure would have made of them. */
import type { BlockCounts, Pane, PaneCell } from '../../../src/domain.ts'
import { type Random, seededRandom } from '../../../src/kit/random.ts'
import { ALL_SCOPE, type Block, type Guardrail, type ModelLayout, type Plan } from '../../../src/policy/layout.ts'
import { type PlanChanges, rolloutOf } from '../world.ts'

export const SLICE_MS = 5_000
export const REGIONS = ['eu', 'us', 'asia', 'africa', 'india', 'japan', 'brazil', 'other']
const LAMBDAS = [0.125, 0.25, 0.5, 1, 2]
const FLOOR = 0.01

export interface ModelOptions {
  readonly features?: number
  readonly regions?: number
  readonly guardrails?: readonly Partial<Guardrail>[]
  readonly plan?: PlanChanges
  readonly hasUnits?: boolean
}

export function modelOf(options: ModelOptions = {}): ModelLayout {
  const features = options.features ?? 2
  const regions = REGIONS.slice(0, options.regions ?? 2)
  const exposureBlocks = placed([
    { id: 'requests', kind: 'requests', countSlots: 1 },
    { id: 'errors', kind: 'errors', countSlots: 1 },
    { id: 'latency', kind: 'latency', countSlots: 82, sumSlots: 2, bins: 40, firstMs: 1, perOctave: 4 },
    { id: 'score', kind: 'score', countSlots: 12, sumSlots: 2, bins: 10 },
    ...Array.from({ length: features }, (_, index) => featureBlock(index)),
  ])
  const outcomeBlocks = placed([
    { id: 'outcome:late', kind: 'outcome', countSlots: 4, outcome: 'late' },
    {
      id: 'probability:late',
      kind: 'probability',
      countSlots: 20,
      sumSlots: 2 * (2 + LAMBDAS.length) + 11,
      bins: 10,
      floor: FLOOR,
      lambdas: LAMBDAS,
      outcome: 'late',
    },
  ])
  const segments = regions.map((region, value) => ({ name: `region=${region}`, dimensionSlot: 0, value }))
  return {
    index: 0,
    name: 'delays',
    versions: ['v1', 'v2'],
    control: 0,
    candidate: 1,
    hasUnits: options.hasUnits ?? false,
    dimensionSlots: [0],
    scopes: [{ name: ALL_SCOPE, dimensionSlot: -1, value: 0 }, ...segments],
    exposureBlocks,
    horizons: [{ horizonMs: 30_000, chain: 'outcome:30000', blocks: outcomeBlocks }],
    describedBlocks: [],
    plan: planOf(exposureBlocks, regions, options),
  }
}

function featureBlock(index: number): Partial<Block> {
  const edges = Array.from({ length: 21 }, (_, edge) => edge / 20)
  return { id: `feature:f${index}`, kind: 'feature', countSlots: 25, sumSlots: 2, slot: index, edges }
}

function placed(drafts: readonly Partial<Block>[]): readonly Block[] {
  let countOffset = 0
  let sumOffset = 0
  return drafts.map((draft) => {
    const block = { ...EMPTY_BLOCK, ...draft, hash: `h-${draft.id}`, countOffset, sumOffset } as Block
    countOffset += block.countSlots
    sumOffset += block.sumSlots
    return block
  })
}

const EMPTY_BLOCK = {
  inSegments: true,
  countSlots: 0,
  sumSlots: 0,
  slot: -1,
  edges: [],
  firstMs: 0,
  perOctave: 0,
  bins: 0,
  outcome: '',
  absent: Number.NaN,
  floor: 0,
  lambdas: [],
}

export function guardrailOf(given: Partial<Guardrail>): Guardrail {
  const isOutcome = ['wrong-outcome', 'log-score', 'brier'].includes(given.kind ?? '')
  return {
    name: given.kind ?? '',
    kind: 'error-rate',
    class: 'critical',
    action: 'rollback',
    margin: 0,
    promotes: true,
    promotionMargin: 0.02,
    scopes: [ALL_SCOPE],
    blocks: [],
    chain: isOutcome ? 'outcome:30000' : 'exposure',
    thresholdsMs: [],
    quantiles: given.kind === 'latency' ? [0.5, 0.9, 0.95, 0.99] : [],
    ...given,
  }
}

function planOf(exposure: readonly Block[], regions: readonly string[], options: ModelOptions): Plan {
  const features = exposure.filter((block) => block.kind === 'feature').map((block) => block.id)
  const scopes = [ALL_SCOPE, ...regions.map((region) => `region=${region}`)]
  const all: Partial<Guardrail>[] = [
    { kind: 'error-rate', blocks: ['requests', 'errors'], margin: 0.005, promotionMargin: 0.02, scopes },
    { kind: 'latency', blocks: ['latency'], margin: 0.02, promotionMargin: 0.1, scopes },
    { kind: 'feature-drift', blocks: features, scopes },
    { kind: 'missing', blocks: [...features, 'score'], scopes },
    { kind: 'wrong-outcome', blocks: ['outcome:late'], margin: 0.02, promotionMargin: 0.1, scopes },
    { kind: 'log-score', blocks: ['probability:late'], margin: 0.02, promotionMargin: 0.2 },
    { kind: 'score-drift', blocks: ['score'], action: 'hold', class: 'signal', promotes: false },
  ]
  const plan: PlanChanges = {
    mode: 'enforce',
    weights: 'flyball',
    ladder: [5, 25, 50, 100],
    minimumRows: 200,
    riskFactor: 1,
    promotionAlpha: 0.05,
    rollbackAlpha: 0.01,
    throttleAlpha: 0.05,
    stratumRequests: 200,
    silentAfterMs: 30_000,
    silentMinimum: 20,
    coverageMin: 0.5,
    guardrails: (options.guardrails ?? all).map(guardrailOf),
  }
  const told = { ...plan, ...options.plan }
  return { ...told, rollout: { ...rolloutOf(told), ...told.rollout } } as Plan
}

// ── requests and panes ─────────────────────────────────────────────────────────────────────────────────────────────────────

export interface Harm {
  readonly errorRate?: number
  readonly latencyFactor?: number
  /** Added to every feature's value. */
  readonly shift?: number
  readonly missing?: number
  /** Share of the deviation from one half that the candidate's probabilities lose. */
  readonly dulled?: number
}

export interface TrafficOptions {
  readonly seed: number
  readonly requests: number
  readonly share: number
  readonly harm?: Harm
  /** The region that alone is harmed; absent: all are. */
  readonly harmedRegion?: string
  readonly source?: string
  readonly hashes?: (block: Block) => string
}

interface Request {
  readonly candidate: boolean
  readonly region: string
  readonly failed: boolean
  readonly latencyMs: number
  readonly features: readonly number[]
  readonly score: number
  readonly label: number
}

/** Panes of one source, slice after slice: exposures, and outcomes of the same offsets. */
export function* traffic(model: ModelLayout, slices: number, options: TrafficOptions): Generator<{ exposure: Pane; outcome: Pane }> {
  const random = seededRandom(options.seed)
  const place = { source: options.source ?? 'predictions/0', previousTo: 0 }
  for (let slice = 0; slice < slices; slice += 1) {
    const requests = Array.from({ length: options.requests }, () => request(random, model, options))
    const { exposure, outcome } = panesOf(model, requests, slice, place, options)
    place.previousTo = exposure.to
    yield { exposure, outcome }
  }
}

function request(random: Random, model: ModelLayout, options: TrafficOptions): Request {
  const candidate = random() < options.share
  const regions = model.scopes.length - 1
  const truth = 0.05 + 0.9 * random()
  const region = REGIONS[Math.floor(random() * regions)]!
  const harm = candidate && region === (options.harmedRegion ?? region) ? (options.harm ?? {}) : {}
  const features = model.exposureBlocks.filter((block) => block.kind === 'feature')
  return {
    candidate,
    region,
    failed: random() < (harm.errorRate ?? 0.02),
    latencyMs: 20 * Math.exp(random() * 1.5) * (harm.latencyFactor ?? 1),
    features: features.map(() => (random() < (harm.missing ?? 0.01) ? Number.NaN : random() + (harm.shift ?? 0))),
    score: truth + (0.5 - truth) * (harm.dulled ?? 0),
    label: random() < truth ? 1 : 0,
  }
}

function panesOf(
  model: ModelLayout,
  requests: readonly Request[],
  slice: number,
  place: { readonly source: string; readonly previousTo: number },
  options: TrafficOptions,
) {
  const from = place.previousTo
  const cells = (blocks: readonly Block[]) => cellsOf(model, blocks, requests)
  const head = { model: model.name, source: place.source, from, to: from + requests.length, previousTo: from }
  const exposure = paneOf({ ...head, cells: cells(model.exposureBlocks) }, slice, model.exposureBlocks, options.hashes)
  const { chain, blocks } = model.horizons[0]!
  return { exposure, outcome: paneOf({ ...head, chain, cells: cells(blocks) }, slice, blocks, options.hashes) }
}

export function paneOf(given: Partial<Pane>, slice: number, blocks: readonly Block[], hashes = (block: Block) => block.hash): Pane {
  return {
    kind: 'pane',
    model: 'delays',
    source: 'predictions/0',
    chain: 'exposure',
    stamp: { epoch: 1, sequence: slice + 1 },
    base: { epoch: 0, sequence: 0 },
    from: 0,
    to: 1,
    previousTo: 0,
    sliceStartMs: slice * SLICE_MS,
    sliceEndMs: (slice + 1) * SLICE_MS,
    finalAtMs: (slice + 1) * SLICE_MS,
    sampleRate: 1,
    blockHashes: new Map(blocks.map((block) => [block.id, hashes(block)])),
    cells: [],
    ...given,
  }
}

function cellsOf(model: ModelLayout, blocks: readonly Block[], requests: readonly Request[]): PaneCell[] {
  const cells = new Map<string, PaneCell & { blocks: Map<string, BlockCounts> }>()
  for (const each of requests) {
    for (const scope of [ALL_SCOPE, `region=${each.region}`]) {
      const version = model.versions[each.candidate ? model.candidate : model.control]!
      const key = `${version} ${scope}`
      let cell = cells.get(key)
      if (!cell) cells.set(key, (cell = { version, scope, population: 'all', blocks: new Map() }))
      for (const block of blocks) count(numbersOf(cell.blocks, block), block, each)
    }
  }
  return [...cells.values()]
}

function numbersOf(blocks: Map<string, BlockCounts>, block: Block): BlockCounts {
  let numbers = blocks.get(block.id)
  if (!numbers) blocks.set(block.id, (numbers = { counts: new Float64Array(block.countSlots), sums: new Float64Array(block.sumSlots) }))
  return numbers
}

function count({ counts, sums }: BlockCounts, block: Block, request: Request): void {
  switch (block.kind) {
    case 'requests':
      counts[0]! += 1
      break
    case 'errors':
      counts[0]! += request.failed ? 1 : 0
      break
    case 'latency': {
      const bin = Math.min(block.bins - 1, Math.max(0, Math.floor(Math.log2(request.latencyMs / block.firstMs) * block.perOctave)))
      counts[(request.failed ? block.bins : 0) + bin]! += 1
      break
    }
    case 'score':
      counts[Math.min(block.bins - 1, Math.floor(request.score * block.bins))]! += 1
      break
    case 'feature': {
      const x = request.features[block.slot]!
      const bins = block.edges.length - 1
      counts[Number.isNaN(x) ? bins + 2 : x >= 1 ? bins + 1 : 1 + Math.floor(x * bins)]! += 1
      break
    }
    case 'outcome': {
      const wrong = request.score >= 0.5 !== (request.label === 1)
      for (const [slot, holds] of [true, true, wrong, request.label === 1].entries()) counts[slot]! += holds ? 1 : 0
      break
    }
    case 'probability':
      countProbability({ counts, sums }, block, request)
      break
  }
}

function countProbability({ counts, sums }: BlockCounts, block: Block, { score, label }: Request): void {
  const bin = Math.min(block.bins - 1, Math.floor(score * block.bins))
  counts[bin]! += 1
  counts[block.bins + bin]! += label
  sums[sums.length - block.bins + bin]! += score
  const happened = Math.min(1 - block.floor, Math.max(block.floor, label === 1 ? score : 1 - score))
  const values = [-Math.log(happened) / -Math.log(block.floor), (score - label) ** 2]
  values.forEach((v, which) => {
    const at = which * (2 + block.lambdas.length)
    sums[at]! += v
    sums[at + 1]! += v * v
    for (const [index, lambda] of block.lambdas.entries()) sums[at + 2 + index]! += Math.exp(lambda * v)
  })
}
