/** One task of `npm run bench:growth`, in a process of its own: nothing another setting compiled or kept is in its way. */
import { startDaemon } from '../../src/daemon.ts'
import type { EventLog } from '../../src/kafka/contract.ts'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { partitionOf } from '../../src/kit/hash.ts'
import { seededRandom } from '../../src/kit/random.ts'
import { topicNames } from '../../src/kit/topics.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { emptyPipeline, JsonBatches } from './pipeline.ts'
import type { CpuAnswer, CpuTask, MemoryAnswer, MemoryTask, Task } from './setting.ts'
import { growthPolicy, growthRequest, OUTCOMES, PREDICTIONS } from './stream.ts'

const PARTITIONS = 4
const START_MS = 1_750_000_000_000
const RECORDS_A_SEND = 500
const BATCH = 1000
const PENDING_PER_SECOND = 10_000

/** The whole daemon on a log in memory: no socket and no disk between the settings to be compared. */
async function cpu(task: CpuTask): Promise<CpuAnswer> {
  const log = new MemoryLog(new MemoryBroker(systemClock))
  const events = await fill(log, task)
  const cpuUsPerEvent: number[] = []
  let paneRecords = 0
  for (let drain = 0; drain <= task.drains; drain++) {
    const { layout, policy } = parsePolicy(growthPolicy({ ...task, prefix: `drain${drain}.` }), 'growth.yaml')
    const { prefix, partitions: judgePartitions } = policy.kafka
    const given = { log, layout, prefix, judgePartitions, clock: systemClock, emit: () => {}, version: 'bench' }
    const before = process.cpuUsage()
    const daemon = await startDaemon({ ...given, createTopics: true, drain: true })
    await daemon.done
    const { user, system } = process.cpuUsage(before)
    paneRecords = (await log.admin.offsets(topicNames(prefix).panes)).reduce((sum, { start, end }) => sum + end - start, 0)
    // The first one is for the compiler.
    if (drain > 0) cpuUsPerEvent.push((user + system) / events)
  }
  await log.close()
  return { events, cpuUsPerEvent, paneRecords }
}

/** In order of time; outcomes come one to thirty seconds later. */
async function fill(log: EventLog, { models, segments, predictions, perSecond }: CpuTask): Promise<number> {
  const config = { 'retention.ms': '-1' }
  await log.admin.create([PREDICTIONS, OUTCOMES].map((topic) => ({ topic, partitions: PARTITIONS, config })))
  const random = seededRandom(1)
  const outcomes: { readonly id: string; readonly ts: number; readonly label: number }[] = []
  const writer = new Batches(log)
  for (let index = 0; index < predictions; index++) {
    const ts = START_MS + Math.floor((1000 * index) / perSecond)
    const request = growthRequest(random, index, models, segments)
    await writer.add(PREDICTIONS, { ...request, ts })
    if (random() < 0.9)
      outcomes.push({ id: request.id, ts: ts + 1000 + Math.floor(random() * 29_000), label: random() < request.score ? 1 : 0 })
  }
  outcomes.sort((one, other) => one.ts - other.ts)
  for (const outcome of outcomes) await writer.add(OUTCOMES, outcome)
  await writer.end()
  return predictions + outcomes.length
}

class Batches {
  readonly #log: EventLog
  readonly #waiting = new Map<string, { readonly key: string; readonly value: Buffer; readonly timestampMs: number }[]>()

  constructor(log: EventLog) {
    this.#log = log
  }

  async add(topic: string, event: { readonly id: string; readonly ts: number }): Promise<void> {
    const place = `${topic}/${partitionOf(Buffer.from(event.id), PARTITIONS)}`
    const waiting = this.#waiting.get(place) ?? []
    this.#waiting.set(place, waiting)
    waiting.push({ key: event.id, value: Buffer.from(JSON.stringify(event)), timestampMs: event.ts })
    if (waiting.length === RECORDS_A_SEND) await this.#send(place)
  }

  async end(): Promise<void> {
    for (const place of this.#waiting.keys()) await this.#send(place)
  }

  async #send(place: string): Promise<void> {
    const [topic, partition] = place.split('/') as [string, string]
    const writer = await this.#log.writer()
    await writer.send(topic, Number(partition), this.#waiting.get(place)!.splice(0))
    await writer.close()
  }
}

/** One source's pipeline, fed with predictions for which no outcome comes. */
function memory({ pending }: MemoryTask): MemoryAnswer {
  const pipeline = emptyPipeline(2 * pending)
  const batches = new JsonBatches(BATCH)
  const before = held()
  const startMs = performance.now()
  for (let from = 0; from < pending; from += BATCH) {
    const count = Math.min(BATCH, pending - from)
    pipeline.predictions(batches.make(from, count, START_MS + Math.floor((1000 * from) / PENDING_PER_SECOND)))
    pipeline.take()
  }
  const feedSeconds = (performance.now() - startMs) / 1000
  const bytesEach = (held() - before) / pending
  const waiting = pipeline.gauges().pending
  if (waiting !== pending) throw new Error(`${waiting} predictions wait instead of ${pending}`)
  return { pending, bytesEach, peakRssMiB: process.resourceUsage().maxRSS / 1024, feedSeconds }
}

function held(): number {
  if (globalThis.gc === undefined) throw new Error('needs --expose-gc')
  for (let turn = 0; turn < 3; turn++) globalThis.gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const task = JSON.parse(process.argv[2]!) as Task
console.log(JSON.stringify(task.kind === 'cpu' ? await cpu(task) : memory(task)))
