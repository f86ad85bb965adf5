/** The Poisson law: ln P(X = k), P(X ≤ k) and P(X > k) for a mean, each tail with its own digits. */
import { incompleteGamma, incompleteGammaComplement, logGammaTerm } from './incomplete-gamma.ts'
import { requireCount, requireNonNegative } from './refuse.ts'

export function poissonLogPmf(k: number, mean: number): number {
  requireCount(k, 'k')
  requireNonNegative(mean, 'mean')
  return logGammaTerm(k, mean)
}

export function poissonCdf(k: number, mean: number): number {
  requireCount(k, 'k')
  return incompleteGammaComplement(k + 1, mean)
}

export function poissonSf(k: number, mean: number): number {
  requireCount(k, 'k')
  return incompleteGamma(k + 1, mean)
}
