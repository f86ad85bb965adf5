/** Which bin a number falls into. Compiled once for each block, then called for every record: no logarithm, no division where one can do without. */
import type { Block } from '../policy/layout.ts'

const bits = new DataView(new ArrayBuffer(8))

/**
 * Latency bins as the layout defines them: clamp(floor(log2(ms / firstMs) · perOctave + 1e-9), 0, bins - 1).
 * The octave is the exponent of the double; within it the lower edges are compared. The edges are found by asking the definition
 * itself, so both agree to the last bit.
 */
export class LatencyBins {
  private readonly bins: number
  private readonly perOctave: number
  private readonly perMs: number
  /** edges[k]: the smallest latency of bin k. */
  private readonly edges: Float64Array

  constructor(block: Pick<Block, 'bins' | 'firstMs' | 'perOctave'>) {
    this.bins = block.bins
    this.perOctave = block.perOctave
    this.perMs = 1 / block.firstMs
    this.edges = new Float64Array(block.bins)
    for (let k = 1; k < block.bins; k++) this.edges[k] = lowerEdge(k, block)
  }

  of(latencyMs: number): number {
    const edges = this.edges
    let bin = this.octaveStart(latencyMs)
    while (bin + 1 < this.bins && latencyMs >= edges[bin + 1]!) bin++
    while (bin > 0 && latencyMs < edges[bin]!) bin--
    return bin
  }

  private octaveStart(latencyMs: number): number {
    const ratio = latencyMs * this.perMs
    if (!(ratio >= 2)) return 0
    bits.setFloat64(0, ratio)
    const octave = (bits.getUint32(0) >>> 20) - 1023
    return Math.min(this.bins - 1, octave * this.perOctave)
  }
}

function definition(latencyMs: number, block: Pick<Block, 'firstMs' | 'perOctave'>): number {
  return Math.floor(Math.log2(latencyMs / block.firstMs) * block.perOctave + 1e-9)
}

/** Walks from a good guess, one representable number at a time, to the first that the definition puts into bin k. */
function lowerEdge(k: number, block: Pick<Block, 'firstMs' | 'perOctave'>): number {
  let edge = block.firstMs * 2 ** ((k - 1e-9) / block.perOctave)
  while (definition(edge, block) < k) edge = neighbour(edge, 1n)
  while (definition(neighbour(edge, -1n), block) >= k) edge = neighbour(edge, -1n)
  return edge
}

function neighbour(value: number, step: bigint): number {
  bits.setFloat64(0, value)
  bits.setBigUint64(0, bits.getBigUint64(0) + step)
  return bits.getFloat64(0)
}

/** Feature slots: 0 under, 1 … n the bins, n + 1 over. */
export class FeatureBins {
  readonly bins: number
  private readonly edges: Float64Array
  private readonly low: number
  private readonly high: number
  /** Bins per unit when all bins are equally wide, else 0. */
  private readonly perUnit: number

  constructor(edges: readonly number[]) {
    this.edges = Float64Array.from(edges)
    this.bins = edges.length - 1
    this.low = edges[0]!
    this.high = edges[this.bins]!
    this.perUnit = equallyWide(this.edges) ? this.bins / (this.high - this.low) : 0
  }

  slotOf(value: number): number {
    if (value < this.low) return 0
    if (value > this.high) return this.bins + 1
    return 1 + (this.perUnit > 0 ? this.guessed(value) : this.searched(value))
  }

  private guessed(value: number): number {
    const edges = this.edges
    let bin = Math.min(this.bins - 1, Math.floor((value - this.low) * this.perUnit))
    while (bin > 0 && value < edges[bin]!) bin--
    while (bin < this.bins - 1 && value >= edges[bin + 1]!) bin++
    return bin
  }

  private searched(value: number): number {
    const edges = this.edges
    let low = 0
    let high = this.bins - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (value >= edges[middle]!) low = middle
      else high = middle - 1
    }
    return low
  }
}

function equallyWide(edges: Float64Array): boolean {
  const bins = edges.length - 1
  const width = (edges[bins]! - edges[0]!) / bins
  for (let k = 0; k < bins; k++) if (Math.abs(edges[k + 1]! - edges[k]! - width) > width * 1e-6) return false
  return width > 0
}

/** Equal-width score bins on [0, 1]. */
export function scoreBin(score: number, bins: number): number {
  return Math.min(bins - 1, Math.floor(score * bins))
}
