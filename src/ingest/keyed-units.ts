/**
 * `privacy.units: hash`: the hash of a unit becomes a keyed one before anything keeps it. What is stored of a unit (first exposures beside
 * the checkpoint) then cannot be told by trying ids, and another key makes another set of units.
 */
import type { PredictionBatch, RecordBatch } from '../domain.ts'
import { derivedKey } from '../kit/secret-key.ts'
import { sipHashWord, sipKey } from '../kit/siphash.ts'
import type { Ingest } from './ingest.ts'

export type UnitColumns = Pick<PredictionBatch, 'count' | 'unit1' | 'unit2'>

export function keyedUnits<B extends UnitColumns>(ingest: Ingest<B>, keyFile: string): Ingest<B> {
  const key = sipKey(derivedKey(keyFile, 'flyball unit ids'))
  const lanes = new Int32Array(2)
  return {
    prepare: (records) => ingest.prepare(records),
    read: (records: RecordBatch) => {
      const read = ingest.read(records)
      const { count, unit1, unit2 } = read.batch
      for (let row = 0; row < count; row++) {
        // Both 0: a record without a unit.
        if ((unit1[row]! | unit2[row]!) === 0) continue
        sipHashWord(key, unit1[row]!, unit2[row]!, lanes)
        unit1[row] = lanes[0]! | lanes[1]! ? lanes[0]! : 1
        unit2[row] = lanes[1]!
      }
      return read
    },
  }
}
