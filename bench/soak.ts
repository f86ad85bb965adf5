/**
 * `npm run bench:soak [-- --minutes 60 --per-second 500]`: a live daemon beside steady traffic on a real broker, and what it holds:
 * memory and handles every ten seconds, their slope over the second half with its standard error, and whether it kept up.
 */
import { randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import { startBroker } from '../scripts/lib/kafka-broker.ts'
import { connectKafka } from '../src/kafka/connect.ts'
import { build } from './lib/child.ts'
import { startDaemonProcess } from './lib/daemon.ts'
import { holding, livePolicyFile, slope } from './lib/live.ts'
import { startLiveTraffic } from './lib/live-traffic.ts'
import { steadyDraw } from './lib/steady.ts'

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    'per-second': { type: 'string', default: '500' },
    seed: { type: 'string', default: '1' },
    workers: { type: 'string', default: '1' },
  },
})
const EVERY_MS = 10_000
const PARTITIONS = 4
const MODELS = ['credit', 'fraud', 'search']

interface Sample {
  readonly minute: number
  readonly rssMiB: number
  readonly handles: number
}

await build()
const broker = await startBroker()
const tag = randomUUID().slice(0, 8)
const topics = { predictions: `soak.${tag}.predictions`, outcomes: `soak.${tag}.outcomes` }
const log = await connectKafka({ brokers: [...broker.bootstrap], clientId: 'flyball-bench' })
const samples: Sample[] = []
try {
  const config = { 'retention.ms': '600000', 'segment.ms': '60000' }
  await log.admin.create([topics.predictions, topics.outcomes].map((topic) => ({ topic, partitions: PARTITIONS, config })))
  const prefix = `soak.${tag}.`
  const policy = livePolicyFile({ prefix, topics, models: MODELS, sliceSeconds: 5, horizonSeconds: 30 })
  const perSecond = Number(options['per-second'])
  const daemon = startDaemonProcess(policy, broker.bootstrap.join(','), ['--workers', options.workers])
  const draw = steadyDraw({ models: MODELS, users: 5000, outcomeDelayMs: 10_000, seed: Number(options.seed) })
  const traffic = await startLiveTraffic({ log, topics, partitions: PARTITIONS, predictionsPerSecond: perSecond, draw })
  const startMs = performance.now()
  for (let minute = 0; minute < Number(options.minutes); ) {
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS))
    minute = (performance.now() - startMs) / 60_000
    const held = holding(daemon.pid)
    if (held === null)
      throw new Error(
        `the daemon is gone:\n${daemon.lines
          .slice(-5)
          .map((line) => JSON.stringify(line))
          .join('\n')}`,
      )
    samples.push({ minute, ...held })
    if (samples.length % 30 === 0) console.error(`minute ${minute.toFixed(0)}: ${held.rssMiB.toFixed(0)} MiB, ${held.handles} handles`)
  }
  await traffic.stop()
  await new Promise((resolve) => setTimeout(resolve, 5000))
  const panes = (await log.admin.offsets(`${prefix}panes`)).reduce((sum, { end }) => sum + end, 0)
  const code = await daemon.end('SIGTERM')
  report(traffic.sent, panes, code)
} finally {
  await log.close()
  await broker.stop()
}

function report(events: number, panes: number, code: number | null): void {
  const late = samples.slice(Math.floor(samples.length / 2))
  const memory = slope(late.map(({ minute, rssMiB }) => [minute, rssMiB] as const))
  const handles = slope(late.map(({ minute, handles }) => [minute, handles] as const))
  const peak = Math.max(...samples.map(({ rssMiB }) => rssMiB))
  const round = (value: number): number => Number(value.toFixed(4))
  console.log(`| minute | MiB | handles |\n|---|---|---|`)
  for (const { minute, rssMiB, handles } of samples.filter((_, index) => index % Math.ceil(samples.length / 12) === 0))
    console.log(`| ${minute.toFixed(0)} | ${rssMiB.toFixed(0)} | ${handles} |`)
  console.log(
    JSON.stringify({
      bench: 'soak',
      minutes: Number(options.minutes),
      events,
      panes,
      exitCode: code,
      peakRssMiB: Math.round(peak),
      memorySlopeMiBPerMinute: round(memory.slope),
      memorySlopeStandardError: round(memory.standardError),
      handlesSlopePerMinute: round(handles.slope),
      handlesSlopeStandardError: round(handles.standardError),
    }),
  )
  process.exitCode = code === 0 ? 0 : 1
}
