/** The columns in which matured predictions leave the join; reused from batch to batch. */
import type { MaturedBatch } from '../domain.ts'
import { pairColumns } from './pairs.ts'

const ROWS = 1024

export class MaturedColumns {
  readonly capacity = ROWS
  readonly batch: MaturedBatch

  constructor(dimensions: number, hasPairs: boolean) {
    this.batch = {
      count: 0,
      model: new Int32Array(ROWS),
      version: new Int32Array(ROWS),
      dimensions: Array.from({ length: dimensions }, () => new Int32Array(ROWS)),
      first: new Uint8Array(ROWS),
      unitBucket: new Int16Array(ROWS),
      score: new Float64Array(ROWS),
      decision: new Uint8Array(ROWS),
      label: new Float64Array(ROWS),
      value: new Float64Array(ROWS),
      pairs: hasPairs ? pairColumns(ROWS) : null,
    }
  }
}
