/** The chi-square law: P(X ≤ x) and P(X > x) at `degrees` of freedom, not necessarily whole. */
import { incompleteGamma, incompleteGammaComplement } from './incomplete-gamma.ts'

export function chiSquareCdf(x: number, degrees: number): number {
  return incompleteGamma(degrees / 2, x / 2)
}

export function chiSquareSf(x: number, degrees: number): number {
  return incompleteGammaComplement(degrees / 2, x / 2)
}
