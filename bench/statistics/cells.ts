/** From what an arm did in a slice to the cells of its panes: the slots of each block as `src/policy/layout.ts` lays them out. */
import type { BlockCounts, PaneCell } from '../../src/domain.ts'
import { ALL_SCOPE, type Block, type ModelLayout } from '../../src/policy/layout.ts'
import type { ArmSummary, Drawn } from './traffic.ts'

const NO_SUMS = new Float64Array(0)

/** What the model's policy measures of a stream of counts. */
export function drawnFor(model: ModelLayout): Drawn {
  const has = (kind: Block['kind']) => model.exposureBlocks.some((block) => block.kind === kind)
  const features = model.exposureBlocks.filter((block) => block.kind === 'feature').length
  return { latency: has('latency'), score: has('score'), features, labels: model.horizons.length > 0 }
}

/** The `__all__` cells of both arms in an exposure pane. */
export function exposureCells(model: ModelLayout, candidate: ArmSummary, control: ArmSummary): PaneCell[] {
  return bothArms(model, candidate, control, (arm) => exposureBlocks(model.exposureBlocks, arm))
}

/** The same for labels at maturity. */
export function outcomeCells(model: ModelLayout, candidate: ArmSummary, control: ArmSummary): ReadonlyMap<string, readonly PaneCell[]> {
  return new Map(
    model.horizons.map(({ chain, blocks }) => [chain, bothArms(model, candidate, control, (arm) => outcomeBlocks(blocks, arm))] as const),
  )
}

function bothArms(
  model: ModelLayout,
  candidate: ArmSummary,
  control: ArmSummary,
  blocksOf: (arm: ArmSummary) => ReadonlyMap<string, BlockCounts>,
): PaneCell[] {
  const cells: PaneCell[] = []
  for (const [index, arm] of [
    [model.control, control],
    [model.candidate, candidate],
  ] as const) {
    if (arm.requests > 0) cells.push({ version: model.versions[index]!, scope: ALL_SCOPE, population: 'all', blocks: blocksOf(arm) })
  }
  return cells
}

function exposureBlocks(blocks: readonly Block[], arm: ArmSummary): ReadonlyMap<string, BlockCounts> {
  const filled = new Map<string, BlockCounts>()
  let feature = 0
  for (const block of blocks) {
    if (block.kind === 'requests') filled.set(block.id, one(arm.requests))
    if (block.kind === 'errors') filled.set(block.id, one(arm.errors))
    if (block.kind === 'latency') filled.set(block.id, latency(block, arm))
    if (block.kind === 'score') filled.set(block.id, placed(block, arm.score, 0))
    if (block.kind === 'feature') filled.set(block.id, placed(block, arm.features[feature++]!, 1))
  }
  return filled
}

function outcomeBlocks(blocks: readonly Block[], arm: ArmSummary): ReadonlyMap<string, BlockCounts> {
  const filled = new Map<string, BlockCounts>()
  for (const block of blocks) {
    if (block.kind !== 'outcome') continue
    filled.set(block.id, { counts: Float64Array.of(arm.matured, arm.known, arm.wrong, 0), sums: NO_SUMS })
  }
  return filled
}

function one(count: number): BlockCounts {
  return { counts: Float64Array.of(count), sums: NO_SUMS }
}

/** Failed requests have no latency of their own: they stand in the slot for failures without one. */
function latency(block: Block, arm: ArmSummary): BlockCounts {
  const counts = new Float64Array(block.countSlots)
  counts.set(arm.latency)
  counts[2 * block.bins] = arm.errors
  return { counts, sums: new Float64Array(block.sumSlots) }
}

function placed(block: Block, bins: Float64Array, at: number): BlockCounts {
  const counts = new Float64Array(block.countSlots)
  counts.set(bins, at)
  return { counts, sums: new Float64Array(block.sumSlots) }
}
