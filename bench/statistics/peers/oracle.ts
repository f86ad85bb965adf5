/**
 * The oracle: a sequential test that is told what no one knows, the rates of both arms and the split. A yardstick for delay, not a rival.
 *
 * Idea. Wald's test of one simple alternative, "control fails at p₀, candidate at p₁", against "both fail at the same rate". Of the rates
 * that are equal, the pooled one p̄ = (1−ρ)p₀ + ρp₁ is the hardest to tell from the alternative, and the likelihood ratio against it has
 * mean one at *every* common rate r: ρ(r p₁/p̄ + …) + (1−ρ)(r p₀/p̄ + …) = r + (1−r) = 1. So the oracle keeps the same promise as Flyball
 * (it may not assume that the control's rate of yesterday still holds), and no test that keeps it grows faster against this alternative.
 * Formula. Per request: ln of the arm's own rate over the pooled one, for an event; of the complements, for none. Stop at ln(1/α).
 * Source. Wald (1945); that no valid bet grows faster, Turner, Ly & Grünwald (2024), «Generic E-variables for exact sequential k-sample
 * tests that allow for optional stopping»; Grünwald, de Heide & Koolen (2024).
 */

/** What one request adds to the oracle's log capital. */
export interface OracleBets {
  readonly candidateEvent: number
  readonly candidateNone: number
  readonly controlEvent: number
  readonly controlNone: number
  /** Mean of what one request adds when the harm is there: nats a request. */
  readonly growth: number
}

export function oracleBets(controlRate: number, candidateRate: number, candidateShare: number): OracleBets {
  const pooled = (1 - candidateShare) * controlRate + candidateShare * candidateRate
  const event = (rate: number) => Math.log(rate / pooled)
  const none = (rate: number) => Math.log((1 - rate) / (1 - pooled))
  const growthOf = (rate: number) => rate * event(rate) + (1 - rate) * none(rate)
  return {
    candidateEvent: event(candidateRate),
    candidateNone: none(candidateRate),
    controlEvent: event(controlRate),
    controlNone: none(controlRate),
    growth: candidateShare * growthOf(candidateRate) + (1 - candidateShare) * growthOf(controlRate),
  }
}
