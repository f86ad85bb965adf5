/**
 * The score of the Numenta Anomaly Benchmark, from its published definition (Lavin & Ahmad, "Evaluating Real-time Anomaly Detection
 * Algorithms", 2015). Of the alarms inside a labelled window only the first counts: one at its first row earns the whole weight, one at its
 * last row almost nothing. A window without alarm costs its weight. Each alarm outside costs more the further it is behind the last window.
 * Nothing counts in the probation at the beginning of a file. 100 is a detector that meets the first row of every window, 0 one that
 * never calls.
 */

export interface Profile {
  readonly truePositive: number
  readonly falseNegative: number
  readonly falsePositive: number
}

/** First and last row of a window, both inside it. */
export interface LabelWindow {
  readonly first: number
  readonly last: number
}

export interface FileScore {
  readonly raw: number
  readonly windows: number
  readonly found: number
  readonly falseAlarms: number
  readonly rows: number
}

export interface TotalScore extends FileScore {
  /** 0 for silence, 100 for perfection. */
  readonly score: number
}

/** 15 % of a file, but never more than 15 % of 5,000 rows. */
export function probationRows(rows: number): number {
  return Math.min(Math.floor(0.15 * rows), 750)
}

/** 1 far ahead of the end of a window (position -1), 0 at its end, -1 far behind it. */
export function sigmoidAt(position: number): number {
  return position > 3 ? -1 : 2 / (1 + Math.exp(5 * position)) - 1
}

/** `alarms`: rows with an alarm, ascending. `windows`: ascending, without overlap. */
export function scoreFile(rows: number, alarms: readonly number[], windows: readonly LabelWindow[], profile: Profile): FileScore {
  const counted = alarms.filter((row) => row >= probationRows(rows))
  let raw = 0
  let found = 0
  for (const window of windows) {
    const first = counted.find((row) => row >= window.first && row <= window.last)
    if (first === undefined) raw -= profile.falseNegative
    else {
      found += 1
      raw += profile.truePositive * earned(first, window)
    }
  }
  const outside = counted.filter((row) => !windows.some((window) => row >= window.first && row <= window.last))
  for (const row of outside) raw += profile.falsePositive * sigmoidAt(positionBehind(row, windows))
  return { raw, windows: windows.length, found, falseAlarms: outside.length, rows }
}

function earned(row: number, window: LabelWindow): number {
  const width = window.last - window.first + 1
  return sigmoidAt(-(window.last - row + 1) / width) / sigmoidAt(-1)
}

/** How many window widths behind the last window; far when there was none. */
function positionBehind(row: number, windows: readonly LabelWindow[]): number {
  const last = windows.findLast((window) => window.last < row)
  return last === undefined ? Number.POSITIVE_INFINITY : (row - last.last) / (last.last - last.first)
}

/** Normalised between the detector that never calls and the perfect one. */
export function totalScore(files: readonly FileScore[], profile: Profile): TotalScore {
  const sum = (of: (file: FileScore) => number) => files.reduce((total, file) => total + of(file), 0)
  const raw = sum((file) => file.raw)
  const windows = sum((file) => file.windows)
  const silence = -profile.falseNegative * windows
  const perfection = profile.truePositive * windows
  return {
    raw,
    windows,
    found: sum((file) => file.found),
    falseAlarms: sum((file) => file.falseAlarms),
    rows: sum((file) => file.rows),
    score: (100 * (raw - silence)) / (perfection - silence),
  }
}
