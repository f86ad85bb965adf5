/**
 * `npm run bench:scaling -- --throughput FILE --growth FILE`: takes the last lines of those two benchmarks, keeps what the plan rests on in
 * docs/scaling/measured.json, and writes the figures of docs/scaling.md anew. Without options: only the second.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { repository } from './lib/child.ts'
import { cpuOfAPane, type Measured, scalingFigures } from './lib/scaling-plan.ts'
import { withFigures } from './statistics/figures.ts'

const PAGE = repository('docs/scaling.md')
const MEASURED = repository('docs/scaling/measured.json')
const { values: options } = parseArgs({ options: { throughput: { type: 'string' }, growth: { type: 'string' } } })

const lastLine = <Line>(file: string): Line => JSON.parse(readFileSync(file, 'utf8').trim().split('\n').at(-1)!) as Line

interface Throughput {
  readonly json: { readonly recordsPerCpuSecond: number }
  readonly avro: { readonly recordsPerCpuSecond: number }
  readonly pane: { readonly bytes: number; readonly cells: number }
}

interface Growth {
  readonly cpu: {
    readonly rows: readonly {
      readonly models: number
      readonly segments: number
      readonly perSecond: number
      readonly events: number
      readonly steadyUsPerEvent: number
      readonly paneRecords: number
    }[]
  }
  readonly judge: readonly { readonly scopes: number; readonly judgeUsPerStratum: number; readonly storedBytes: number }[]
  readonly memory: readonly { readonly pending: number; readonly bytesEach: number }[]
}

function measured(throughputFile: string, growthFile: string): Measured {
  const { json, avro, pane } = lastLine<Throughput>(throughputFile)
  const growth = lastLine<Growth>(growthFile)
  const largest = growth.memory.toSorted((a, b) => b.pending - a.pending)[0]!
  const judge = growth.judge.toSorted((a, b) => b.scopes - a.scopes)[0]!
  const many = growth.cpu.rows.toSorted((a, b) => b.models - a.models)[0]!
  const alone = growth.cpu.rows.find(({ models, segments, perSecond }) => models === 1 && segments === 1 && perSecond === many.perSecond)!
  return {
    jsonPerCore: json.recordsPerCpuSecond,
    avroPerCore: avro.recordsPerCpuSecond,
    bytesPending: largest.bytesEach,
    judgeUsPerStratum: judge.judgeUsPerStratum,
    judgeScopes: judge.scopes,
    evidenceBytes: judge.storedBytes,
    paneBytes: pane.bytes,
    paneCells: pane.cells,
    paneCpuUs: Number(cpuOfAPane(many.events, alone, many).toPrecision(3)),
  }
}

if (options.throughput !== undefined && options.growth !== undefined) {
  writeFileSync(MEASURED, `${JSON.stringify(measured(options.throughput, options.growth), null, 2)}\n`)
}
const kept = JSON.parse(readFileSync(MEASURED, 'utf8')) as Measured
writeFileSync(PAGE, withFigures(readFileSync(PAGE, 'utf8'), scalingFigures(kept)))
console.log(JSON.stringify({ bench: 'scaling', ...scalingFigures(kept) }))
