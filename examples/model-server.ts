/**
 * A model server: answers POST /predict and writes one prediction a request to Kafka, failed requests too.
 *
 *     npx tsx examples/model-server.ts --brokers 127.0.0.1:9092 --model fraud --version v1 [--predictor ./my-model.ts]
 *
 * The model is a module: `predict(features) → score`, and where the model is fed something else than it was sent, `prepare(features)`.
 * What it was fed is what is written. When it listens it says so in one line of JSON on stdout.
 */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { connectKafka } from '../src/kafka/connect.ts'
import type { EventLog } from '../src/kafka/contract.ts'
import { type Clock, systemClock } from '../src/kit/clock.ts'
import { bodyOf, closed, listen, portOf, untilSignal } from './http.ts'
import { LOGIN_FLAGS, loginOf } from './login.ts'
import { PredictionLog } from './prediction-log.ts'

export type Features = Readonly<Record<string, unknown>>

/** What a predictor module exports. */
export interface Predictor {
  predict(features: Features): number | Promise<number>
  /** What the model is really fed; default: what it was sent. */
  prepare?(features: Features): Features
  /** Called once with the text of `--config`. */
  configure?(text: string): void | Promise<void>
}

/** Body of POST /predict. */
export interface PredictRequest {
  readonly id: string
  readonly unit?: string
  readonly features: Features
  /** Further fields of the prediction record, such as a region. */
  readonly segments?: Readonly<Record<string, unknown>>
  /** Event time in ms; default: now. */
  readonly time?: number
}

export interface ModelServerOptions {
  readonly log: EventLog
  readonly topic: string
  readonly model: string
  readonly version: string
  readonly predictor: Predictor
  /** Key of predictions, and so their partition; outcomes must be keyed alike. */
  readonly keyBy: 'unit' | 'id'
  readonly port: number
  readonly clock?: Clock
}

export interface RunningServer {
  readonly port: number
  close(): Promise<void>
}

export async function startModelServer(options: ModelServerOptions): Promise<RunningServer> {
  const predictions = await PredictionLog.open(options.log, options.topic)
  const server = await listen(options.port, async (message, reply) => {
    try {
      const request = JSON.parse((await bodyOf(message)).toString()) as PredictRequest
      const { status, body } = await answer(options, predictions, request)
      reply.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    } catch (error) {
      reply.writeHead(400).end(String(error))
    }
  })
  return {
    port: portOf(server),
    close: async () => {
      await closed(server)
      await predictions.close()
    },
  }
}

async function answer(
  options: ModelServerOptions,
  predictions: PredictionLog,
  request: PredictRequest,
): Promise<{ status: number; body: object }> {
  const { model, version, predictor, clock = systemClock } = options
  const { id, unit, time } = request
  const beganMs = clock.monotonicMs()
  let features = request.features
  let score: number | null = null
  let problem = ''
  try {
    features = predictor.prepare?.(features) ?? features
    score = await predictor.predict(features)
  } catch (error) {
    problem = String(error)
  }
  const latencyMs = clock.monotonicMs() - beganMs
  const served = { id, unit, time: time ?? clock.nowMs(), model, version, score, latencyMs, error: score === null, features }
  predictions.add(options.keyBy === 'unit' ? (unit ?? id) : id, { ...request.segments, ...served })
  return score === null ? { status: 500, body: { id, version, problem } } : { status: 200, body: { id, version, score } }
}

/** Stands in until a real one is named: a score that depends on nothing but the amount. */
const EXAMPLE_PREDICTOR: Predictor = { predict: (features) => 1 / (1 + Math.exp(-(Number(features['amount'] ?? 0) - 100) / 50)) }

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      brokers: { type: 'string', default: '127.0.0.1:9092' },
      topic: { type: 'string', default: 'predictions' },
      model: { type: 'string', default: 'fraud' },
      version: { type: 'string', default: 'v1' },
      key: { type: 'string', default: 'unit' },
      port: { type: 'string', default: '0' },
      predictor: { type: 'string', default: '' },
      config: { type: 'string', default: '' },
      ...LOGIN_FLAGS,
    },
  })
  const { brokers, topic, model, version, port, config } = values
  const predictor =
    values.predictor === '' ? EXAMPLE_PREDICTOR : ((await import(pathToFileURL(resolve(values.predictor)).href)) as Predictor)
  if (config !== '') await predictor.configure?.(config)
  const log = await connectKafka({ brokers: brokers.split(','), clientId: `model-${model}-${version}`, ...loginOf(values) })
  const keyBy = values.key === 'id' ? 'id' : 'unit'
  const server = await startModelServer({ log, topic, model, version, predictor, keyBy, port: Number(port) })
  console.log(JSON.stringify({ ready: 'model-server', model, version, port: server.port }))
  untilSignal(async () => {
    await server.close()
    await log.close()
  })
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) await main()
