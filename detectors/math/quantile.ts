/** Quantiles of a sample by straight lines between order statistics: type 7 of Hyndman and Fan (1996), the default of R and NumPy. */
import { requireFinite, requireShare } from './refuse.ts'

export function quantileType7(values: readonly number[], p: number): number {
  requireShare(p, 'p')
  return quantileOfSorted(sorted(values), p)
}

/** The same for values already in ascending order: nothing is copied. */
export function quantileOfSorted(ascending: ArrayLike<number>, p: number): number {
  const position = (ascending.length - 1) * p
  const below = Math.floor(position)
  const above = Math.min(below + 1, ascending.length - 1)
  return ascending[below]! + (position - below) * (ascending[above]! - ascending[below]!)
}

/** A copy in ascending order; a sample that is empty or holds NaN or an infinity is refused. */
export function sorted(values: readonly number[], field = 'values'): readonly number[] {
  if (values.length === 0) throw new RangeError(`${field} must not be empty`)
  for (const value of values) requireFinite(value, field)
  return [...values].sort((one, other) => one - other)
}
