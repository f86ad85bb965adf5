/**
 * `npm run bench:throughput`: how fast Flyball reads, beside what one would use instead, over the same topics and with all answers checked.
 * Options, what is measured and how to read it: bench/README.md.
 */
import { randomUUID } from 'node:crypto'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { Kafka, logLevel } from 'kafkajs'
import { brokerAvailable, startBroker } from '../scripts/lib/kafka-broker.ts'
import { connectKafka } from '../src/kafka/connect.ts'
import { withWhole } from './lib/answers.ts'
import { build } from './lib/child.ts'
import { FORMATS, type Format } from './lib/encodings.ts'
import { type FilledTopics, type Filling, fill } from './lib/fill.ts'
import { type Program, pythonProgram, streamsProgram } from './lib/programs.ts'
import { isRight, type Result, summaryOf, tableOf } from './lib/report.ts'
import { type Ground, type Run, runBareLoop, runFlyball, runHandWritten, runProgram } from './lib/runs.ts'

const { values: options } = parseArgs({
  options: {
    records: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '5' },
    formats: { type: 'string' },
    workers: { type: 'string' },
    peers: { type: 'string' },
    'cpu-prof': { type: 'string' },
  },
})

/** With a profile asked for, only what it is about runs. */
const profiling = options['cpu-prof'] !== undefined
const listed = (given: string | undefined, whenProfiling: string, otherwise: string): readonly string[] =>
  (given ?? (profiling ? whenProfiling : otherwise)).split(',').filter((name) => name !== 'none')
const peers = listed(options.peers, 'bare', 'bare,hand-written,streams,python')
const workers = listed(options.workers, '1', '1,2').map(Number)
const formats = FORMATS.filter((format) => listed(options.formats, 'json', 'json,avro').includes(format))
const tell = (text: string): void => console.error(text)

const { available, reason } = brokerAvailable()
if (!available) {
  tell(`No throughput without a real broker: ${reason}.`)
  process.exit(1)
}

/** Who takes part, and one turn of it. */
interface Contestant extends Omit<Result, 'runs'> {
  readonly turn: (round: number) => Promise<Run>
}

interface Field extends Ground {
  /** Of every topic of this benchmark. */
  readonly prefix: string
  readonly topics: ReadonlyMap<Format, FilledTopics>
  readonly filling: Filling
}

async function main(): Promise<boolean> {
  await build()
  const broker = await startBroker()
  const prefix = `bench.${randomUUID().slice(0, 8)}.`
  const bootstrap = broker.bootstrap.join(',')
  const log = await connectKafka({ brokers: broker.bootstrap, clientId: 'flyball-bench' })
  try {
    const topics = new Map(formatsToFill().map((format) => [format, topicsOf(prefix, format)]))
    tell(`broker: ${broker.kind}; filling ${[...topics.keys()].join(' and ')}`)
    const kafka = new Kafka({ brokers: [...broker.bootstrap], logLevel: logLevel.ERROR })
    const filling = await fill(kafka, [...topics.values()], Number(options.records))
    tell(filled(filling))
    const field = { bootstrap, log, records: filling.predictions + filling.outcomes, prefix, topics, filling }
    const results = await contest(field, [...peersOf(field), ...ours(field)])
    const right = results.every(isRight)
    console.log(tableOf(results, field.records))
    console.log(JSON.stringify(summaryOf(results, field.records, right)))
    return right
  } finally {
    // Somebody else's broker is left as it was found.
    const own = broker.kind === 'given' ? [...(await log.admin.topics()).keys()].filter((topic) => topic.startsWith(prefix)) : []
    if (own.length > 0) await log.admin.delete(own)
    await log.close()
    await broker.stop()
  }
}

/** The peers read JSON. */
function formatsToFill(): readonly Format[] {
  return FORMATS.filter((format) => formats.includes(format) || (format === 'json' && peers.length > 0))
}

function topicsOf(prefix: string, format: Format): FilledTopics {
  return { format, predictions: `${prefix}${format}.predictions`, outcomes: `${prefix}${format}.outcomes` }
}

