/**
 * What each guardrail counts: its blocks, its events at a rate per request, and their names.
 * The slots are those of the table over `Block` in policy/layout.ts.
 */
import type { Arms } from '../../../detectors/two-arm.ts'
import { ALL_SCOPE, type Block, type Guardrail, type ModelLayout } from '../../policy/layout.ts'
import { CANDIDATE, CONTROL } from './state.ts'
import { blocksOf, type SlotRow } from './strata.ts'

/** The guardrail's own blocks, in the policy's order. */
export function blocksRead(guardrail: Guardrail, model: ModelLayout): readonly Block[] {
  const known = BLOCKS_READ.get(guardrail)
  if (known?.model === model) return known.blocks
  const all = blocksOf(model, guardrail.chain)
  const blocks = guardrail.blocks.flatMap((id) => all.find((block) => block.id === id) ?? [])
  BLOCKS_READ.set(guardrail, { model, blocks })
  return blocks
}

/** Layouts are frozen, and this is asked for every scope of every stratum. */
const BLOCKS_READ = new WeakMap<Guardrail, { readonly model: ModelLayout; readonly blocks: readonly Block[] }>()

/** `__all__` first, then the segments the policy named. */
export function scopesOf(guardrail: Guardrail): readonly string[] {
  const known = SCOPES.get(guardrail)
  if (known !== undefined) return known
  const scopes = [ALL_SCOPE, ...guardrail.scopes.filter((scope) => scope !== ALL_SCOPE)]
  SCOPES.set(guardrail, scopes)
  return scopes
}

const SCOPES = new WeakMap<Guardrail, readonly string[]>()

/** Numbers of another digest are another series: block contents, margin and kind give the evidence its meaning. */
export function digestOf(guardrail: Guardrail, model: ModelLayout): string {
  const hashes = blocksRead(guardrail, model).map((block) => block.hash)
  const { thresholdsMs, quantiles } = guardrail
  const pair = `${model.versions[model.control]}>${model.versions[model.candidate]}`
  const margin = guardrail.marginIsShare ? `${guardrail.margin} of the mean` : guardrail.margin
  return [
    guardrail.kind,
    guardrail.chain,
    margin,
    pair,
    ...(model.hasUnits ? ['units'] : []),
    ...hashes,
    ...thresholdsMs,
    ...quantiles,
  ].join(' ')
}

/** Judged by how often a number is large: events are its exceedances, the number is counted in logarithmic bins. */
export function hasThresholds({ kind }: Guardrail): boolean {
  return kind === 'latency' || kind === 'resource-tail'
}

/** Says nothing while caches are cold: they make a version slow, and dear. */
export function isSettling({ kind }: Guardrail): boolean {
  return kind === 'latency' || kind === 'resource-tail' || kind === 'resource'
}

/** One event per feature, and one for the score. */
export function isTwoSided(guardrail: Guardrail): boolean {
  return guardrail.kind === 'missing' || guardrail.kind === 'unseen'
}

/** Fewer is harm as well: features are not the model's own. Of the score, stale events and repeated ids only more is. */
export function isFewerHarm(guardrail: Guardrail, model: ModelLayout, index: number): boolean {
  return isTwoSided(guardrail) && dataBlocks(guardrail, model)[index]?.kind !== 'score'
}

/** Faults of the records, not of the model: no margin, no interval, and promotion asks for quiet only. */
export function isDataQuality(guardrail: Guardrail): boolean {
  return isTwoSided(guardrail) || guardrail.kind === 'stale' || guardrail.kind === 'duplicate'
}

/** One name per event of an event guardrail, in the order of `armsOf`. */
export function eventNames(guardrail: Guardrail, model: ModelLayout, bins: readonly number[] | undefined): readonly string[] {
  if (hasThresholds(guardrail)) {
    const block = latencyBlock(guardrail, model)
    const [what, unit] = unitOf(guardrail)
    if (!block || !bins) return thresholdLabels(guardrail).map((label) => (what === '' ? label : `${what}over ${label}`))
    return bins.map((bin, index) => `${what}over ${display(edgeMs(block, bin))}${unit} (${thresholdLabels(guardrail)[index]})`)
  }
  if (isTwoSided(guardrail)) return dataBlocks(guardrail, model).map((block) => featureName(block.id))
  return [EVENT_NAMES[guardrail.kind] ?? 'wrong outcomes']
}

const EVENT_NAMES: Readonly<Record<string, string>> = { 'error-rate': 'errors', stale: 'stale events', duplicate: 'repeated ids' }

