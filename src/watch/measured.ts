/** What is watched: numbers with a time, each belonging to a series that has a name people know. */

/** `ratio`: a point is Σ amount / Σ weight, as for a mean or a rate; `sum`: Σ amount, as for a volume. */
export type PointKind = 'ratio' | 'sum'

export interface SeriesName {
  /** The model, or the topic for series that are no model's. */
  readonly model: string
  /** Field or metric. */
  readonly metric: string
  /** Version of the model or key of the records; empty for the whole. */
  readonly key: string
  readonly kind: PointKind
  /** Series of one group fall silent together. The model itself: a version without traffic is no outage while its model has some. */
  readonly group: string
}

export interface Measured {
  readonly series: SeriesName
  readonly timeMs: number
  readonly amount: number
  readonly weight: number
}

/** Why a record brought no number. Each is counted. */
export type Unusable = 'undecodable' | 'oversized' | 'tombstone' | 'missing-field' | 'wrong-type' | 'not-finite' | 'bad-time' | 'bad-key'

export function seriesId(series: SeriesName): string {
  return [series.model, series.metric, series.key].map(encodeURIComponent).join('/')
}