/** In turns, so that whatever else the machine does meets all. */
async function contest(field: Field, contestants: readonly Contestant[]): Promise<readonly Result[]> {
  const results = contestants.map(({ contestant, title }) => ({ contestant, title, runs: [] as Run[] }))
  for (let round = 1; round <= Number(options.rounds); round++) {
    for (const [index, { title, turn }] of contestants.entries()) {
      const run = await turn(round)
      results[index]!.runs.push(run)
      tell(`round ${round}, ${title}: ${line(run, field.records)}`)
      for (const difference of (run.differences ?? []).slice(0, 20)) tell(`  ${difference}`)
    }
  }
  return results
}

function peersOf(field: Field): readonly Contestant[] {
  const json = field.topics.get('json')
  const { truth } = field.filling
  if (json === undefined) return []
  const results = (name: string, round: number): string => `${field.prefix}results.${name}.${round}`
  const contestants: Contestant[] = []
  const add = (contestant: string, title: string, turn: Contestant['turn']): void => void contestants.push({ contestant, title, turn })
  const addProgram = (contestant: string, title: string, program: Program, topics: FilledTopics): void => {
    if ('missing' in program) tell(`${title} is left out: ${program.missing}`)
    else add(contestant, title, (round) => runProgram(field, topics, results(contestant, round), truth, program))
  }
  if (peers.includes('bare')) add('bare', 'bare kafkajs eachBatch + JSON.parse', () => runBareLoop(field, json))
  const named = (name: string, format: Format): string => (format === 'json' ? name : `${name}-${format}`)
  if (peers.includes('hand-written')) {
    for (const [format, topics] of field.topics) {
      const name = named('hand-written', format)
      add(name, `hand-written kafkajs loop, ${format}`, (round) => runHandWritten(field, topics, results(name, round), truth))
    }
  }
  if (peers.includes('streams')) {
    const program = streamsProgram()
    for (const [format, topics] of field.topics) {
      const told = 'missing' in program ? program : [...program, format]
      addProgram(named('streams', format), `Kafka Streams, Processor API, ${format}`, told, topics)
    }
  }
  if (peers.includes('python')) addProgram('python', 'Python, confluent-kafka + orjson, json', pythonProgram(), json)
  return contestants
}

function ours(field: Field): readonly Contestant[] {
  const folder = options['cpu-prof']
  const nodeArguments = folder === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', resolve(folder)]
  const truth = withWhole(field.filling.truth)
  return formats.flatMap((format) =>
    workers.map((count) => ({
      contestant: { format, workers: count },
      title: `flyball run --drain, ${format}, ${count} worker${count === 1 ? '' : 's'}`,
      turn: (round: number) => {
        const prefix = `${field.prefix}flyball.${format}.${count}.${round}.`
        return runFlyball(field, { topics: field.topics.get(format)!, prefix, workers: count, nodeArguments, truth })
      },
    })),
  )
}

function line({ seconds, cpuSeconds, peakRssMiB, processSeconds, othersCores, differences }: Run, records: number): string {
  const told = [
    `${Math.round(records / seconds / 1000)} k records/s`,
    `${cpuSeconds.toFixed(1)} CPU s`,
    `${Math.round(peakRssMiB)} MiB`,
    `whole process ${processSeconds.toFixed(1)} s`,
    `others' cores ${othersCores?.toFixed(2) ?? 'unknown'}`,
  ]
  if (differences !== null) told.push(differences.length === 0 ? 'answers right' : `${differences.length} WRONG ANSWERS`)
  return told.join(', ')
}

function filled({ predictions, outcomes, meanBytes }: Filling): string {
  const sizes = meanBytes.map(
    ({ format, prediction, outcome }) => `${format} ${prediction.toFixed(0)} and ${outcome.toFixed(0)} bytes each`,
  )
  return `${predictions} predictions, ${outcomes} outcomes; ${sizes.join(', ')}`
}

process.exitCode = (await main()) ? 0 : 1
