/** The door of everything that compares two histograms: the same bins, no negative count, and at least one row on either side. */
import { requireNonNegative } from './refuse.ts'

export function requireHistograms(a: ArrayLike<number>, b: ArrayLike<number>): { readonly totalA: number; readonly totalB: number } {
  if (a.length !== b.length) throw new RangeError(`a and b must have the same bins: ${a.length} and ${b.length}`)
  return { totalA: totalOf(a, 'a'), totalB: totalOf(b, 'b') }
}

function totalOf(counts: ArrayLike<number>, field: string): number {
  let total = 0
  for (let k = 0; k < counts.length; k++) {
    requireNonNegative(counts[k]!, `${field}[${k}]`)
    total += counts[k]!
  }
  if (total === 0) throw new RangeError(`${field} must hold at least one row`)
  return total
}
