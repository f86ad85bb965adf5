/**
 * Failed checks, counted: stop when a metric was worse than its threshold in k of the last n checks.
 *
 * The rule of most progressive-delivery controllers. A check compares one number of one interval with a threshold, either fixed
 * (`max: 500` ms, `min: 99` %) or the control's number of the same interval plus a tolerance.
 * Argo Rollouts: `failureLimit` measurements may fail in all, the next one fails the analysis; its documentation's example is a limit of 3
 * at an interval of 5 minutes. Flagger: a canary is taken back when `threshold` checks failed (examples: 5 and 10, every minute).
 * "k of n" and "k in a row" are how teams write the same in alert rules.
 * What it promises: nothing; each check has some chance to fail by luck, and there is no end to the checks.
 * Sources. https://argo-rollouts.readthedocs.io/en/stable/features/analysis/ ; https://docs.flagger.app/usage/how-it-works ;
 * https://docs.flagger.app/usage/metrics
 */

/** Remembers the last checks. */
export interface FailedChecks {
  /** Adds a check (null: no data, it neither fails nor passes); true: too many failed. */
  see(isFailed: boolean | null): boolean
}

/** `count` failures among the last `outOf` checks that had data. `outOf` = count: in a row. `outOf` = +∞: since the start. */
export function failedChecks(count: number, outOf: number): FailedChecks {
  let checks = 0
  let failedAt: number[] = []
  return {
    see(isFailed) {
      if (isFailed === null) return false
      checks += 1
      if (isFailed) failedAt.push(checks)
      failedAt = failedAt.filter((at) => at > checks - outOf)
      return failedAt.length >= count
    },
  }
}

/** Worse than the control by more than `tolerance`; no verdict while an arm has no rows. */
export function isWorseThanControl(candidate: number, control: number, tolerance: number): boolean | null {
  return Number.isNaN(candidate) || Number.isNaN(control) ? null : candidate > control + tolerance
}

export function isOver(value: number, limit: number): boolean | null {
  return Number.isNaN(value) ? null : value > limit
}

/** Part of a whole; NaN: no rows. */
export function rateOf(part: number, whole: number): number {
  return whole === 0 ? Number.NaN : part / whole
}
