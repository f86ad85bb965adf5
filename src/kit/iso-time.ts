/** Milliseconds since 1970 as ISO 8601 in UTC: `2013-02-01T00:00:00.000Z`. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}
