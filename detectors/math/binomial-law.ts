/** The binomial law: ln P(X = k), P(X ≤ k) and P(X > k) for n trials at rate p, each tail with its own digits. */
import { incompleteBeta, incompleteBetaComplement } from './incomplete-beta.ts'
import { logChoose } from './log-gamma.ts'
import { requirePart, requireShare } from './refuse.ts'

export function binomialLogPmf(k: number, n: number, p: number): number {
  requirePart(k, n, 'k', 'n')
  requireShare(p, 'p')
  const ups = k === 0 ? 0 : k * Math.log(p)
  const downs = k === n ? 0 : (n - k) * Math.log1p(-p)
  return logChoose(n, k) + ups + downs
}

export function binomialCdf(k: number, n: number, p: number): number {
  requirePart(k, n, 'k', 'n')
  requireShare(p, 'p')
  return k === n ? 1 : incompleteBetaComplement(p, k + 1, n - k)
}

export function binomialSf(k: number, n: number, p: number): number {
  requirePart(k, n, 'k', 'n')
  requireShare(p, 'p')
  return k === n ? 0 : incompleteBeta(p, k + 1, n - k)
}
