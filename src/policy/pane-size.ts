/**
 * How large a pane can become on the wire. One pane is one Kafka record, and brokers refuse more than 1 MB by default,
 * so a policy whose largest pane might exceed 900 kB is refused, with the dimension named that is worth cutting.
 *
 * The bound takes every slot as filled and nothing as compressed: real panes are far smaller.
 */
import { ALL_SCOPE, type Block, type ModelLayout } from './layout.ts'

export const PANE_BYTES_MAX = 900_000

/** Upper bounds of the encoding: a count with its place in the block, a sum with its place, and the names and framing around them. */
const BYTES_PER_COUNT = 4
const BYTES_PER_SUM = 9
const BYTES_PER_BLOCK = 16
const BYTES_PER_CELL = 16
const BYTES_PER_PANE = 512
const BYTES_PER_HASH = 24

export interface PaneBound {
  readonly bytes: number
  readonly chain: string
  /** What to cut first, in words. */
  readonly largest: string
}

/** The largest pane any chain of this model can have. */
export function paneBound(model: ModelLayout): PaneBound {
  const chains = [
    { chain: 'exposure', blocks: model.exposureBlocks },
    ...model.horizons.map(({ chain, blocks }) => ({ chain, blocks })),
    { chain: 'described', blocks: model.describedBlocks },
  ]
  const bounds = chains.map(({ chain, blocks }) => ({
    chain,
    bytes: chainBytes(model, chain, blocks),
    largest: largestPart(model, blocks),
  }))
  return bounds.reduce((widest, bound) => (bound.bytes > widest.bytes ? bound : widest))
}

function chainBytes(model: ModelLayout, chain: string, blocks: readonly Block[]): number {
  const populations = model.hasUnits ? 2 : 1
  const cells = model.scopes.reduce((sum, scope) => sum + cellBytes(scope.name, blocks), 0)
  const names = blocks.reduce((sum, block) => sum + Buffer.byteLength(block.id) + BYTES_PER_HASH, 0)
  return BYTES_PER_PANE + names + cells * populations * model.versions.length + unitsBytes(model.unitBlocks?.[chain] ?? [])
}

/** The one `units` cell, with its blocks' names. */
function unitsBytes(blocks: readonly Block[]): number {
  if (blocks.length === 0) return 0
  const names = blocks.reduce((sum, block) => sum + Buffer.byteLength(block.id) + BYTES_PER_HASH, 0)
  return names + cellBytes(ALL_SCOPE, blocks)
}

function cellBytes(scope: string, blocks: readonly Block[]): number {
  const held = scope === ALL_SCOPE ? blocks : blocks.filter((block) => block.inSegments)
  return held.reduce((sum, block) => sum + blockBytes(block), BYTES_PER_CELL + Buffer.byteLength(scope) + 32)
}

function blockBytes(block: Block): number {
  return BYTES_PER_BLOCK + Buffer.byteLength(block.id) + block.countSlots * BYTES_PER_COUNT + block.sumSlots * BYTES_PER_SUM
}

/** Of many pairs each is small. */
function widestBins(widest: Block, blocks: readonly Block[]): string {
  const pairs = blocks.filter((block) => block.kind === 'pair')
  const bytes = pairs.reduce((sum, block) => sum + blockBytes(block), 0)
  return bytes > blockBytes(widest) ? `pairs (${pairs.length})` : `the bins of ${widest.id} (${widest.countSlots} counts)`
}

/** The dimension with most scopes, or, where segments are few, the block with most slots. */
function largestPart(model: ModelLayout, blocks: readonly Block[]): string {
  const widest = [...blocks].sort((left, right) => blockBytes(right) - blockBytes(left))[0]
  const scopes = new Map<string, number>()
  for (const { name } of model.scopes.slice(1)) {
    const dimension = name.slice(0, name.indexOf('='))
    scopes.set(dimension, (scopes.get(dimension) ?? 0) + 1)
  }
  const [dimension] = [...scopes].sort(([, left], [, right]) => right - left)
  const block = widest === undefined ? '' : widestBins(widest, blocks)
  return dimension !== undefined && dimension[1] > 2 ? `the dimension ${dimension[0]} (${dimension[1]} values), or ${block}` : block
}
