/**
 * Wealth of gamma mixtures for sums whose increments are skewed: sub-exponential and sub-Poisson, scale c.
 *
 * Where increments can be large upwards (waiting times) or are counts, a normal mixture promises too much: these mix the bets that
 * such increments allow, with a gamma weight tuned to intrinsic time vTuned, and 1/α is reached with probability at most α.
 * The published table of boundary widths uses them. Source. Howard, Ramdas, McAuliffe & Sekhon (2021), propositions 9 and 10.
 */
import { mixtureBound, oneSidedRho } from '../confidence-sequence.ts'
import { incompleteGamma, incompleteGammaComplement } from './incomplete-gamma.ts'
import { logGamma } from './log-gamma.ts'

/** ln of the wealth at sum s and intrinsic time v. */
export function gammaExponentialLogMixture(s: number, v: number, vTuned: number, c: number): number {
  const rho = oneSidedRho(vTuned) / (c * c)
  const time = v / (c * c) + rho
  const reach = s / c + time
  const start = rho * Math.log(rho) - logGamma(rho) - Math.log(incompleteGamma(rho, rho))
  return start + logGamma(time) + Math.log(incompleteGamma(time, reach)) - time * Math.log(reach) + reach - rho
}

export function gammaPoissonLogMixture(s: number, v: number, vTuned: number, c: number): number {
  const rho = oneSidedRho(vTuned) / (c * c)
  const time = v / (c * c) + rho
  const reach = s / c + time
  const start = rho * Math.log(rho) - logGamma(rho) - Math.log(incompleteGammaComplement(rho, rho))
  return start + logGamma(reach) + Math.log(incompleteGammaComplement(reach, time)) - reach * Math.log(time) + time - rho
}

/** The sum at which the wealth reaches 1/α. */
export function gammaExponentialMixtureBound(v: number, alpha: number, vTuned: number, c: number): number {
  return mixtureBound((s) => gammaExponentialLogMixture(s, v, vTuned, c), v, alpha, Number.POSITIVE_INFINITY)
}

export function gammaPoissonMixtureBound(v: number, alpha: number, vTuned: number, c: number): number {
  return mixtureBound((s) => gammaPoissonLogMixture(s, v, vTuned, c), v, alpha, Number.POSITIVE_INFINITY)
}
