/**
 * Record sets: honest ones must be read as kafkajs reads them, whatever they were compressed with; the others, lies under a right checksum
 * among them, must be refused as CorruptBatch or read as records that lie inside their bytes.
 */
import assert from 'node:assert/strict'
import type { LogRecord, RecordBatch } from '../../src/domain.ts'
import { unzstdFrames } from '../../src/kafka/codecs/zstd-frames.ts'
import { CorruptBatch } from '../../src/kafka/failures.ts'
import { headersOf, logRecordOf } from '../../src/kafka/log-record.ts'
import { BatchDecoder, planRecordSet, RecordSetPlan } from '../../src/kafka/record-batch.ts'
import { TAIL_BYTES } from '../../src/kafka/wire.ts'
import { Bounds } from './bounds.ts'
import { Damage } from './damage.ts'
import { ours, theirRecords, wanted } from './kafkajs-reader.ts'
import type { FuzzReport, Parser } from './parser.ts'
import { SetWriter, type WrittenSet } from './record-sets.ts'
import { ZSTD_SAMPLES } from './zstd-samples.ts'

const INFLATED_BYTES_MAX = 1 << 20
/** Of cases that damage what the zstd tool made: the frames written here have no tables. */
const FRAMES_SHARE = 0.1

export async function fuzzRecordBatch(cases: number, seed: number): Promise<FuzzReport> {
  const damage = new Damage(seed)
  const bounds = new Bounds(seed)
  const writer = new SetWriter(damage)
  const reader = new Reader()
  const report = { cases: 0, used: 0, refused: 0 }
  for (; report.cases < cases; report.cases++) {
    if (damage.chance(FRAMES_SHARE)) {
      if (isInflated(damage, bounds)) report.used++
      else report.refused++
      continue
    }
    const set = writer.set(damage.chance(0.3))
    const from = damage.chance(0.5) ? 0 : Math.max(0, set.nextOffset - damage.int(20))
    const shown = () => `from ${from} ${JSON.stringify(set.aborted)} ${set.bytes.toString('hex').slice(0, 20_000)}`
    const records = bounds.run(shown, () => reader.read(set, from, shown))
    if (records === null) report.refused++
    else report.used++
    if (!set.honest) continue
    assert.ok(records !== null, `refused: ${shown()}`)
    assert.deepEqual(ours(records), wanted(await theirRecords(set.plain), from, set.abortedBatches), shown())
    assert.equal(reader.next, Math.max(from, set.nextOffset), shown())
  }
  return report
}

function isInflated(damage: Damage, bounds: Bounds): boolean {
  const { frame } = damage.pick(ZSTD_SAMPLES)
  const damaged = damage.bytes(frame, damage.pick(ZSTD_SAMPLES).frame)
  const bytesMax = damage.pick([1_000, 5_000, 400_000])
  const shown = () => `limit ${bytesMax} ${damaged.toString('hex')}`
  return bounds.run(shown, () => {
    try {
      assert.ok(unzstdFrames(damaged, bytesMax).length <= bytesMax, shown())
      return true
    } catch (error) {
      if (error instanceof RangeError) return false
      throw new Error(`${error}: ${shown()}`, { cause: error })
    }
  })
}

/** One decoder for all: what one set leaves behind must not reach the next. */
class Reader {
  readonly #plan = new RecordSetPlan()
  readonly #decoder = new BatchDecoder('t', 0, INFLATED_BYTES_MAX)
  /** Where the next fetch would begin. */
  next = 0

  /** Null: refused. */
  read({ bytes: set, aborted }: WrittenSet, from: number, shown: () => string): readonly LogRecord[] | null {
    // A buffer of its own, so that what lies beyond it shows.
    const bytes = Buffer.from(new ArrayBuffer(set.length + TAIL_BYTES))
    set.copy(bytes)
    const records: LogRecord[] = []
    try {
      planRecordSet(this.#plan, bytes, new DataView(bytes.buffer), set.length, from, aborted)
      this.next = this.#plan.next
      for (let at = 0; at < this.#plan.batches; ) {
        at += this.#decoder.decode(bytes, this.#plan, at, from)
        checkColumns(this.#decoder.records, from, shown)
        for (let row = 0; row < this.#decoder.records.count; row++) records.push(logRecordOf(this.#decoder.records, row))
      }
      return records
    } catch (error) {
      if (error instanceof CorruptBatch) return null
      throw new Error(`${error}: ${shown()}`, { cause: error })
    }
  }
}

/** Keys, values and headers lie one behind another, row by row, and none beyond the bytes. */
function checkColumns(records: RecordBatch, from: number, shown: () => string): void {
  let before = 0
  const follows = (start: number, end: number): boolean => {
    if (start === -1) return end === -1
    const isBehind = start >= before && end >= start
    before = end
    return isBehind
  }
  for (let row = 0; row < records.count; row++) {
    assert.ok(follows(records.keyStart[row]!, records.keyEnd[row]!), `key of row ${row}: ${shown()}`)
    assert.ok(follows(records.valueStart[row]!, records.valueEnd[row]!), `value of row ${row}: ${shown()}`)
    const headersAt = records.headerStart[row]!
    const headerBytes = headersOf(records, row).reduce((sum, [name, value]) => sum + name.length + value.length, 0)
    if (headersAt >= 0) assert.ok(follows(headersAt, headersAt + headerBytes), `headers of row ${row}: ${shown()}`)
    assert.ok(records.offset[row]! >= from && Number.isFinite(records.timestampMs[row]), `row ${row}: ${shown()}`)
  }
  assert.ok(before <= records.bytes.length - TAIL_BYTES, shown())
}

export const RECORD_BATCH_PARSER: Parser = { name: 'record-batch', run: fuzzRecordBatch }
