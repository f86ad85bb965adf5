/** Runs → the table and the last line. A contestant with a wrong answer has no figure. */
import { median } from 'simple-statistics'
import type { Format } from './encodings.ts'
import type { Run } from './runs.ts'

export interface Result {
  /** `bare`, `python`, `hand-written` and `streams` (with `-avro` for the other format), or of Flyball: format and workers. */
  readonly contestant: string | FlyballContestant
  readonly title: string
  readonly runs: readonly Run[]
}

export interface FlyballContestant {
  readonly format: Format
  readonly workers: number
}

interface Figures {
  readonly recordsPerSecond: number
  readonly recordsPerCpuSecond: number
  readonly peakRssMiB: number
}

interface ComparedFigures extends Figures {
  readonly ratioToBareLoop: number | null
  readonly cpuRatioToHandWritten: number | null
  readonly cpuRatioToKafkaStreams: number | null
}

export function isRight({ runs }: Result): boolean {
  return runs.every(({ differences }) => differences === null || differences.length === 0)
}

export function tableOf(results: readonly Result[], records: number): string {
  const bare = figuresOf(find(results, 'bare'), records)
  const lines = [
    "| | k records/s: min / **median** / max | ÷ bare loop | k records per CPU s: min / **median** / max | peak RSS MiB | answers | others' cores |",
    '|---|---|---|---|---|---|---|',
    ...results.map((result) => rowOf(result, records, bare)),
  ]
  return lines.join('\n')
}

function rowOf(result: Result, records: number, bare: Figures | null): string {
  const figures = figuresOf(result, records)
  const { title, runs } = result
  if (figures === null) return `| ${title} | wrong answers: no figure | | | | wrong | ${othersOf(runs)} |`
  const rates = spread(runs.map(({ seconds }) => records / seconds))
  const cpuRates = spread(runs.map(({ cpuSeconds }) => records / cpuSeconds))
  const ratio = ratioOf(figures.recordsPerSecond, bare?.recordsPerSecond)?.toFixed(2) ?? '–'
  const answers = runs[0]!.differences === null ? 'none' : 'right'
  return `| ${title} | ${rates} | ${ratio} | ${cpuRates} | ${figures.peakRssMiB} | ${answers} | ${othersOf(runs)} |`
}

/** In thousands. */
function spread(rates: readonly number[]): string {
  const thousands = (rate: number): string => (rate / 1000).toFixed(rate < 100_000 ? 1 : 0)
  return `${thousands(Math.min(...rates))} / **${thousands(median([...rates]))}** / ${thousands(Math.max(...rates))}`
}

function othersOf(runs: readonly Run[]): string {
  const told = runs.flatMap(({ othersCores }) => (othersCores === null ? [] : [othersCores]))
  return told.length === 0 ? '–' : told.map((cores) => cores.toFixed(2)).join(' ')
}

/** The last line. Its own top level is JSON with one worker, as it has always been. */
export function summaryOf(results: readonly Result[], records: number, answersChecked: boolean): object {
  const of = (format: Format, workers: number) => comparedFigures(results, records, { format, workers })
  const json = of('json', 1)
  const peer = (contestant: string) => figuresOf(find(results, contestant), records)
  const many = [...new Set(results.flatMap(({ contestant }) => (typeof contestant === 'string' ? [] : [contestant.workers])))]
  return {
    bench: 'throughput',
    recordsPerSecond: json?.recordsPerSecond ?? null,
    recordsPerCpuSecond: json?.recordsPerCpuSecond ?? null,
    peakRssMiB: json?.peakRssMiB ?? null,
    ratioToBareLoop: json?.ratioToBareLoop ?? null,
    answersChecked,
    pane: find(results, { format: 'json', workers: 1 })?.runs[0]?.pane ?? null,
    json,
    avro: of('avro', 1),
    ...Object.fromEntries(
      many
        .filter((workers) => workers > 1)
        .map((workers) => [`workers${workers}`, { json: of('json', workers), avro: of('avro', workers) }]),
    ),
    peers: {
      bareLoop: peer('bare'),
      handWritten: peer('hand-written'),
      handWrittenAvro: peer('hand-written-avro'),
      kafkaStreams: peer('streams'),
      kafkaStreamsAvro: peer('streams-avro'),
      python: peer('python'),
    },
  }
}

function comparedFigures(results: readonly Result[], records: number, wanted: FlyballContestant): ComparedFigures | null {
  const figures = figuresOf(find(results, wanted), records)
  if (figures === null) return null
  // Like with like: each is held against the peer that reads the same format.
  const cpuRatioTo = (name: string) => {
    const peer = wanted.format === 'json' ? name : `${name}-${wanted.format}`
    return ratioOf(figures.recordsPerCpuSecond, figuresOf(find(results, peer), records)?.recordsPerCpuSecond)
  }
  return {
    ...figures,
    ratioToBareLoop: ratioOf(figures.recordsPerSecond, figuresOf(find(results, 'bare'), records)?.recordsPerSecond),
    cpuRatioToHandWritten: cpuRatioTo('hand-written'),
    cpuRatioToKafkaStreams: cpuRatioTo('streams'),
  }
}

function find(results: readonly Result[], wanted: Result['contestant']): Result | undefined {
  const name = (contestant: Result['contestant']): string => JSON.stringify(contestant)
  return results.find(({ contestant }) => name(contestant) === name(wanted))
}

function figuresOf(result: Result | undefined, records: number): Figures | null {
  if (result === undefined || !isRight(result)) return null
  const { runs } = result
  return {
    recordsPerSecond: Math.round(records / median(runs.map(({ seconds }) => seconds))),
    recordsPerCpuSecond: Math.round(records / median(runs.map(({ cpuSeconds }) => cpuSeconds))),
    peakRssMiB: Math.round(Math.max(...runs.map(({ peakRssMiB }) => peakRssMiB))),
  }
}

function ratioOf(ours: number, theirs: number | undefined): number | null {
  return theirs === undefined ? null : Number((ours / theirs).toFixed(3))
}
