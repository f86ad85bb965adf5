/**
 * HDDM_A: is the mean of a bounded stream above what it was in its best stretch so far?
 *
 * Formula. Of all prefixes remember the one with the least mean + √(ln(1/δ)/(2n)). With n₀ values in it of n: a change when
 * mean_n − mean_{n₀} ≥ √( (n − n₀)/(n₀ n) · ln(2/δ)/2 ). Two-sided: the same for the prefix with the greatest mean − band.
 * Default of River: δ = .001, one-sided. What it promises: Hoeffding's bound at one look, for a prefix chosen beforehand; it is neither.
 * Sources. Frías-Blanco et al., "Online and non-parametric drift detection methods based on Hoeffding's bounds", TKDE 2015;
 * https://riverml.xyz/latest/api/drift/binary/HDDM-A/
 */
interface Prefix {
  readonly count: number
  readonly sum: number
}

const NONE: Prefix = { count: 0, sum: 0 }

export class HddmA {
  private readonly confidence: number
  private readonly isTwoSided: boolean
  private all = NONE
  private least = NONE
  private greatest = NONE

  constructor(confidence = 0.001, isTwoSided = false) {
    this.confidence = confidence
    this.isTwoSided = isTwoSided
  }

  see(value: number): boolean {
    this.all = { count: this.all.count + 1, sum: this.all.sum + value }
    if (this.least.count === 0 || this.edge(this.least, 1) >= this.edge(this.all, 1)) this.least = this.all
    if (this.greatest.count === 0 || this.edge(this.greatest, -1) <= this.edge(this.all, -1)) this.greatest = this.all
    const hasRisen = mean(this.all) - mean(this.least) >= this.gap(this.least)
    const hasFallen = mean(this.greatest) - mean(this.all) >= this.gap(this.greatest)
    if (!hasRisen && !(this.isTwoSided && hasFallen)) return false
    this.all = this.least = this.greatest = NONE
    return true
  }

  private edge(prefix: Prefix, side: 1 | -1): number {
    return mean(prefix) + side * Math.sqrt(Math.log(1 / this.confidence) / (2 * prefix.count))
  }

  /** No gap is large enough while the prefix is everything. */
  private gap(prefix: Prefix): number {
    const after = this.all.count - prefix.count
    if (after === 0) return Number.POSITIVE_INFINITY
    return Math.sqrt((after / prefix.count / this.all.count / 2) * Math.log(2 / this.confidence))
  }
}

function mean(prefix: Prefix): number {
  return prefix.sum / prefix.count
}
