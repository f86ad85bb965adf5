/** Milliseconds since 1970 as ISO 8601 in UTC: `2013-02-01T00:00:00.000Z`. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}

/** The last that a calendar has. */
export const DATE_MS_MAX = 8.64e15

/** The same for a time out of a record that may have been tampered with: what no calendar has is shown as the number it is. */
export function timeText(ms: number): string {
  return Math.abs(ms) <= DATE_MS_MAX ? isoTime(ms) : `${ms} ms`
}
