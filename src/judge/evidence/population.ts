/**
 * Whom the evidence of a stage is about. Two arms may be compared where the same draw decides for everybody: in the whole traffic, or
 * inside a cohort. A segment from which the candidate is kept out holds requests of the control alone: left in, it would lend the control
 * its own rates, and the difference of the arms would be one of people and not of versions. So it is taken out of the whole population:
 * cells add up, and `__all__` minus a segment is the rest. Segments of other dimensions cannot be corrected in this way (nobody counts
 * who lies in both), and are not judged while something is kept out.
 */
import type { BlockCounts, Pane, Population } from '../../domain.ts'
import { ALL_SCOPE, type Block, type ModelLayout } from '../../policy/layout.ts'
import {
  CANDIDATE,
  type ChainStrata,
  currentStage,
  type EvidenceState,
  type OpenCell,
  type OpenPane,
  type OpenStratum,
  stageOf,
} from './state.ts'
import { blocksOf, rowsCounted } from './strata.ts'

/** `cohort`: it alone; empty: everybody. `without`: segments of one dimension that are left out. */
export interface Judged {
  readonly cohort: string
  readonly without: readonly string[]
}

export const EVERYBODY: Judged = { cohort: '', without: [] }
/** Changes remembered: more than there are stages whose panes still come. */
const POPULATIONS_MAX = 64

/** As `startStage` notes it: from this stage on. */
export function withPopulation(state: EvidenceState, stage: number, next: Judged): EvidenceState['populations'] {
  const { cohort, without } = populationOf(state, currentStage(state))
  if (cohort === next.cohort && sameSegments(without, next.without)) return state.populations
  return [...state.populations, { stage, ...next }].slice(-POPULATIONS_MAX)
}

function sameSegments(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((segment) => other.includes(segment))
}

export function populationOf({ populations }: Pick<EvidenceState, 'populations'>, stage: number): Judged {
  return populations.findLast((each) => each.stage <= stage) ?? EVERYBODY
}

export function populationNow(state: EvidenceState): Judged {
  return populationOf(state, currentStage(state))
}

/**
 * Of a stage, as it is read now: what is kept out today is left out of what comes late of stages before, or their outcomes would accuse
 * the candidate again of what has been acted on.
 */
function populationRead(state: EvidenceState, stage: number): Judged {
  const { cohort, without } = populationOf(state, stage)
  const now = populationNow(state).without
  return now.length === 0 ? { cohort, without } : { cohort, without: [...new Set([...without, ...now])] }
}

/** Between a command and its acks some gateways hold this one and some the one before: judged are those that are drawn alike in both. */
export function populationBetween(before: Judged, after: Judged): Judged {
  return { cohort: before.cohort === '' ? after.cohort : before.cohort, without: [...new Set([...before.without, ...after.without])] }
}

/** Two-arm evidence in this scope is about versions, in the stage that runs now. */
export function isJudgedIn({ cohort, without }: Judged, scope: string): boolean {
  if (scope === ALL_SCOPE) return true
  if (cohort !== '') return false
  return without.length === 0 || (dimensionOf(scope) === dimensionOf(without[0]!) && !without.includes(scope))
}

export function dimensionOf(segment: string): string {
  return segment.slice(0, Math.max(0, segment.indexOf('=')))
}

/** In words, why a scope is not judged. */
export function notJudgedWords({ cohort, without }: Judged): string {
  return cohort === '' ? `not judged while ${without.join(', ')} is kept out` : `not judged while the candidate is tried in ${cohort} alone`
}

/** The pane as the population of its stage sees it. */
export function seenPane(state: EvidenceState, pane: Pane, model: ModelLayout): Pane {
  const judged = populationRead(state, stageOf(state, pane.sliceStartMs))
  if (isEverybody(judged)) return pane
  const divided = dividedBlocks(model, pane.chain)
  const cells = narrowed(pane.cells, judged, {
    arm: ({ version }) => version,
    blocks: ({ blocks }) => blocks,
    whole: (cell, blocks) => ({ ...cell, scope: ALL_SCOPE, blocks: new Map(blocks) }),
    divided,
  })
  return { ...pane, cells }
}

/** Panes on their way into strata, narrowed as those that come after. */
export function narrowedStrata(state: EvidenceState, chains: EvidenceState['chains'], model: ModelLayout): EvidenceState['chains'] {
  const narrowedChain = (strata: ChainStrata, chain: string): ChainStrata => {
    const stratumOf = (stratum: OpenStratum) => narrowedStratum(stratum, populationRead(state, stratum.stage), model, chain)
    const open = Object.fromEntries(Object.entries(strata.open).map(([source, stratum]) => [source, stratumOf(stratum)]))
    return { ...strata, open, pools: strata.pools.map(stratumOf) }
  }
  return Object.fromEntries(Object.entries(chains).map(([chain, strata]) => [chain, narrowedChain(strata, chain)]))
}

