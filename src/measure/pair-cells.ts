/**
 * Which cell of the 8 × 8 table of a pair of features a request falls into. The bins of a numeric feature are grouped evenly, from its
 * own edges; what lies outside belongs to the first or last group. Of a category the first seven values of the policy's list are told
 * apart, everything else is the eighth group.
 */
import { FIELD_OK, FIELD_UNSEEN } from '../domain.ts'
import { PAIR_GROUPS, type PairSide } from '../policy/layout.ts'
import { FeatureBins } from './bins.ts'

/** The columns that features are read from. */
export interface FeatureColumns {
  readonly numbers: readonly Float64Array[]
  readonly numberStates: readonly Uint8Array[]
  readonly symbols: readonly Int32Array[]
}

/** The slot after the cells: one of the two features cannot be used. */
export const NOT_USABLE = PAIR_GROUPS ** 2

type GroupOf = (columns: FeatureColumns, row: number) => number

export class PairCells {
  private readonly first: GroupOf
  private readonly second: GroupOf

  constructor([first, second]: readonly [PairSide, PairSide]) {
    this.first = groupOf(first)
    this.second = groupOf(second)
  }

  of(columns: FeatureColumns, row: number): number {
    const first = this.first(columns, row)
    const second = this.second(columns, row)
    return first < 0 || second < 0 ? NOT_USABLE : first * PAIR_GROUPS + second
  }
}

/** -1: not usable. */
function groupOf(side: PairSide): GroupOf {
  return side.edges.length === 0 ? ({ symbols }, row) => groupOfSymbol(symbols[side.slot]![row]!) : groupOfNumber(side)
}

function groupOfSymbol(symbol: number): number {
  if (symbol >= 0) return Math.min(PAIR_GROUPS - 1, symbol)
  return symbol === -FIELD_UNSEEN ? PAIR_GROUPS - 1 : -1
}

function groupOfNumber({ slot, edges }: PairSide): GroupOf {
  const bins = new FeatureBins(edges)
  const groups = groupsOfSlots(bins.bins)
  return ({ numbers, numberStates }, row) => (numberStates[slot]![row] === FIELD_OK ? groups[bins.slotOf(numbers[slot]![row]!)]! : -1)
}

/** Group of each feature slot: under, the bins, over. */
export function groupsOfSlots(bins: number): readonly number[] {
  const inner = Array.from({ length: bins }, (_, bin) => Math.floor((bin * PAIR_GROUPS) / bins))
  return [0, ...inner, PAIR_GROUPS - 1]
}
