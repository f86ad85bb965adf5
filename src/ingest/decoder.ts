/** What a format's decoder promises: from the bytes of one record to registers. */
import type { DropReason, RecordBatch } from '../domain.ts'

export interface Problem {
  readonly reason: DropReason
  readonly detail: string
}

export interface RecordDecoder {
  /** Loads what this batch needs; null when nothing is missing. */
  prepare(records: RecordBatch): Promise<void> | null
  /** The next records are read from this batch. */
  begin(records: RecordBatch): void
  /** Registers hold what bytes [start, end) say; or why they do not. */
  decode(start: number, end: number): Problem | null
}

const TEXT_LENGTH_MAX = 80

/** A piece of somebody's data for a message: short, one line. */
export function shown(text: string): string {
  const line = JSON.stringify(text)
  return line.length > TEXT_LENGTH_MAX ? `${line.slice(0, TEXT_LENGTH_MAX)}…` : line
}
