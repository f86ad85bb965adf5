/** One source's pipeline with nothing around it, and predictions for it as record batches. */
import type { RecordBatch } from '../../src/domain.ts'
import { outcomeIngest, predictionIngest } from '../../src/ingest/ingest.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { SourcePipeline } from '../../src/shell/source-pipeline.ts'
import { growthPolicy, PREDICTIONS } from './stream.ts'

const RECORD_BYTES_MAX = 256
const BYTES_AFTER = 16

/** Nothing ripens: the horizon is longer than the stream. */
export function emptyPipeline(maxPending: number): SourcePipeline {
  const policy = growthPolicy({ prefix: 'growth.', models: 1, segments: 1, horizon: '6h', maxPending })
  const { layout } = parsePolicy(policy, 'growth.yaml')
  const ingest = { predictions: predictionIngest(layout, 1), outcomes: outcomeIngest(layout), described: null }
  return new SourcePipeline({ layout, source: `${PREDICTIONS}/0`, ingest, restored: null })
}

/** The same buffer and columns for every batch, as a reader has them. */
export class JsonBatches {
  readonly #bytes: Buffer
  readonly #columns: Omit<RecordBatch, 'topic' | 'partition' | 'bytes' | 'count'>

  constructor(records: number) {
    const places = () => new Int32Array(records).fill(-1)
    this.#bytes = Buffer.alloc(records * RECORD_BYTES_MAX + BYTES_AFTER)
    this.#columns = {
      offset: new Float64Array(records),
      timestampMs: new Float64Array(records),
      ...{ keyStart: places(), keyEnd: places(), valueStart: places(), valueEnd: places(), headerStart: places() },
    }
  }

  make(from: number, count: number, atMs: number): RecordBatch {
    const { offset, timestampMs, valueStart, valueEnd } = this.#columns
    let end = 0
    for (let row = 0; row < count; row++) {
      const id = from + row
      const version = id % 20 === 0 ? 'v2' : 'v1'
      const features = `{"amount":0.${id % 10},"age":0.5,"tenure":0.25,"risk":0.125}`
      const text = `{"id":"request-${id}","ts":${atMs},"model":"model-0","version":"${version}","segment":"s0","score":0.5,"latencyMs":12.5,"error":false,"features":${features}}`
      offset[row] = id
      timestampMs[row] = atMs
      valueStart[row] = end
      end += this.#bytes.write(text, end, 'latin1')
      valueEnd[row] = end
    }
    this.#bytes.fill(0, end, end + BYTES_AFTER)
    return { topic: PREDICTIONS, partition: 0, bytes: this.#bytes, count, ...this.#columns }
  }
}
