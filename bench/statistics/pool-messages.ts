/** What passes between the pool and its processes. */

/** To a child, and back. */
export interface Range {
  readonly module: string
  readonly task: string
  readonly argument: unknown
  readonly from: number
  readonly to: number
}

export interface Answer {
  readonly from: number
  readonly results: readonly unknown[]
  readonly failure: string | null
}
