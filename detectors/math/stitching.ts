/**
 * Stitched boundaries: closed forms that hold at all times, by a union over epochs of intrinsic time, each η times the last.
 *
 * They grow like √(v ln ln v), slower than any mixture in the end; at the sizes met here, some hundred rows to some
 * hundred thousand, mixtures are narrower, as the published table of boundary widths shows. The double form holds for all quantiles of a distribution at once.
 * Source. Howard, Ramdas, McAuliffe & Sekhon (2021), theorem 1; Howard & Ramdas (2022) for all quantiles.
 */
import { zetaLessOne } from './log-gamma.ts'

const EPOCH_RATIO = 2
/** Epochs share the error like k^−s. */
const EPOCH_POWER = 1.4
const SQRT_FACTOR = (EPOCH_RATIO ** 0.25 + EPOCH_RATIO ** -0.25) / Math.SQRT2
const LINEAR_FACTOR = (Math.sqrt(EPOCH_RATIO) + 1) / 2
const ZETA = 1 + zetaLessOne(EPOCH_POWER)
const LOG_EPOCH = Math.log(EPOCH_RATIO)

/** For one sum of scale c (0: as light as normal) from intrinsic time vMin on. */
export function stitchedBound(v: number, alpha: number, vMin: number, c: number): number {
  const time = Math.max(v, vMin)
  const level = EPOCH_POWER * Math.log(Math.log((EPOCH_RATIO * time) / vMin) / LOG_EPOCH) + Math.log(ZETA / alpha)
  return curved(SQRT_FACTOR ** 2 * time * level, LINEAR_FACTOR * c * level)
}

/** For n times the error of the empirical distribution function at its p-quantile, over all p and n ≥ nTuned together. */
export function doublyStitchedBound(p: number, n: number, alpha: number, nTuned: number, spread = 0.5): number {
  const rows = Math.max(n, nTuned)
  const ratio = rows / nTuned
  const logit = Math.log(p / (1 - p))
  const nearest = p >= 0.5 ? p : Math.min(0.5, 1 / (1 + Math.exp(-logit - 2 * spread * Math.sqrt(EPOCH_RATIO / ratio))))
  const variance = nearest * (1 - nearest)
  const quantiles = (Math.sqrt(ratio) * Math.abs(logit)) / (2 * spread) + 1
  const epochs = EPOCH_POWER * Math.log((Math.log(EPOCH_RATIO * ratio) * quantiles) / LOG_EPOCH)
  const level = epochs + Math.log((2 * ZETA * (2 * ZETA + 1)) / alpha)
  const drift = spread * Math.sqrt(EPOCH_RATIO * ratio * variance)
  return drift + curved(SQRT_FACTOR ** 2 * variance * rows * level, (LINEAR_FACTOR * (1 - 2 * p) * level) / 3)
}

function curved(square: number, linear: number): number {
  return Math.sqrt(square + linear * linear) + linear
}
