/**
 * ADWIN, adaptive windowing: has the mean of a stream changed?
 *
 * Idea. Keep a window of recent values. If it can be cut into an older and a newer part whose means differ by more than chance allows, the
 * older part is out of date and a change is reported (River's detector then begins anew). So that this is cheap, values are kept as buckets of 1, 2, 4, … values, at most five of a
 * size, and cuts are tried only between buckets, every 32 values.
 * Formula. A cut into n₀ and n₁ values counts when |mean₀ − mean₁| > √(2/m · σ² · ln(2 ln n/δ)) + 2/(3m) · ln(2 ln n/δ), with
 * 1/m = 1/(n₀ − 4) + 1/(n₁ − 4), both parts at least 5 values, σ² the variance of the window. Defaults of River: δ = .002, clock 32,
 * five buckets, parts of at least 5, nothing before 10 values. Every bucket of a row is a place to cut (River ≥ 0.22, MOA).
 * What it promises: false alarms at most δ at one moment, for one stream of equal law. A season is a change to it, as it should be; as a
 * judge of rollouts it lacks the arm beside it.
 * Sources. Bifet & Gavaldà, "Learning from time-changing data with adaptive windowing", SDM 2007;
 * https://riverml.xyz/latest/api/drift/ADWIN/
 */
export interface AdwinOptions {
  readonly delta: number
  readonly clock: number
  readonly bucketsMax: number
  readonly partMin: number
  readonly grace: number
}

export const ADWIN_DEFAULTS: AdwinOptions = { delta: 0.002, clock: 32, bucketsMax: 5, partMin: 5, grace: 10 }

interface Bucket {
  readonly size: number
  readonly sum: number
  readonly squares: number
}

const NOTHING: Bucket = { size: 0, sum: 0, squares: 0 }

/** The state: buckets from the oldest to the newest; sizes never grow along the way. */
export class Adwin {
  private readonly options: AdwinOptions
  private buckets: Bucket[] = []
  private whole = NOTHING
  private seen = 0

  constructor(options: Partial<AdwinOptions> = {}) {
    this.options = { ...ADWIN_DEFAULTS, ...options }
  }

  /** Adds a value; true: a change was found, and the window begins anew. */
  see(value: number): boolean {
    const bucket = { size: 1, sum: value, squares: value * value }
    this.buckets.push(bucket)
    this.whole = joined(this.whole, bucket)
    this.compress()
    this.seen += 1
    if (this.seen % this.options.clock !== 0 || this.whole.size <= this.options.grace || !this.hasCut()) return false
    this.buckets = []
    this.whole = NOTHING
    this.seen = 0
    return true
  }

  /** Where there is one bucket too many of a size, its two oldest become one of twice the size. */
  private compress(): void {
    let end = this.buckets.length
    for (let size = 1; ; size *= 2) {
      let first = end
      while (first > 0 && this.buckets[first - 1]!.size === size) first -= 1
      if (end - first <= this.options.bucketsMax) return
      this.buckets.splice(first, 2, joined(this.buckets[first]!, this.buckets[first + 1]!))
      end = first + 1
    }
  }

  private hasCut(): boolean {
    const { delta, partMin } = this.options
    const { size, sum, squares } = this.whole
    const variance = Math.max(0, squares / size - (sum / size) ** 2)
    const nats = Math.log((2 * Math.log(size)) / delta)
    let older = NOTHING
    for (const bucket of this.buckets) {
      older = joined(older, bucket)
      const newerSize = size - older.size
      if (newerSize < partMin) return false
      if (older.size < partMin) continue
      const inverse = 1 / (older.size - partMin + 1) + 1 / (newerSize - partMin + 1)
      const allowed = Math.sqrt(2 * inverse * variance * nats) + (2 / 3) * inverse * nats
      if (Math.abs(older.sum / older.size - (sum - older.sum) / newerSize) > allowed) return true
    }
    return false
  }
}

function joined(one: Bucket, other: Bucket): Bucket {
  return { size: one.size + other.size, sum: one.sum + other.sum, squares: one.squares + other.squares }
}
