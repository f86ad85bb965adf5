/** The header that says which version of its schema wrote a record (schemas/README.md, Changes). Control says it in `ce_dataschema`. */
import type { LogRecord } from '../domain.ts'

const HEADER = 'schema'

export function versionHeaders(version: number): Record<string, string> {
  return { [HEADER]: String(version) }
}

/** Absent means 1. What is no number is no version that any decoder knows. */
export function versionOf({ headers }: Pick<LogRecord, 'headers'>): number {
  const value = headers.find(([name]) => name === HEADER)?.[1].toString()
  if (value === undefined) return 1
  return /^[1-9][0-9]{0,5}$/.test(value) ? Number(value) : Number.NaN
}
