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
import { endOf, InputPartition, type InputRecord, type Inputs, inputLog } from './input-log.ts'
import { emptyPipeline, JsonBatches } from './pipeline.ts'
import type { CpuAnswer, CpuTask, MemoryAnswer, MemoryTask, Task } from './setting.ts'
import { growthPolicy, growthRequest, OUTCOMES, PREDICTIONS } from './stream.ts'

const PARTITIONS = 4
const START_MS = 1_750_000_000_000
const RECORDS_A_SEND = 500
const BATCH = 1000
const PENDING_PER_SECOND = 10_000

/**
 * The whole daemon on a log in memory: no socket and no disk between the settings to be compared. Half of the stream is drained as well as
 * all of it: what the second half adds is the cost of an event, whatever had to be done once for each model.
 */
async function cpu(task: CpuTask): Promise<CpuAnswer> {
  const log = new MemoryLog(new MemoryBroker(systemClock))
  const inputs = await fill(log, task)
  const cpuUsPerEvent: number[] = []
  const steadyUsPerEvent: number[] = []
  const all = eventsIn(inputs, 1)
  const half = eventsIn(inputs, 0.5)
  let paneRecords = 0
  // The first one is for the compiler.
  await drain(log, inputs, 1, task, 'first.')
  for (let turn = 0; turn < task.drains; turn++) {
    const whole = await drain(log, inputs, 1, task, `whole${turn}.`)
    const part = await drain(log, inputs, 0.5, task, `half${turn}.`)
    paneRecords = whole.paneRecords
    cpuUsPerEvent.push(whole.cpuUs / all)
    steadyUsPerEvent.push((whole.cpuUs - part.cpuUs) / (all - half))
  }
  await log.close()
  return { events: all, cpuUsPerEvent, steadyUsPerEvent, paneRecords }
}

async function drain(
  log: EventLog,
  inputs: Inputs,
  share: number,
  task: CpuTask,
  prefix: string,
): Promise<{ cpuUs: number; paneRecords: number }> {
  const { layout, policy } = parsePolicy(growthPolicy({ ...task, prefix }), 'growth.yaml')
  const { partitions: judgePartitions } = policy.kafka
  const given = { log: inputLog(log, inputs, share), layout, prefix, judgePartitions, clock: systemClock, emit: () => {}, version: 'bench' }
  globalThis.gc?.()
  const before = process.cpuUsage()
  const daemon = await startDaemon({ ...given, createTopics: true, drain: true })
  await daemon.done
  const { user, system } = process.cpuUsage(before)
  const paneRecords = (await log.admin.offsets(topicNames(prefix).panes)).reduce((sum, { start, end }) => sum + end - start, 0)
  await log.admin.delete(Object.values(topicNames(prefix)))
  return { cpuUs: user + system, paneRecords }
}

function eventsIn(inputs: Inputs, share: number): number {
  return [...inputs.values()].flat().reduce((sum, partition) => sum + endOf(partition, share), 0)
}

/** In order of time; outcomes come one to thirty seconds later. */
async function fill(log: EventLog, { models, segments, predictions, perSecond }: CpuTask): Promise<Inputs> {
  const topics = [PREDICTIONS, OUTCOMES]
  await log.admin.create(topics.map((topic) => ({ topic, partitions: PARTITIONS, config: { 'retention.ms': '-1' } })))
  const inputs = new Map(topics.map((topic) => [topic, Array.from({ length: PARTITIONS }, () => new InputPartition())]))
  const random = seededRandom(1)
  const outcomes: { readonly id: string; readonly ts: number; readonly label: number }[] = []
  const writer = new Batches(inputs)
  for (let index = 0; index < predictions; index++) {
    const ts = START_MS + Math.floor((1000 * index) / perSecond)
    const request = growthRequest(random, index, models, segments)
    writer.add(PREDICTIONS, { ...request, ts })
    if (random() < 0.9)
      outcomes.push({ id: request.id, ts: ts + 1000 + Math.floor(random() * 29_000), label: random() < request.score ? 1 : 0 })
  }
  outcomes.sort((one, other) => one.ts - other.ts)
  for (const outcome of outcomes) writer.add(OUTCOMES, outcome)
  writer.end()
  return inputs
}

class Batches {
  readonly #inputs: Inputs
  readonly #waiting = new Map<InputPartition, InputRecord[]>()

  constructor(inputs: Inputs) {
    this.#inputs = inputs
  }

  add(topic: string, event: { readonly id: string; readonly ts: number }): void {
    const partition = this.#inputs.get(topic)![partitionOf(Buffer.from(event.id), PARTITIONS)]!
    const waiting = this.#waiting.get(partition) ?? []
    this.#waiting.set(partition, waiting)
    waiting.push({ key: event.id, value: JSON.stringify(event), timestampMs: event.ts })
    if (waiting.length === RECORDS_A_SEND) partition.append(waiting.splice(0))
  }

  end(): void {
    for (const [partition, waiting] of this.#waiting) if (waiting.length > 0) partition.append(waiting)
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
