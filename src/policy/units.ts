/** Text of the policy file that stands for numbers and places: durations and field paths. */

const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

export const DURATION = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/

/** `250ms`, `30s`, `5m`, `6h`, `1d` → milliseconds. The text has been checked against DURATION. */
export function durationMs(text: string): number {
  const [, digits, unit] = DURATION.exec(text) ?? []
  if (digits === undefined || unit === undefined) throw new Error(`not a duration: ${text}`)
  return Number(digits) * MILLISECONDS[unit]!
}

/** Milliseconds → the shortest text that a policy file would hold. */
export function durationText(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's']) {
    const size = MILLISECONDS[unit]!
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`
  }
  return `${ms}ms`
}

export const DOTTED_PATH = /^(?:\$\.)?[^.$\s][^.]*(?:\.[^.]+)*$/

/** `meta.rid`, `$.meta.rid` or a list of steps (for names that hold a dot) → steps from the root of the record. */
export function stepsOf(path: string | readonly string[]): readonly string[] {
  if (typeof path !== 'string') return path
  return path.replace(/^\$\./, '').split('.')
}

/** Factor that turns a time or a latency of this unit into milliseconds. */
export const UNIT_SCALE: Readonly<Record<'s' | 'ms' | 'us' | 'ns' | 'iso', number>> = { s: 1_000, ms: 1, us: 1e-3, ns: 1e-6, iso: 1 }
