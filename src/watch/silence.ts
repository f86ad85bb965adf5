/** When quiet is too quiet: longer than told, and longer than three times what has been usual. */

export interface Group {
  /** Number of the last interval with data; −∞ before the first. */
  last: number
  /** With data, ever. */
  intervals: number
  /** The longest quiet so far, in intervals; fades. */
  usualQuiet: number
  /** The last interval that had been heard of when a silence was told. */
  toldLast: number
}

/** A group that has hardly begun is not missed. */
const INTERVALS_MIN = 12
const FADING = 0.99
const USUAL_FACTOR = 3

export function newGroup(): Group {
  return { last: Number.NEGATIVE_INFINITY, intervals: 0, usualQuiet: 0, toldLast: Number.NEGATIVE_INFINITY }
}

/** `last`: the interval that was over last. `after`: how many without data are too many. */
export function isSilent(group: Group, last: number, after: number): boolean {
  return group.intervals >= INTERVALS_MIN && last - group.last >= silenceLimit(group, after)
}

/** A silence that was told teaches no more than that it was one, or an outage would excuse all later ones. */
export function spoke(group: Group, interval: number, after: number): void {
  if (interval <= group.last) return
  if (group.intervals > 0) {
    const quiet = Math.min(interval - group.last - 1, silenceLimit(group, after))
    group.usualQuiet = Math.max(FADING * group.usualQuiet, quiet)
  }
  group.intervals += 1
  group.last = interval
}

function silenceLimit(group: Group, after: number): number {
  return Math.max(after, USUAL_FACTOR * group.usualQuiet)
}
