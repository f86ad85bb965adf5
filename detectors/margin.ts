/**
 * A margin in the user's units, as the odds ratio that two-arm evidence needs.
 *
 * Idea. "No more than half a point of errors worse" is what a user means; an odds ratio is what the test is exact for. A fixed
 * factor would hide harm on common events: 1.25 at a 17.5 % error rate forgives 3.4 points. So the points are converted, for each
 * stratum, at the control's rate in the strata BEFORE it: looking at the stratum itself would let its outcome choose its own margin.
 *
 * Formula. p = (events + ½)/(requests + 1), q = p + margin:  ln ψ₀ = ln q/(1−q) − ln p/(1−p).
 * Cost. None. Blind to: a control rate that moves faster than it is learnt. Below one half, a rising rate makes the margin a little
 * too generous in points and a falling one a little too strict; an equal candidate is safe either way, since ψ₀ is never below 1.
 */
import { requireCount, requireNonNegative } from './math/refuse.ts'

/** Above this rate nothing can be worse by the margin: the odds ratio is held at that of 1 − 1e−6. */
const RATE_MAX = 1 - 1e-6

/** `marginPoints` is a share: 0.005 is half a point. */
export function logMarginFromPoints(marginPoints: number, controlEventsBefore: number, controlRequestsBefore: number): number {
  requireNonNegative(marginPoints, 'marginPoints')
  requireCount(controlEventsBefore, 'controlEventsBefore')
  requireCount(controlRequestsBefore, 'controlRequestsBefore')
  const rate = (controlEventsBefore + 0.5) / (controlRequestsBefore + 1)
  const worst = Math.min(rate + marginPoints, Math.max(rate, RATE_MAX))
  return Math.max(0, logOdds(worst) - logOdds(rate))
}

/** The same for an event whose harm is to become rarer: the candidate may have the event less often by the margin. */
export function logMarginFromPointsFewer(marginPoints: number, controlEventsBefore: number, controlRequestsBefore: number): number {
  return logMarginFromPoints(marginPoints, controlRequestsBefore - controlEventsBefore, controlRequestsBefore)
}

function logOdds(rate: number): number {
  return Math.log(rate) - Math.log1p(-rate)
}
