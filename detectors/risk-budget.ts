/**
 * Risk budget: is it safe to give the candidate more traffic?
 *
 * Idea. What a step puts at risk is the next share times the harm. At 5 % a loose interval is proof enough; at 100 % the whole margin
 * must be met. Asking for the full margin at every step would cost hours and save nothing.
 * Formula. Promote to share w when, for every guardrail named, w · (upper end of harm) ≤ margin · g; g = ½ conservative, 1 standard,
 * 2 rapid, but never above 1 for the step to 100 %.
 * Guarantee. With intervals valid at all times (confidence-sequence.ts) at level α per guardrail and stage: a candidate that is worse
 * by more than the margin reaches 100 % with probability at most α.
 * Cost. None. Blind to: harm that no named guardrail measures.
 * Source. Non-inferiority margins as in clinical trials; the interval, Waudby-Smith et al. (2024).
 */
import { asymptoticFactor } from './confidence-sequence.ts'
import { requireNonNegative, requireShare } from './math/refuse.ts'

export interface PromotionQuestion {
  /** The candidate's share after the step, 0 to 1. */
  readonly nextWeight: number
  /** Upper end of harm, in the guardrail's unit. */
  readonly intervalHigh: number
  readonly margin: number
  /** g: ½ conservative, 1 standard, 2 rapid. */
  readonly riskFactor: number
}

export interface PromotionProof {
  readonly holds: boolean
  readonly allowed: number
  readonly atRisk: number
}

export function promotionProof(question: PromotionQuestion): PromotionProof {
  requireShare(question.nextWeight, 'nextWeight')
  requireNonNegative(question.margin, 'margin')
  requireNonNegative(question.riskFactor, 'riskFactor')
  const factor = question.nextWeight >= 1 ? Math.min(1, question.riskFactor) : question.riskFactor
  const allowed = question.margin * factor
  const atRisk = question.nextWeight * question.intervalHigh
  return { holds: atRisk <= allowed, allowed, atRisk }
}

export interface RowsQuestion {
  /** Standard deviation of the estimated difference times √rows: see `deviationOfRate`. */
  readonly deviation: number
  /** The half-width asked for: what is allowed, divided by the next share. */
  readonly halfWidth: number
  readonly alpha: number
}

/** Rows of both arms after which the interval is as narrow as asked for, when it is tuned to that moment. Use it as n*. */
export function rowsNeeded(question: RowsQuestion): number {
  requireNonNegative(question.deviation, 'deviation')
  if (!(question.halfWidth > 0)) throw new RangeError(`halfWidth must be above zero, not ${question.halfWidth}`)
  const ratio = (question.deviation * asymptoticFactor(question.alpha)) / question.halfWidth
  return Math.max(1, Math.ceil(ratio * ratio))
}

/** The deviation for a rate: one row of both arms, of which the candidate serves `share`. */
export function deviationOfRate(rate: number, share: number): number {
  requireShare(rate, 'rate')
  requireShare(share, 'share')
  return Math.sqrt((rate * (1 - rate)) / (share * (1 - share)))
}
