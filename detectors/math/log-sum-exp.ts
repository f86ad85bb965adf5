/** Sums of numbers known by their logarithms, without overflow. */
import { fastExp } from './fast-exp.ts'

/** ln Σ e^v. −∞ for no values. */
export function logSumExp(values: ArrayLike<number>): number {
  let largest = Number.NEGATIVE_INFINITY
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, values[i]!)
  if (!Number.isFinite(largest)) return largest
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += fastExp(values[i]! - largest)
  return largest + Math.log(sum)
}

/** ln(e^a + e^b). */
export function logAdd(a: number, b: number): number {
  if (a === b) return a + Math.LN2
  const larger = Math.max(a, b)
  return larger === Number.NEGATIVE_INFINITY ? larger : larger + Math.log1p(Math.exp(Math.min(a, b) - larger))
}

/** ln Σ w·e^v: the logarithm of a weighted mean when the weights sum to one. The values begin at `from`. */
export function logWeightedSum(values: ArrayLike<number>, weights: readonly number[], from = 0): number {
  let largest = Number.NEGATIVE_INFINITY
  for (let i = 0; i < weights.length; i++) largest = Math.max(largest, values[from + i]!)
  if (!Number.isFinite(largest)) return largest
  let sum = 0
  for (let i = 0; i < weights.length; i++) sum += weights[i]! * fastExp(values[from + i]! - largest)
  return largest + Math.log(sum)
}

/** ln of the plain mean of e^v. */
export function logMean(values: ArrayLike<number>): number {
  return logSumExp(values) - Math.log(values.length)
}
