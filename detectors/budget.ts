/**
 * Budget: one promise over many scopes.
 *
 * Idea. α is a budget, split by weights that sum to one: half for the whole population, the rest over segments and features. A
 * weighted mean of e-values is an e-value, so 420 scopes cost the whole population one doubling, not a factor of 420.
 * Formula. E = Σ w e; act when E ≥ 1/α; name the scopes with w·e ≥ 1/α.
 * Guarantee. P(ever E ≥ 1/α) ≤ α when each e is an e-process and Σ w ≤ 1, however the scopes depend on one another. Naming keeps it,
 * since each w·e is part of E.
 * Latched evidence (the highest value so far) is no e-value. It becomes one through the adjuster (x − 1 − ln x)/ln² x.
 * Source. Vovk & Wang (2021) for means; Shafer, Shen, Vereshchagin & Vovk (2011) and Ramdas et al. (2022) for adjusters.
 */
import { logSumExp } from './math/log-sum-exp.ts'
import { requireNonNegative } from './math/refuse.ts'

export interface WeightedEvidence {
  readonly logEvidence: number
  readonly weight: number
}

export interface CombinedEvidence {
  readonly logEvidence: number
  /** Indices of the parts that pass 1/α by themselves. */
  readonly named: readonly number[]
}

export function combine(parts: readonly WeightedEvidence[], alpha: number): CombinedEvidence {
  parts.forEach((part, index) => {
    requireNonNegative(part.weight, `parts[${index}].weight`)
    if (Number.isNaN(part.logEvidence)) throw new RangeError(`parts[${index}].logEvidence must be a number, not NaN`)
  })
  const total = parts.reduce((sum, part) => sum + part.weight, 0)
  if (total > 1 + 1e-9) throw new RangeError(`weights must sum to at most 1, not ${total}`)
  const logs = parts.map((part) => part.logEvidence + Math.log(part.weight))
  const threshold = -Math.log(alpha)
  return { logEvidence: logSumExp(logs), named: logs.flatMap((log, index) => (log >= threshold ? [index] : [])) }
}

/** ln of the adjusted value of a running maximum, given its logarithm. At most the value itself; ½ at 1. */
export function adjustLatched(logMaximum: number): number {
  const l = Math.max(0, logMaximum)
  // Near 1 the formula is 0/0: its series ½ + l/6 + l²/24 is exact to a part in a million there.
  if (l < 0.01) return Math.log(0.5 + l / 6 + (l * l) / 24)
  return l + Math.log1p(-(1 + l) * Math.exp(-l)) - 2 * Math.log(l)
}