function narrowedStratum(stratum: OpenStratum, judged: Judged, model: ModelLayout, chain: string): OpenStratum {
  if (isEverybody(judged)) return stratum
  const panes = stratum.panes.map((pane) => narrowedOpen(pane, judged, model, chain))
  const sum = (arm: 'candidate' | 'control') => panes.reduce((total, pane) => total + pane[arm], 0)
  return { ...stratum, candidate: sum('candidate'), control: sum('control'), panes }
}

function narrowedOpen(pane: OpenPane, judged: Judged, model: ModelLayout, chain: string): OpenPane {
  const cells = narrowed(pane.cells, judged, {
    arm: ({ arm }) => arm,
    blocks: ({ blocks }) => blocks,
    whole: (cell, blocks) => ({ ...cell, scope: ALL_SCOPE, blocks }),
    divided: dividedBlocks(model, chain),
  })
  const [candidate, control] = requestsIn(cells, blocksOf(model, chain))
  return { ...pane, candidate, control, cells }
}

function requestsIn(cells: readonly OpenCell[], blocks: readonly Block[]): readonly [number, number] {
  const whole = cells.filter(({ scope, population }) => scope === ALL_SCOPE && population === 'all')
  const rows = (mine: boolean) =>
    rowsCounted(
      blocks,
      whole.filter(({ arm }) => (arm === CANDIDATE) === mine).flatMap((cell) => cell.blocks),
    )
  return [rows(true), rows(false)]
}

function isEverybody({ cohort, without }: Judged): boolean {
  return cohort === '' && without.length === 0
}

/** Ids of the blocks whose cells add up over segments; others are counted for everybody alone, and cannot be narrowed. */
function dividedBlocks(model: ModelLayout, chain: string): ReadonlySet<string> {
  return new Set(blocksOf(model, chain).flatMap((block) => (block.inSegments ? [block.id] : [])))
}

type Numbers = readonly (readonly [string, BlockCounts])[]

interface Form<C> {
  readonly arm: (cell: C) => unknown
  readonly blocks: (cell: C) => Iterable<readonly [string, BlockCounts]>
  /** The cell with other numbers, as that of the whole population. */
  readonly whole: (cell: C, blocks: Numbers) => C
  readonly divided: ReadonlySet<string>
}

function narrowed<C extends { readonly scope: string; readonly population: Population }>(
  cells: readonly C[],
  judged: Judged,
  form: Form<C>,
): readonly C[] {
  const { cohort, without } = judged
  const kept: C[] = []
  for (const cell of cells) {
    // How alike the requests of one unit are is learnt from the control, wherever it serves.
    if (cell.population === 'units') kept.push(cell)
    else if (cohort !== '') {
      if (cell.scope === cohort && !without.includes(cohort)) kept.push(form.whole(cell, [...form.blocks(cell)]))
    } else if (cell.scope === ALL_SCOPE) kept.push(form.whole(cell, restOf(cell, cells, without, form)))
    else if (isJudgedIn(judged, cell.scope)) kept.push(cell)
  }
  return kept
}

function restOf<C extends { readonly scope: string; readonly population: Population }>(
  whole: C,
  cells: readonly C[],
  without: readonly string[],
  form: Form<C>,
): Numbers {
  const same = (cell: C) => cell.population === whole.population && form.arm(cell) === form.arm(whole)
  const parts = cells.filter((cell) => without.includes(cell.scope) && same(cell)).map((cell) => new Map(form.blocks(cell)))
  const rest: (readonly [string, BlockCounts])[] = []
  for (const [id, numbers] of form.blocks(whole)) {
    if (!form.divided.has(id)) continue
    const left = parts.reduce((sum, part) => minus(sum, part.get(id)), numbers)
    if (left.counts.some((count) => count !== 0)) rest.push([id, left])
  }
  return rest
}

function minus(whole: BlockCounts, part: BlockCounts | undefined): BlockCounts {
  if (part === undefined) return whole
  return { counts: difference(whole.counts, part.counts), sums: difference(whole.sums, part.sums) }
}

export function difference(whole: Float64Array, part: Float64Array): Float64Array {
  const left = whole.slice()
  const length = Math.min(left.length, part.length)
  for (let slot = 0; slot < length; slot += 1) left[slot]! -= part[slot]!
  return left
}
