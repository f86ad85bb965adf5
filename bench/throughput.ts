/**
 * `npm run bench:throughput [-- --records N] [--rounds N] [--cpu-prof DIR]`: how fast Flyball reads, beside a bare kafkajs loop over
 * the same topics, with all answers checked. What it measures and how to read it: bench/README.md.
 */
import { randomUUID } from 'node:crypto'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { Kafka, logLevel } from 'kafkajs'
import { median } from 'simple-statistics'
import { brokerAvailable, startBroker } from '../scripts/lib/kafka-broker.ts'
import { connectKafka } from '../src/kafka/connect.ts'
import { ownTopics, topicNames } from '../src/kit/topics.ts'
import { differences, readCells, withWhole } from './lib/answers.ts'
import { type FilledTopics, type Filling, fill } from './lib/fill.ts'
import { build, type Run, runBareLoop, runFlyball } from './lib/runs.ts'
import type { Cells } from './lib/workload.ts'

const { values: options } = parseArgs({
  options: {
    records: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '2' },
    'cpu-prof': { type: 'string' },
  },
})
const tell = (text: string): void => console.error(text)

const { available, reason } = brokerAvailable()
if (!available) {
  tell(`No throughput without a real broker: ${reason}.`)
  process.exit(1)
}

async function main(): Promise<boolean> {
  await build()
  const broker = await startBroker()
  const tag = randomUUID().slice(0, 8)
  const topics: FilledTopics = { predictions: `bench.${tag}.predictions`, outcomes: `bench.${tag}.outcomes` }
  const prefixes: string[] = []
  try {
    const kafka = new Kafka({ brokers: [...broker.bootstrap], logLevel: logLevel.ERROR })
    tell(`broker: ${broker.kind}; filling ${topics.predictions} and ${topics.outcomes}`)
    const filling = await fill(kafka, topics, Number(options.records))
    tell(filled(filling))
    return await contest(broker.bootstrap.join(','), topics, filling, (round) => {
      const prefix = `bench.${tag}.${round}.`
      prefixes.push(prefix)
      return prefix
    })
  } finally {
    if (broker.kind === 'given') await removeTopics(broker.bootstrap, topics, prefixes)
    await broker.stop()
  }
}

/** The two in turns, so that whatever else the machine does meets both. */
async function contest(bootstrap: string, topics: FilledTopics, filling: Filling, prefixOf: (round: number) => string): Promise<boolean> {
  const records = filling.predictions + filling.outcomes
  const truth = withWhole(filling.truth)
  const bare: Run[] = []
  const flyball: Run[] = []
  let right = true
  for (let round = 1; round <= Number(options.rounds); round++) {
    bare.push(await runBareLoop(bootstrap, records, topics))
    tell(line(`round ${round}, bare kafkajs loop`, records, bare.at(-1)!))
    const prefix = prefixOf(round)
    const run = await runFlyball(bootstrap, topics, prefix, profileArguments())
    flyball.push(run)
    tell(`${line(`round ${round}, flyball run --drain`, records, run)}, whole process ${run.processSeconds.toFixed(1)} s`)
    right = (await answersAreRight(bootstrap, prefix, truth)) && right
  }
  report(records, bare, flyball, right)
  return right
}

function profileArguments(): readonly string[] {
  const folder = options['cpu-prof']
  return folder === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', resolve(folder)]
}

async function answersAreRight(bootstrap: string, prefix: string, truth: Cells): Promise<boolean> {
  const log = await connectKafka({ brokers: bootstrap.split(','), clientId: 'flyball-bench' })
  try {
    const { cells, panes } = await readCells(log, topicNames(prefix).panes)
    const wrong = differences(truth, cells)
    tell(`answers: ${truth.size} cells in ${panes} panes, ${wrong.length === 0 ? 'all equal' : `${wrong.length} differences`}`)
    for (const difference of wrong.slice(0, 20)) tell(`  ${difference}`)
    return wrong.length === 0
  } finally {
    await log.close()
  }
}

function report(records: number, bare: readonly Run[], flyball: readonly Run[], answersChecked: boolean): void {
  const of = (runs: readonly Run[]) => ({
    recordsPerSecond: records / median(runs.map((run) => run.seconds)),
    recordsPerCpuSecond: records / median(runs.map((run) => run.cpuSeconds)),
    peakRssMiB: Math.max(...runs.map((run) => run.peakRssMiB)),
  })
  const ours = of(flyball)
  const theirs = of(bare)
  const ratioToBareLoop = Number((ours.recordsPerSecond / theirs.recordsPerSecond).toFixed(3))
  const thousands = (value: number): string => `${(value / 1000).toFixed(0)}`
  console.log('| | k records/s | k records per CPU s | peak RSS MiB | ÷ bare loop |')
  console.log('|---|---|---|---|---|')
  for (const [name, figures, ratio] of [
    ['bare kafkajs eachBatch + JSON.parse', theirs, '1.00'],
    ['flyball run --drain', ours, ratioToBareLoop.toFixed(2)],
  ] as const) {
    const { recordsPerSecond, recordsPerCpuSecond, peakRssMiB } = figures
    console.log(`| ${name} | ${thousands(recordsPerSecond)} | ${thousands(recordsPerCpuSecond)} | ${peakRssMiB.toFixed(0)} | ${ratio} |`)
  }
  const whole = { recordsPerSecond: Math.round(ours.recordsPerSecond), recordsPerCpuSecond: Math.round(ours.recordsPerCpuSecond) }
  console.log(JSON.stringify({ bench: 'throughput', ...whole, peakRssMiB: Math.round(ours.peakRssMiB), ratioToBareLoop, answersChecked }))
}

const line = (name: string, records: number, run: Run): string =>
  `${name}: ${Math.round(records / run.seconds / 1000)} k records/s, ${run.cpuSeconds.toFixed(1)} CPU s, ${Math.round(run.peakRssMiB)} MiB`

function filled({ predictions, outcomes, predictionBytes, outcomeBytes }: Filling): string {
  const mean = (bytes: number, count: number): string => (bytes / count).toFixed(0)
  return `${predictions} predictions of ${mean(predictionBytes, predictions)} bytes, ${outcomes} outcomes of ${mean(outcomeBytes, outcomes)}`
}

/** Somebody else's broker is left as it was found. */
async function removeTopics(brokers: readonly string[], topics: FilledTopics, prefixes: readonly string[]): Promise<void> {
  const log = await connectKafka({ brokers, clientId: 'flyball-bench' })
  const own = prefixes.flatMap((prefix) => ownTopics(prefix, 1, 1).map(({ topic }) => topic))
  const there = await log.admin.topics()
  await log.admin.delete([topics.predictions, topics.outcomes, ...own].filter((topic) => there.has(topic)))
  await log.close()
}

process.exitCode = (await main()) ? 0 : 1
