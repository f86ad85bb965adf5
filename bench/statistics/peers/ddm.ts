/**
 * DDM, drift detection method: has a classifier's error rate left the best it ever had?
 *
 * Formula. With p the error rate so far and s = √(p(1−p)/n): remember p and s where p + s was least; a drift when p + s > p_min + 3 s_min,
 * a warning at 2. Then everything begins anew. Defaults: nothing before 30 values.
 * What it promises: a three-sigma chance at one look, which grows with every look.
 * Sources. Gama, Medas, Castillo & Rodrigues, "Learning with drift detection", SBIA 2004; https://riverml.xyz/latest/api/drift/binary/DDM/
 */
const VALUES_MIN = 30
const DEVIATIONS = 3

export class Ddm {
  private count = 0
  private errors = 0
  private least = { rate: Number.POSITIVE_INFINITY, deviation: 0 }

  see(isError: boolean): boolean {
    this.count += 1
    this.errors += isError ? 1 : 0
    if (this.count <= VALUES_MIN) return false
    const rate = this.errors / this.count
    const deviation = Math.sqrt((rate * (1 - rate)) / this.count)
    if (rate + deviation <= this.least.rate + this.least.deviation) this.least = { rate, deviation }
    if (rate + deviation <= this.least.rate + DEVIATIONS * this.least.deviation) return false
    this.count = this.errors = 0
    this.least = { rate: Number.POSITIVE_INFINITY, deviation: 0 }
    return true
  }
}
