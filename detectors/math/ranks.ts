/** Ranks of a sample, from 1; equal values share the mean of the ranks they stand on. */
import { requireFinite } from './refuse.ts'

export function averageRanks(values: readonly number[], field = 'values'): readonly number[] {
  for (const value of values) requireFinite(value, field)
  const order = values.map((_, index) => index).sort((one, other) => values[one]! - values[other]!)
  const ranks = new Array<number>(values.length).fill(0)
  for (let from = 0; from < order.length; ) {
    let to = from + 1
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++
    for (let at = from; at < to; at++) ranks[order[at]!] = (from + 1 + to) / 2
    from = to
  }
  return ranks
}
