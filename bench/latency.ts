/**
 * `npm run bench:latency`: a canary at 5 % of a steady stream begins to fail; how long until the command stands on `control`?
 * Options, what is measured and how to read it: bench/README.md.
 */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { median } from 'simple-statistics'
import { brokerAvailable, startBroker } from '../scripts/lib/kafka-broker.ts'
import type { Command } from '../src/domain.ts'
import { connectKafka } from '../src/kafka/connect.ts'
import type { EventLog } from '../src/kafka/contract.ts'
import { systemClock, within } from '../src/kit/clock.ts'
import { type Random, seededRandom } from '../src/kit/random.ts'
import { createGovernor, type Governor } from '../src/subscriber/subscriber.ts'
import { build } from './lib/child.ts'
import { startDaemonProcess } from './lib/daemon.ts'
import { livePolicy, liveRequest } from './lib/live-policy.ts'
import { type LiveTraffic, startLiveTraffic } from './lib/live-traffic.ts'
import { machineMark, othersCores } from './lib/machine.ts'

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '30' },
    events: { type: 'string', default: '5000' },
    healthy: { type: 'string', default: '10' },
    slice: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
  },
})

const PARTITIONS = 4
const HEALTHY_ERRORS = 0.01
const FAULTY_ERRORS = 0.2
const OUTCOME_SHARE = 0.9
const OUTCOME_MS_MAX = 5_000
const COMMAND_MS_MAX = 60_000
const READY_MS = 60_000

const sliceMs = Number(options.slice) * 1000
const tell = (text: string): void => console.error(text)

interface Delay {
  readonly seconds: number
  /** Slices that were closed and judged, from that of the first bad event on. */
  readonly panes: number
}

/** Who is served at present, and whether its candidate fails. */
interface Conduct {
  model: string
  faulty: boolean
  /** When the first failure of the fault was drawn; 0 before. */
  firstBadAtMs: number
}

const { available, reason } = brokerAvailable()
if (!available) {
  tell(`No latency without a real broker: ${reason}.`)
  process.exit(1)
}

async function main(): Promise<boolean> {
  await build()
  const broker = await startBroker()
  const prefix = `bench.${randomUUID().slice(0, 8)}.`
  const folder = mkdtempSync(join(tmpdir(), 'flyball-bench-'))
  const log = await connectKafka({ brokers: broker.bootstrap, clientId: 'flyball-bench' })
  const topics = { predictions: `${prefix}predictions`, outcomes: `${prefix}outcomes` }
  const models = Array.from({ length: Number(options.runs) }, (_, index) => `model-${String(index + 1).padStart(2, '0')}`)
  try {
    await log.admin.create(Object.values(topics).map((topic) => ({ topic, partitions: PARTITIONS, config: {} })))
    const policyFile = join(folder, 'policy.yaml')
    writeFileSync(policyFile, livePolicy({ prefix, topics, models, slice: `${options.slice}s`, horizon: '10m', maxPending: 1_000_000 }))
    const daemon = startDaemonProcess(policyFile, broker.bootstrap.join(','))
    try {
      await within(
        daemon.line(({ event }) => event === 'judge-took-over'),
        READY_MS,
        'waiting for the daemon',
      )
      return await measured(log, prefix, topics, models)
    } finally {
      await daemon.end('SIGTERM')
    }
  } finally {
    const own = broker.kind === 'given' ? [...(await log.admin.topics()).keys()].filter((topic) => topic.startsWith(prefix)) : []
    if (own.length > 0) await log.admin.delete(own)
    await log.close()
    await broker.stop()
    rmSync(folder, { recursive: true })
  }
}

