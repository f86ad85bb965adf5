/** What a count of mishaps says about a promise: at most α of the rollouts, with three standard errors for the chance of the draw. */

/** Share that a promise of `alpha` leaves to chance over so many rollouts. */
export function boundOf(alpha: number, rollouts: number): number {
  return alpha + 3 * Math.sqrt((alpha * (1 - alpha)) / rollouts)
}

/**
 * The largest count that keeps the promise. With few rollouts the normal law is no guide (one in eight would break 1 %), so the count
 * that chance passes no more often than three standard errors is allowed where it is larger.
 */
export function allowedOf(alpha: number, rollouts: number): number {
  const normal = Math.floor(rollouts * boundOf(alpha, rollouts) + 1e-9)
  return rollouts * alpha >= 4 ? normal : Math.max(normal, exactQuantile(alpha, rollouts))
}

const TAIL = 0.00135

/** Smallest count that a binomial exceeds with probability at most that of three standard deviations. */
function exactQuantile(alpha: number, trials: number): number {
  let term = (1 - alpha) ** trials
  let below = term
  let count = 0
  while (1 - below > TAIL && count < trials) {
    term *= ((trials - count) / (count + 1)) * (alpha / (1 - alpha))
    count += 1
    below += term
  }
  return count
}

export function percent(share: number, digits = 2): string {
  return `${(100 * share).toFixed(digits)} %`
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other)
  const middle = sorted.length >> 1
  if (sorted.length === 0) return Number.NaN
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Stream time in words. */
export function span(ms: number): string {
  if (!Number.isFinite(ms)) return '–'
  const minutes = ms / 60_000
  return minutes < 120 ? `${minutes.toFixed(minutes < 10 ? 1 : 0)} min` : `${(minutes / 60).toFixed(1)} h`
}

export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
