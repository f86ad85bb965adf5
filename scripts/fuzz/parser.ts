/** What every fuzzed parser promises to `main.ts`, and what the differential ones share. */

export interface FuzzReport {
  readonly cases: number
  /** Inputs that were read, and those that were refused: both must be many for a run to mean anything. */
  readonly used: number
  readonly refused: number
}

export interface Parser {
  readonly name: string
  /** Throws at the first difference, crash or wrong refusal; the same seed gives the same cases. */
  run(cases: number, seed: number): FuzzReport | Promise<FuzzReport>
}

/** The rows of a batch of columns as plain data: what lies behind the last row does not count. */
export function columnsOf(batch: { readonly count: number }): Record<string, unknown> {
  const cut = (column: unknown): unknown => {
    if (Array.isArray(column)) return column.map(cut)
    return ArrayBuffer.isView(column) ? (column as Float64Array).subarray(0, batch.count) : column
  }
  return Object.fromEntries(Object.entries(batch).map(([name, column]) => [name, cut(column)]))
}
