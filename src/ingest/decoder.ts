/** What a format's decoder promises: from the bytes of one record to registers, or of many usual ones straight to columns. */
import type { DropReason, RecordBatch } from '../domain.ts'
import type { PathNode } from './fields.ts'
import type { Registers } from './registers.ts'
import type { RowProgram } from './row-code.ts'

export interface Problem {
  readonly reason: DropReason
  readonly detail: string
}

/** The way a record goes. `program`: compiled for its shape; `steps`: any shape; `definition`: a general parser, then its objects. */
export type Way = 'program' | 'steps' | 'definition'

/** What every decoder needs to know. `way`: the fastest that may be used; tests hold the ways against each other. */
export interface Reading {
  readonly tree: PathNode
  readonly registers: Registers
  readonly way: Way
}

export interface RecordDecoder {
  /** Loads what this batch needs; null when nothing is missing. */
  prepare(records: RecordBatch): Promise<void> | null
  /** The next records are read from this batch. */
  begin(records: RecordBatch): void
  /** Lets the row program read records from `row` on, as long as one of the shapes known here fits; answers as the program does. */
  run<B>(program: RowProgram<B>, columns: B, row: number, at: number): number
  /** Registers hold what bytes [start, end) say; or why they do not. */
  decode(start: number, end: number): Problem | null
}
