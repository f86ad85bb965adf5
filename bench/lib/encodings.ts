/** The workload's events as bytes: JSON, or Avro behind the Confluent prefix (schemas: bench/peers/schemas, by id). */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import avro from 'avsc'
import { FEATURES, type Outcome, type Prediction } from './workload.ts'

export const FORMATS = ['json', 'avro'] as const
export type Format = (typeof FORMATS)[number]

export const SCHEMAS = fileURLToPath(new URL('../peers/schemas', import.meta.url))
const PREDICTION_SCHEMA = 1
const OUTCOME_SCHEMA = 2

export interface Encoding {
  prediction(prediction: Prediction): Buffer
  outcome(outcome: Outcome): Buffer
}

export function encodingOf(format: Format): Encoding {
  return format === 'json' ? json : confluent()
}

const json: Encoding = {
  prediction: (prediction) => Buffer.from(JSON.stringify(prediction)),
  outcome: (outcome) => Buffer.from(JSON.stringify(outcome)),
}

const FEATURE_NAMES = [...Array.from({ length: FEATURES }, (_, index) => `f${index + 1}`), 'c1']

function confluent(): Encoding {
  const prediction = schema(PREDICTION_SCHEMA)
  const outcome = schema(OUTCOME_SCHEMA)
  return {
    prediction: (event) => {
      const features = Object.fromEntries(FEATURE_NAMES.map((name) => [name, event.features[name] ?? null]))
      return prediction({ ...event, features })
    },
    outcome,
  }
}

/** Zero, the schema's id in four bytes, then Avro. */
function schema(id: number): (event: object) => Buffer {
  const type = avro.Type.forSchema(JSON.parse(readFileSync(`${SCHEMAS}/${id}.avsc`, 'utf8')))
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(id, 1)
  return (event) => Buffer.concat([prefix, type.toBuffer(event)])
}
