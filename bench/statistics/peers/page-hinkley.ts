/**
 * Page–Hinkley: has the mean of a stream risen?
 *
 * Formula. With the running mean x̄: S ← max(0, α S + x − x̄ − δ); a change when S ≥ λ, then everything begins anew.
 * Defaults of River: at least 30 values, δ = .005, λ = 50, α = .9999. λ is in units of the values: for a rate of errors it means dozens of
 * extra errors. What it promises: nothing unless λ was chosen for the stream.
 * Sources. Page (1954); https://riverml.xyz/latest/api/drift/PageHinkley/
 */
const VALUES_MIN = 30
const DELTA = 0.005
const LIMIT = 50
const FORGETTING = 0.9999

export class PageHinkley {
  private count = 0
  private mean = 0
  private sum = 0

  see(value: number): boolean {
    this.count += 1
    this.mean += (value - this.mean) / this.count
    this.sum = Math.max(0, FORGETTING * this.sum + value - this.mean - DELTA)
    if (this.count + 1 < VALUES_MIN || this.sum < LIMIT) return false
    this.count = this.mean = this.sum = 0
    return true
  }
}
