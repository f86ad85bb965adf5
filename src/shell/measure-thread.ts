/** The beginning of a measuring thread: a connection and a MeasureWorker of its own; events and failures go to the thread that made it. */
import { parentPort, workerData } from 'node:worker_threads'
import { connectKafka } from '../kafka/connect.ts'
import { systemClock } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import { connectionOf } from '../policy/connection.ts'
import { MeasureWorker } from './measure-worker.ts'
import { STATUS_EVERY_MS, type ThreadOrder, type ThreadTask, type ThreadWord } from './thread-words.ts'

const { connect, settings } = workerData as ThreadTask
const port = parentPort!
const say = (word: ThreadWord): void => port.postMessage(word)
const STALLED_AFTER_MS = 30_000

function fail(error: unknown): void {
  const ours = error instanceof FlyballError
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  say({ kind: 'failed', code: ours ? error.code : null, detail: ours ? { ...error.detail } : {}, message })
}

async function begin(): Promise<void> {
  const { policy, policyFile, brokers } = connect
  const log = await connectKafka({
    ...connectionOf(policy, policyFile, { brokers, environment: process.env }),
    onClientLog: (level, message) => say({ kind: 'event', event: { event: 'client-trouble', level, message } }),
  })
  const clock = systemClock
  const measure = new MeasureWorker({ ...settings, log, clock, emit: (event) => say({ kind: 'event', event }) }, fail)
  const status = (): void => say({ kind: 'status', owned: measure.owned, stalled: measure.stalled(clock.monotonicMs(), STALLED_AFTER_MS) })
  const beat = setInterval(status, STATUS_EVERY_MS)
  port.on('message', (order: ThreadOrder) => void obey(order).catch(fail))

  async function obey(order: ThreadOrder): Promise<void> {
    if (order === 'start') return measure.start(fail)
    if (order === 'drain') {
      await measure.drain()
      return say({ kind: 'drained' })
    }
    clearInterval(beat)
    await measure.stop().catch(fail)
    await log.close()
    port.close()
  }
}

await begin().catch(fail)
