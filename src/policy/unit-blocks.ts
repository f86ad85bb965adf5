/**
 * Blocks of the `units` cell: beside each block that evidence is drawn from, what its judged value adds up to in each hashed bucket of
 * units. From how much the buckets differ the judge learns how alike the requests of one unit are (detectors/design-effect.ts).
 *
 * Latency, tails, score and features are summed as the index of their bin. What is judged are thresholds and bins cut from that index; cutting
 * a number into an indicator loses likeness, so the index's design effect is, as a rule, the larger one. The exception, a few units
 * that always fail or always time out, is what `errors` and `missing` have buckets of their own for.
 */
import { UNIT_BUCKETS } from '../kit/hash.ts'
import { digestOf } from './canonical.ts'
import type { Block, FieldPath, JudgedValue, ModelLayout } from './layout.ts'

export const UNIT_SLOTS = { countSlots: UNIT_BUCKETS, sumSlots: UNIT_BUCKETS + 1 } as const

/** Id of the blocks whose value is 1 when any input of the request was unusable. */
const MISSING = 'missing'

type UnitBlocks = NonNullable<ModelLayout['unitBlocks']>
type Chains = Pick<ModelLayout, 'exposureBlocks' | 'horizons' | 'describedBlocks'>

/** By chain; a chain whose records bring no unit has none. */
export function unitBlocksOf(chains: Chains, unit: FieldPath | null, describedUnit: FieldPath | null): UnitBlocks {
  const all: [string, readonly Block[], FieldPath | null][] = [
    ['exposure', chains.exposureBlocks, unit],
    ...chains.horizons.map(({ chain, blocks }): [string, readonly Block[], FieldPath | null] => [chain, blocks, unit]),
    ['described', chains.describedBlocks, describedUnit],
  ]
  const withUnits = all.filter(([, blocks, path]) => blocks.length > 0 && path !== null)
  return Object.fromEntries(withUnits.map(([chain, blocks, path]) => [chain, beside(blocks, path)]))
}

/** The buckets beside the blocks of one chain. `unit` is where the unit is read from: part of what the numbers mean. */
export function beside(blocks: readonly Block[], unit: unknown): readonly Block[] {
  const drafts = blocks.flatMap((block) => judgedIn(block).map((judged) => ({ block, judged, id: idOf(block, judged) })))
  const inputs = blocks.filter(isInput)
  const [first] = inputs
  if (first !== undefined)
    drafts.push({ block: { ...first, hash: digestOf(inputs.map(({ hash }) => hash)) }, judged: 'missing', id: MISSING })
  return drafts.map(({ block, judged, id }, index) => ({
    ...block,
    ...UNIT_SLOTS,
    id: `units:${id}`,
    kind: 'unit-buckets',
    judged,
    hash: digestOf([judged, block.hash, unit, UNIT_BUCKETS]),
    inSegments: false,
    countOffset: index * UNIT_SLOTS.countSlots,
    sumOffset: index * UNIT_SLOTS.sumSlots,
  }))
}

/** Blocks of inputs that a request may lack. */
export function isInput(block: Block): boolean {
  return block.kind === 'feature' || block.kind === 'category' || block.kind === 'score'
}

function judgedIn(block: Block): readonly JudgedValue[] {
  switch (block.kind) {
    case 'errors':
    case 'latency':
    case 'score':
    case 'feature':
    case 'category':
    case 'value':
    case 'tail':
      return [block.kind]
    case 'outcome':
      return ['wrong']
    case 'probability':
      return ['log-score', 'brier']
    default:
      return []
  }
}

/** `units:<block id>`; the Brier score of a probability block, whose log score comes first, has its kind behind. */
function idOf(block: Block, judged: JudgedValue): string {
  return judged === 'brier' ? `${block.id}:brier` : block.id
}
