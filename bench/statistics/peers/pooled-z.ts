/**
 * Two proportions, z with pooled variance, looked at again and again: the test of the A/B calculator, run from a dashboard.
 *
 * Formula. z = (x/n − y/m)/√(p̄(1−p̄)(1/n + 1/m)), p̄ = (x + y)/(n + m), over everything since the start; stop at p < .05 (or .01), one-sided.
 * What it promises: its error at ONE look, fixed beforehand. Looked at k times the chances add up; for ever, it stops every rollout.
 * Source. Any textbook; on looking often, Armitage, McPherson & Rowe (1969).
 */
import { normalSf } from '../../../detectors/math/normal.ts'

/** One-sided p value for "the candidate's rate is higher"; 1 while there is nothing to compare. */
export function pooledZ(candidateEvents: number, candidateRows: number, controlEvents: number, controlRows: number): number {
  if (candidateRows === 0 || controlRows === 0) return 1
  const pooled = (candidateEvents + controlEvents) / (candidateRows + controlRows)
  const variance = pooled * (1 - pooled) * (1 / candidateRows + 1 / controlRows)
  if (variance === 0) return 1
  return normalSf((candidateEvents / candidateRows - controlEvents / controlRows) / Math.sqrt(variance))
}
