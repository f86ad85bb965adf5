/** Which bin a number falls into. Compiled once for each block, then called for every record: no logarithm, no division where one can do without. */
import type { Block } from '../policy/layout.ts'

/** One double and its upper half, which has sign, exponent and the first twenty bits of the mantissa. */
const double = new Float64Array(1)
const halves = new Int32Array(double.buffer)
const UPPER = new Uint8Array(Int32Array.of(1).buffer)[0] === 1 ? 1 : 0
/** What is left of the upper half: a sixteenth of an octave, more or less. */
const CELL_SHIFT = 16

function cellOf(value: number): number {
  double[0] = value
  return halves[UPPER]! >> CELL_SHIFT
}

/**
 * Latency bins as the layout defines them: clamp(floor(log2(ms / firstMs) · perOctave + 1e-9), 0, bins - 1).
 * The first bits of the double say in which sixteenth of which octave it lies, and a table in which bin that begins; what is left to do
 * is, as a rule, one comparison with a lower edge. The edges are found by asking the definition itself, so both agree to the last bit.
 */
export class LatencyBins {
  private readonly last: number
  /** edges[k]: the smallest latency of bin k. One more than there are bins, which nothing reaches. */
  private readonly edges: Float64Array
  /** Bin of the smallest number of each cell, from that of the first edge to that of the last one. */
  private readonly starts: Int32Array
  private readonly firstCell: number

  constructor(block: Pick<Block, 'bins' | 'firstMs' | 'perOctave'>) {
    this.last = block.bins - 1
    this.edges = latencyEdges(block)
    const cells = block.bins === 1 ? [] : [cellOf(this.edges[1]!), cellOf(this.edges[this.last]!)]
    this.firstCell = cells[0] ?? 0
    this.starts = new Int32Array(cells.length === 0 ? 0 : cells[1]! - cells[0]! + 1)
    for (let cell = 0, bin = 0; cell < this.starts.length; cell++) {
      while (bin < this.last && cellOf(this.edges[bin + 1]!) < this.firstCell + cell) bin++
      this.starts[cell] = bin
    }
  }

  of(latencyMs: number): number {
    const { edges, starts } = this
    const cell = cellOf(latencyMs) - this.firstCell
    if (cell < 0) return 0
    if (cell >= starts.length) return this.last
    let bin = starts[cell]!
    while (latencyMs >= edges[bin + 1]!) bin++
    return bin
  }
}

/** Finding them costs a millisecond, and as a rule all models of a policy have the same ones. */
const knownEdges = new Map<string, Float64Array>()
const EDGES_KNOWN_MAX = 64

function latencyEdges(block: Pick<Block, 'bins' | 'firstMs' | 'perOctave'>): Float64Array {
  const key = `${block.bins}/${block.firstMs}/${block.perOctave}`
  const known = knownEdges.get(key)
  if (known !== undefined) return known
  const edges = new Float64Array(block.bins + 1).fill(Number.NaN)
  for (let k = 1; k < block.bins; k++) edges[k] = lowerEdge(k, block)
  if (knownEdges.size < EDGES_KNOWN_MAX) knownEdges.set(key, edges)
  return edges
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
  const bits = new DataView(new ArrayBuffer(8))
  bits.setFloat64(0, value)
  bits.setBigUint64(0, bits.getBigUint64(0) + step)
  return bits.getFloat64(0)
}

/** Feature slots: 0 under, 1 … n the bins, n + 1 over. */
export class FeatureBins {
  readonly bins: number
  /** Lower edges; behind them one that nothing reaches, since the last bin has its upper edge too. */
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
    this.edges[this.bins] = Number.POSITIVE_INFINITY
  }

  slotOf(value: number): number {
    if (value < this.low) return 0
    if (value > this.high) return this.bins + 1
    return 1 + (this.perUnit > 0 ? this.guessed(value) : this.searched(value))
  }

  private guessed(value: number): number {
    const { edges } = this
    let bin = ((value - this.low) * this.perUnit) | 0
    while (value < edges[bin]!) bin--
    while (value >= edges[bin + 1]!) bin++
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
