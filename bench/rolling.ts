/**
 * `npm run bench:rolling [-- --rounds 3]`: three daemons beside steady traffic; each is stopped (SIGTERM) and started again in turn, as a
 * deployment does. How long was each source partition without an owner, and each judge partition without a judge?
 */
import { randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import { startBroker } from '../scripts/lib/kafka-broker.ts'
import { connectKafka } from '../src/kafka/connect.ts'
import { build } from './lib/child.ts'
import { type DaemonProcess, type LogLine, startDaemonProcess } from './lib/daemon.ts'
import { livePolicyFile } from './lib/live.ts'
import { startLiveTraffic } from './lib/live-traffic.ts'
import { steadyDraw } from './lib/steady.ts'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '2' },
    'per-second': { type: 'string', default: '300' },
    kill: { type: 'boolean', default: false },
  },
})
const DAEMONS = 3
const PARTITIONS = 6
const CALM_MS = 15_000
const MODELS = ['credit', 'fraud', 'search', 'price']
const signal: NodeJS.Signals = options.kill ? 'SIGKILL' : 'SIGTERM'
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

await build()
const broker = await startBroker()
const tag = randomUUID().slice(0, 8)
const topics = { predictions: `rolling.${tag}.predictions`, outcomes: `rolling.${tag}.outcomes` }
const log = await connectKafka({ brokers: [...broker.bootstrap], clientId: 'flyball-bench' })
const ever: DaemonProcess[] = []
const stops: number[] = []
try {
  await log.admin.create([topics.predictions, topics.outcomes].map((topic) => ({ topic, partitions: PARTITIONS, config: {} })))
  const policy = livePolicyFile({ prefix: `rolling.${tag}.`, topics, models: MODELS, sliceSeconds: 1, horizonSeconds: 10 })
  const daemons = Array.from({ length: DAEMONS }, () => start(policy))
  const draw = steadyDraw({ models: MODELS, users: 2000, outcomeDelayMs: 3000, seed: 1 })
  const traffic = await startLiveTraffic({ log, topics, partitions: PARTITIONS, predictionsPerSecond: Number(options['per-second']), draw })
  await pause(2 * CALM_MS)
  for (let turn = 0; turn < DAEMONS * Number(options.rounds); turn++) {
    const index = turn % DAEMONS
    stops.push(Date.now())
    await daemons[index]!.end(signal)
    daemons[index] = start(policy)
    await pause(CALM_MS)
  }
  await traffic.stop()
  await Promise.all(daemons.map((daemon) => daemon.end('SIGTERM')))
  report()
} finally {
  await Promise.all(ever.map((daemon) => daemon.end('SIGKILL')))
  await log.close()
  await broker.stop()
}

const timeOf = (line: LogLine): number => Date.parse(String(line['time']))

function start(policy: string): DaemonProcess {
  const daemon = startDaemonProcess(policy, broker.bootstrap.join(','))
  ever.push(daemon)
  return daemon
}

/** For every take-over after the first stop: how long nobody had been there. Gone since: the last stop, or the owner's own word. */
function gaps(began: string, ended: string | null, nameOf: (line: LogLine) => string): number[] {
  const lines = ever.flatMap(({ lines }) => lines).filter(({ event }) => event === began || event === ended)
  const found: number[] = []
  const lastWord = new Map<string, number>()
  for (const line of lines.sort((a, b) => timeOf(a) - timeOf(b))) {
    const atMs = timeOf(line)
    if (line.event === ended) lastWord.set(nameOf(line), atMs)
    else if (atMs > stops[0]!) {
      const stoppedMs = stops.findLast((stop) => stop <= atMs)!
      const goneMs = Math.max(stoppedMs, lastWord.get(nameOf(line)) ?? 0)
      found.push((atMs - goneMs) / 1000)
    }
  }
  return found.sort((a, b) => a - b)
}

function report(): void {
  const sources = gaps('source-started', signal === 'SIGTERM' ? 'source-stopped' : null, (line) => String(line['source']))
  const judges = gaps('judge-took-over', null, (line) => String(line['partition']))
  const summary = (values: readonly number[]) => ({
    count: values.length,
    medianSeconds: values[values.length >> 1] ?? null,
    worstSeconds: values.at(-1) ?? null,
  })
  const result = { sources: summary(sources), judges: summary(judges) }
  console.log('| | take-overs | median s | worst s |\n|---|---|---|---|')
  for (const [name, { count, medianSeconds, worstSeconds }] of Object.entries(result))
    console.log(`| ${name} | ${count} | ${medianSeconds} | ${worstSeconds} |`)
  console.log(JSON.stringify({ bench: 'rolling', signal, restarts: stops.length, ...result }))
}