/** The block that an event of an event guardrail is counted in. */
export function eventBlock(guardrail: Guardrail, model: ModelLayout, index: number): string {
  if (isTwoSided(guardrail)) return dataBlocks(guardrail, model)[index]?.id ?? ''
  const kinds: readonly Block['kind'][] = ['errors', 'latency', 'tail', 'outcome', 'stale', 'duplicate']
  return blocksRead(guardrail, model).find((block) => kinds.includes(block.kind))?.id ?? ''
}

/** Counts of every event of an event guardrail in one scope of a stratum. `bins`: of its thresholds, where it has some. */
export function armsOf(
  guardrail: Guardrail,
  model: ModelLayout,
  rows: readonly [SlotRow, SlotRow],
  bins: readonly number[],
): readonly Arms[] {
  const blocks = countedBlocks(guardrail, model)
  const candidate = rows[CANDIDATE].counts
  const control = rows[CONTROL].counts
  switch (guardrail.kind) {
    case 'error-rate':
      return [among(blocks.requests, blocks.errors, candidate, control)]
    case 'latency':
    case 'resource-tail':
      return blocks.latency ? latencyArms(blocks.latency, candidate, control, bins) : []
    case 'wrong-outcome':
      return blocks.outcomes.map((block) => wrongOutcomes(block, candidate, control))
    case 'stale':
      return [among(blocks.requests, blocks.stale, candidate, control)]
    case 'duplicate':
      return [repeatedIds(blocks, candidate, control)]
    default:
      return blocks.data.map((block) => unusable(block, candidate, control, guardrail.kind === 'unseen'))
  }
}

/** Events of one block among the requests of another, each counted in its block's first slot. */
function among(requests: Block | undefined, events: Block | undefined, candidate: Float64Array, control: Float64Array): Arms {
  return armsFrom(first(requests, candidate), first(requests, control), first(events, candidate), first(events, control))
}

/** The blocks an event guardrail counts in. */
interface CountedBlocks {
  readonly model: ModelLayout
  readonly requests: Block | undefined
  readonly errors: Block | undefined
  /** Or of a resource's tail. */
  readonly latency: Block | undefined
  readonly stale: Block | undefined
  readonly duplicate: Block | undefined
  readonly outcomes: readonly Block[]
  readonly data: readonly Block[]
}

function countedBlocks(guardrail: Guardrail, model: ModelLayout): CountedBlocks {
  const known = COUNTED.get(guardrail)
  if (known?.model === model) return known
  const own = blocksRead(guardrail, model)
  // Errors are counted among all requests of the chain, whatever the guardrail lists.
  const listed = guardrail.kind === 'error-rate' ? blocksOf(model, guardrail.chain) : own
  const one = (kind: Block['kind']) => listed.find((block) => block.kind === kind)
  const counted = {
    model,
    requests: one('requests'),
    errors: one('errors'),
    latency: one('latency') ?? one('tail'),
    stale: one('stale'),
    duplicate: one('duplicate'),
    outcomes: own.filter((block) => block.kind === 'outcome'),
    data: own.filter((block) => block.kind === 'feature' || block.kind === 'category' || block.kind === 'score'),
  }
  COUNTED.set(guardrail, counted)
  return counted
}

const COUNTED = new WeakMap<Guardrail, CountedBlocks>()

export function latencyBlock(guardrail: Guardrail, model: ModelLayout): Block | undefined {
  return countedBlocks(guardrail, model).latency
}

/** Blocks that thresholds are counted in. Of both kinds all slots but the last are rows: there the number is missing. */
export function isBinned({ kind }: Block): boolean {
  return kind === 'latency' || kind === 'tail'
}

/** Where the control's counts of a binned block are kept. */
export function latencyKey(block: Block, scope: string): string {
  return `${block.id}@${block.hash}|${scope}`
}

export function latencyCounts(block: Block, row: SlotRow): Float64Array {
  return row.counts.subarray(block.countOffset, block.countOffset + block.countSlots)
}

/** Lower edge of a bin: milliseconds, or the resource's unit. */
export function edgeMs(block: Block, bin: number): number {
  return block.firstMs * 2 ** (bin / block.perOctave)
}

/** Requests whose number is at or over a bin's lower edge; of latency failed ones count as over. Those without the number are left out. */
export function overThreshold(block: Block, counts: Float64Array, bin: number): Share {
  const rows = sumOf(counts, 0, block.countSlots - 1)
  return { events: rows - sumOf(counts, 0, bin), rows }
}

/** Bins of a guardrail's thresholds: the policy's own, or the control's quantiles (of latency: among successful requests). */
export function thresholdBins(
  guardrail: Guardrail,
  block: Block,
  control: Float64Array | undefined,
  rowsMin: number,
): readonly number[] | null {
  if (guardrail.thresholdsMs.length > 0) return guardrail.thresholdsMs.map((ms) => nearestBin(block, ms))
  const served = (control ?? new Float64Array(block.bins)).subarray(0, block.bins)
  const rows = served.reduce((sum, count) => sum + count, 0)
  if (rows < rowsMin) return null
  return guardrail.quantiles.map((quantile) => {
    let below = 0
    let bin = 0
    while (bin < block.bins - 1 && below + served[bin]! < quantile * rows) below += served[bin++]!
    return bin + 1
  })
}

