/** What every section of the statistics benchmark takes and gives: a title, Markdown for the report, figures for the JSON line, plots. */

export interface SectionOptions {
  readonly seed: number
  /** The run of a minute or two that `npm test` makes; the report comes from the whole one. */
  readonly small: boolean
  /** Processes that simulate side by side. */
  readonly workers: number
  /** Progress, on stderr. */
  log(line: string): void
}

export interface Plot {
  /** File name without its ending. */
  readonly name: string
  readonly svg: string
}

export interface Section {
  readonly title: string
  readonly markdown: string
  /** Merged into the last line of the run. */
  readonly json: Readonly<Record<string, unknown>>
  readonly plots: readonly Plot[]
  /** Promises that this run has not kept; the benchmark then ends with 1. */
  readonly broken?: readonly string[]
}
