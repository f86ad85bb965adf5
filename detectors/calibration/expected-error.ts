/**
 * Expected calibration error (ECE), with the part of it that a perfect model would show at this many rows.
 *
 * Formula. ECE = Σ_b (n_b/n) |ȳ_b − p̄_b|. A perfect model's bin shows E|X/n − p| of a binomial law, which De Moivre gave in closed
 * form: E|X − np| = 2k (1 − p) P(X = k) with k = ⌊np⌋ + 1; its ECE is the mean of these.
 * Guarantee. The second number is exact for equal scores within a bin, a little above otherwise. ECE alone misleads: it is never shown
 * without it. Displays both. Cost. A binomial term per bin. Blind to: gaps that cancel within a bin.
 * Source. Naeini, Cooper & Hauskrecht (2015); De Moivre (1730), see Diaconis & Zabell (1991).
 */
import { binomialLogPmf } from '../math/binomial-law.ts'
import { type ForecastGroup, rowsOf } from './score-bins.ts'

export function expectedCalibrationError(groups: readonly ForecastGroup[]): number {
  return groups.reduce((sum, { score, rows, positives }) => sum + Math.abs(positives - rows * score), 0) / rowsOf(groups)
}

/** What ECE would show by chance if every score were right. */
export function expectedErrorByChance(groups: readonly ForecastGroup[]): number {
  return groups.reduce((sum, { score, rows }) => sum + meanDeviation(rows, score), 0) / rowsOf(groups)
}

/** E|X − np| of a binomial X. */
function meanDeviation(n: number, p: number): number {
  if (p <= 0 || p >= 1) return 0
  const k = Math.min(n, Math.floor(n * p) + 1)
  return 2 * k * (1 - p) * Math.exp(binomialLogPmf(k, n, p))
}