/** Slots of a block that form one distribution, and how many of them are ordered. */
export function orderedBins(block: Block): number {
  if (block.kind === 'feature') return block.edges.length + 1
  return block.kind === 'score' ? block.bins : 0
}

export function featureName(blockId: string): string {
  return blockId.slice(blockId.indexOf(':') + 1)
}

interface Share {
  readonly events: number
  readonly rows: number
}

function armsFrom(candidateRequests: number, controlRequests: number, candidateEvents: number, controlEvents: number): Arms {
  return { candidateRequests, controlRequests, candidateEvents, controlEvents }
}

/** Of a block with a single slot. */
function first(block: Block | undefined, counts: Float64Array): number {
  return block ? counts[block.countOffset]! : 0
}

function latencyArms(block: Block, candidate: Float64Array, control: Float64Array, bins: readonly number[]): readonly Arms[] {
  const at = block.countOffset
  const ours = sumOf(candidate, at, at + block.countSlots - 1)
  const theirs = sumOf(control, at, at + block.countSlots - 1)
  return bins.map((bin) => armsFrom(ours, theirs, ours - sumOf(candidate, at, at + bin), theirs - sumOf(control, at, at + bin)))
}

export function sumOf(counts: Float64Array, from: number, to: number): number {
  let sum = 0
  for (let slot = from; slot < to; slot += 1) sum += counts[slot]!
  return sum
}

/** Among all records: a repeated id is no request, so it is not among the requests already. */
function repeatedIds({ duplicate, requests }: CountedBlocks, candidate: Float64Array, control: Float64Array): Arms {
  const [ours, theirs] = [first(duplicate, candidate), first(duplicate, control)]
  return armsFrom(first(requests, candidate) + ours, first(requests, control) + theirs, ours, theirs)
}

/** [matured, with outcome, wrong, positive]: those without an outcome are left out unless the policy says what absence means. */
function wrongOutcomes({ countOffset, absent }: Block, candidate: Float64Array, control: Float64Array): Arms {
  const rows = countOffset + (Number.isNaN(absent) ? 1 : 0)
  const wrong = countOffset + 2
  return armsFrom(candidate[rows]!, control[rows]!, candidate[wrong]!, control[wrong]!)
}

function dataBlocks(guardrail: Guardrail, model: ModelLayout): readonly Block[] {
  return countedBlocks(guardrail, model).data
}

/**
 * Missing: not there, of another type, not finite. Unseen: an unknown label, a number outside the reference range, a score outside [0, 1].
 */
function unusable(block: Block, candidate: Float64Array, control: Float64Array, unseen: boolean): Arms {
  const from = block.countOffset
  const to = from + block.countSlots
  const slots = unseen ? unseenSlots(block) : missingSlots(block)
  let ours = 0
  let theirs = 0
  for (const slot of slots) {
    ours += candidate[from + slot]!
    theirs += control[from + slot]!
  }
  return armsFrom(sumOf(candidate, from, to), sumOf(control, from, to), ours, theirs)
}

/** Not there, of another type, not finite. */
export function missingSlots(block: Block): readonly number[] {
  const last = block.countSlots - 1
  if (block.kind === 'feature') return [last - 2, last - 1, last]
  return block.kind === 'category' ? [last - 1, last] : [last - 1]
}

function unseenSlots(block: Block): readonly number[] {
  const last = block.countSlots - 1
  if (block.kind === 'feature') return [0, last - 3]
  return block.kind === 'category' ? [last - 2] : [last]
}

function thresholdLabels(guardrail: Guardrail): readonly string[] {
  const [, unit] = unitOf(guardrail)
  if (guardrail.thresholdsMs.length > 0) return guardrail.thresholdsMs.map((limit) => `limit ${display(limit)}${unit}`)
  return guardrail.quantiles.map((quantile) => `control's p${display(quantile * 100)}`)
}

/** What stands before and behind a threshold: a resource has its unit in its name. */
function unitOf({ kind, blocks }: Guardrail): readonly [what: string, unit: string] {
  return kind === 'latency' ? ['', ' ms'] : [`${featureName(blocks[0] ?? '')} `, '']
}

function nearestBin(block: Block, ms: number): number {
  return Math.min(block.bins - 1, Math.max(1, Math.round(Math.log2(ms / block.firstMs) * block.perOctave)))
}

function display(value: number): string {
  return String(Number(value.toPrecision(3)))
}