async function measured(
  log: EventLog,
  prefix: string,
  topics: { readonly predictions: string; readonly outcomes: string },
  models: readonly string[],
): Promise<boolean> {
  const governed = Object.fromEntries(models.map((model) => [model, { control: 'v1' }]))
  const governor = createGovernor({ log, prefix, models: governed, gateway: 'bench', presenceMs: 1000 })
  await governor.ready()
  const conduct: Conduct = { model: models[0]!, faulty: false, firstBadAtMs: 0 }
  const random = seededRandom(Number(options.seed))
  const predictionsPerSecond = Number(options.events) / (1 + OUTCOME_SHARE)
  const draw = (id: string) => drawn(id, random, governor, conduct)
  const traffic = await startLiveTraffic({ log, topics, partitions: PARTITIONS, predictionsPerSecond, draw })
  const machine = machineMark()
  const delays: Delay[] = []
  let early = 0
  try {
    for (const model of models) {
      const delay = await oneRun(model, governor, conduct, random)
      if (delay === null) early++
      else delays.push(delay)
      tell(`${model}: ${delay === null ? 'rolled back before it failed' : `${delay.seconds.toFixed(2)} s, ${delay.panes} panes`}`)
    }
  } finally {
    await traffic.stop()
    await governor.stop()
  }
  report(delays, early, traffic, othersCores(machine))
  return delays.length > 0
}

function drawn(id: string, random: Random, governor: Governor, conduct: Conduct) {
  const version = governor.route(conduct.model, id)
  const errors = version === 'v2' && conduct.faulty ? FAULTY_ERRORS : HEALTHY_ERRORS
  const { prediction, failed, label } = liveRequest(random, id, conduct.model, version, errors, systemClock.nowMs())
  if (failed && version === 'v2' && conduct.faulty) conduct.firstBadAtMs ||= systemClock.nowMs()
  return { prediction, outcome: random() < OUTCOME_SHARE ? { afterMs: random() * OUTCOME_MS_MAX, label } : null }
}

/** All traffic to a rollout of its own: healthy for a while, then, anywhere within a slice, 20 % errors. Null: the command came before. */
async function oneRun(model: string, governor: Governor, conduct: Conduct, random: Random): Promise<Delay | null> {
  let seenAtMs = 0
  const commanded = new Promise<Command>((resolve) => {
    governor.onCommand((command) => {
      if (command.model !== model || (command.kind !== 'rollback' && command.kind !== 'throttle')) return
      seenAtMs ||= systemClock.nowMs()
      resolve(command)
    })
  })
  Object.assign(conduct, { model, faulty: false, firstBadAtMs: 0 })
  await within(started(model, governor), READY_MS, `waiting for the start of ${model}`)
  await systemClock.sleep(1000 * Number(options.healthy) + random() * sliceMs)
  if (seenAtMs > 0) return null
  conduct.faulty = true
  const { issuedAtMs } = await within(commanded, COMMAND_MS_MAX, `waiting for the command of ${model}`)
  const firstSliceMs = Math.floor(conduct.firstBadAtMs / sliceMs) * sliceMs
  return { seconds: (seenAtMs - conduct.firstBadAtMs) / 1000, panes: Math.ceil((issuedAtMs - firstSliceMs) / sliceMs) }
}

async function started(model: string, governor: Governor): Promise<void> {
  while ((governor.state(model).weights['v2'] ?? 0) === 0) await systemClock.sleep(50)
}

function report(delays: readonly Delay[], early: number, traffic: LiveTraffic, others: number | null): void {
  const seconds = delays.map((delay) => delay.seconds)
  const panes = delays.map((delay) => delay.panes)
  const rounded = (value: number): number => Number(value.toFixed(2))
  const spread = (values: readonly number[]) => [Math.min(...values), median([...values]), Math.max(...values)].map(rounded)
  const [secondsMin, secondsMedian, secondsMax] = spread(seconds)
  const [panesMin, panesMedian, panesMax] = spread(panes)
  const sender = { eventsSent: traffic.sent, senderLateMsMax: Math.round(traffic.lateMsMax) }
  console.log('| | min | median | max |\n|---|---|---|---|')
  console.log(`| seconds, first bad event → command seen | ${secondsMin} | ${secondsMedian} | ${secondsMax} |`)
  console.log(`| panes of ${options.slice} s | ${panesMin} | ${panesMedian} | ${panesMax} |`)
  const told = { secondsMedian, secondsMin, secondsMax, panesMedian, panesMin, panesMax }
  const machine = { othersCores: others === null ? null : rounded(others) }
  console.log(JSON.stringify({ bench: 'latency', runs: delays.length, early, ...told, ...sender, ...machine }))
}

process.exitCode = (await main()) ? 0 : 1
