/**
 * Smooth calibration error (smECE): the calibration error without bins, at the only width that does not have to be chosen.
 *
 * Idea. Smooth the residuals p − y along the scores with a Gaussian of width σ, reflected at 0 and 1, and integrate their absolute
 * value. A small σ shows noise, a large one hides error; the error read at the width equal to itself is a consistent measure.
 * Formula. smECE_σ = Σ_t |r_σ(t)| / Σ_t n_σ(t), and smECE = smECE_σ at the smallest σ of the search with smECE_σ ≤ σ. Residuals lie on
 * a grid of 1001 points (finer below σ = .01), shared between neighbours; read at 200 points between them.
 * Guarantee. Within constant factors of the distance to the nearest calibrated forecaster. A display: no interval, no trigger. Noise
 * shows here too, at 300 rows about .04.
 * Cost. Points read × distinct scores × ten widths. Blind to: nothing wider than σ; over bins, to what cancels within one.
 * Source. Błasiok & Nakkiran (ICLR 2024).
 */
import { type ForecastGroup, rowsOf } from './score-bins.ts'

const READ_POINTS = 200
const GRID_STEPS = 2000
const HALVINGS = 10
const WIDTH_MIN = 0.001
/** Added to the density where it is read, so that nothing is divided by zero. */
const DENSITY_FLOOR = 1e-4

export function smoothCalibrationError(groups: readonly ForecastGroup[]): number {
  return smoothErrorAt(groups, smoothWidth(groups))
}

/** The width at which the error is read: halved towards where error and width meet, from above. */
export function smoothWidth(groups: readonly ForecastGroup[]): number {
  const isTooNarrow = (width: number) => width < WIDTH_MIN || width < smoothErrorAt(groups, width)
  if (isTooNarrow(1)) return 1
  let wide = 1
  let narrow = 0
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (wide + narrow) / 2
    if (isTooNarrow(middle)) narrow = middle
    else wide = middle
  }
  return wide
}

export function smoothErrorAt(groups: readonly ForecastGroup[], width: number): number {
  if (rowsOf(groups) === 0) return Number.NaN
  const last = 2 * Math.floor(Math.max(GRID_STEPS, 20 / width) / 4)
  const nodes = nodesOf(groups, last)
  const kernel = halfKernel(width, last)
  const points = Math.max(Math.round(10 / width), READ_POINTS)
  let error = 0
  let density = 0
  for (let i = 0; i < points; i++) {
    const place = (i / (points - 1)) * last
    const below = Math.min(last - 1, Math.floor(place))
    const share = place - below
    let residual = 0
    let rows = 0
    for (let k = 0; k < nodes.at.length; k++) {
      const node = nodes.at[k]!
      const weight = (1 - share) * weightOf(kernel, below, node, last) + share * weightOf(kernel, below + 1, node, last)
      residual += weight * nodes.residual[k]!
      rows += weight * nodes.rows[k]!
    }
    error += Math.abs(residual)
    density += rows + DENSITY_FLOOR
  }
  return error / density
}

interface Nodes {
  readonly at: readonly number[]
  readonly residual: readonly number[]
  readonly rows: readonly number[]
}

/** Grid points that hold anything; a score between two is shared by distance. */
function nodesOf(groups: readonly ForecastGroup[], last: number): Nodes {
  const held = new Map<number, { residual: number; rows: number }>()
  const put = (at: number, share: number, { score, rows, positives }: ForecastGroup) => {
    const node = held.get(at) ?? { residual: 0, rows: 0 }
    held.set(at, { residual: node.residual + share * (rows * score - positives), rows: node.rows + share * rows })
  }
  for (const group of groups) {
    const place = group.score * last
    const below = Math.min(last - 1, Math.floor(place))
    put(below, 1 - (place - below), group)
    put(below + 1, place - below, group)
  }
  const entries = [...held].sort(([one], [other]) => one - other)
  return {
    at: entries.map(([at]) => at),
    residual: entries.map(([, node]) => node.residual),
    rows: entries.map(([, node]) => node.rows),
  }
}

/** The normal density at 0, 1, 2 … grid steps, up to half the unit interval. */
function halfKernel(width: number, last: number): Float64Array {
  const scale = 1 / (Math.sqrt(2 * Math.PI) * width)
  return Float64Array.from({ length: last / 2 + 1 }, (_, step) => scale * Math.exp(-((step / last) ** 2) / (2 * width * width)))
}

/** Of a node at a grid point, with the mirror images beyond 0 and 1 (a node on the mirror itself has none). */
function weightOf(kernel: Float64Array, at: number, node: number, last: number): number {
  const reach = kernel.length
  const distance = Math.abs(at - node)
  let weight = distance < reach ? kernel[distance]! : 0
  if (node > 0 && at + node < reach) weight += kernel[at + node]!
  const beyond = 2 * last - node - at
  if (node < last && beyond < reach) weight += kernel[beyond]!
  return weight
}
