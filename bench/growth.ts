/**
 * `npm run bench:growth`: how cost grows with models, segments and waiting predictions, and how long a restart takes.
 * Options, what is measured and how to read it: bench/README.md.
 */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { median } from 'simple-statistics'
import { brokerAvailable, startBroker } from '../scripts/lib/kafka-broker.ts'
import { connectKafka } from '../src/kafka/connect.ts'
import { type Restart, restart } from './growth/restart.ts'
import type { CpuAnswer, MemoryAnswer, Task } from './growth/setting.ts'
import { build, output, repository } from './lib/child.ts'
import { machineMark, othersCores } from './lib/machine.ts'
import { cost } from './statistics/cost-section.ts'

const { values: options } = parseArgs({
  options: {
    parts: { type: 'string', default: 'cpu,judge,memory,restart' },
    predictions: { type: 'string', default: '1000000' },
    drains: { type: 'string', default: '2' },
    pending: { type: 'string', default: '1000000,10000000' },
    'restart-pending': { type: 'string', default: '1000000' },
  },
})

/** A busy stream, which more models share; and what one model of a hundred has of it. */
const STREAM_PER_SECOND = 50_000
const MODEL_PER_SECOND = 500

const parts = options.parts.split(',')
const tell = (text: string): void => console.error(text)
const rounded = (value: number): number => Number(value.toPrecision(3))

async function main(): Promise<void> {
  const machine = machineMark()
  const told = {
    cpu: parts.includes('cpu') ? await cpuGrowth() : null,
    judge: parts.includes('judge') ? await judgeTime() : null,
    memory: parts.includes('memory') ? await memoryGrowth() : null,
    restart: parts.includes('restart') ? await restarts() : null,
  }
  const others = othersCores(machine)
  console.log(JSON.stringify({ bench: 'growth', ...told, othersCores: others === null ? null : rounded(others) }))
}

async function answerOf<Answer>(task: Task): Promise<Answer> {
  const args = ['--expose-gc', '--import', 'tsx', repository('bench/growth/worker.ts'), JSON.stringify(task)]
  const { stdout } = await output(spawn(process.execPath, args, { stdio: 'pipe' }))
  return JSON.parse(stdout) as Answer
}

// ── CPU for each event ─────────────────────────────────────────────────────────────────────────────────────────────────────

interface CpuRow {
  readonly models: number
  readonly segments: number
  readonly perSecond: number
  readonly events: number
  readonly cpuUsPerEvent: number
  readonly steadyUsPerEvent: number
  readonly paneRecords: number
}

async function cpuGrowth() {
  const rows: CpuRow[] = []
  const row = async (models: number, segments: number, perSecond: number): Promise<CpuRow> => {
    const task: Task = {
      kind: 'cpu',
      models,
      segments,
      perSecond,
      predictions: Number(options.predictions),
      drains: Number(options.drains),
    }
    const answer = await answerOf<CpuAnswer>(task)
    const found = {
      models,
      segments,
      perSecond,
      events: answer.events,
      cpuUsPerEvent: rounded(median([...answer.cpuUsPerEvent])),
      steadyUsPerEvent: rounded(median([...answer.steadyUsPerEvent])),
      paneRecords: answer.paneRecords,
    }
    rows.push(found)
    tell(
      `${models} models, ${segments} segments, ${perSecond} predictions/s: ${found.cpuUsPerEvent} µs an event, ${found.steadyUsPerEvent} µs without start and end, ${found.paneRecords} records on panes`,
    )
    return found
  }
  const busy = await row(1, 1, STREAM_PER_SECOND)
  const shared = [await row(10, 1, STREAM_PER_SECOND), await row(100, 1, STREAM_PER_SECOND)] as const
  const quiet = await row(1, 1, MODEL_PER_SECOND)
  // A hundred models that each bring as much are the stream that a hundred share.
  const each = [await row(10, 1, 10 * MODEL_PER_SECOND), shared[1]] as const
  const busySegments = [await row(1, 8, STREAM_PER_SECOND), await row(1, 64, STREAM_PER_SECOND)] as const
  const quietSegments = [await row(1, 8, MODEL_PER_SECOND), await row(1, 64, MODEL_PER_SECOND)] as const
  console.log(
    '| models | segments | predictions/s | µs of CPU an event | without start and end | records on panes |\n|---|---|---|---|---|---|',
  )
  for (const { models, segments, perSecond, cpuUsPerEvent, steadyUsPerEvent, paneRecords } of rows) {
    console.log(`| ${models} | ${segments} | ${perSecond} | ${cpuUsPerEvent} | ${steadyUsPerEvent} | ${paneRecords} |`)
  }
  const groups: readonly Group[] = [
    { name: 'models10And100', found: each, base: quiet },
    { name: 'models10And100OfOneStream', found: shared, base: busy },
    { name: 'segments8And64', found: busySegments, base: busy },
    { name: 'segments8And64Quiet', found: quietSegments, base: quiet },
  ]
  return { rows, ...growthsOf(groups, 'cpuUsPerEvent'), steady: growthsOf(groups, 'steadyUsPerEvent') }
}

interface Group {
  readonly name: string
  readonly found: readonly CpuRow[]
  readonly base: CpuRow
}

function growthsOf(groups: readonly Group[], figure: 'cpuUsPerEvent' | 'steadyUsPerEvent'): Readonly<Record<string, readonly number[]>> {
  return Object.fromEntries(groups.map(({ name, found, base }) => [name, found.map((one) => rounded(one[figure] / base[figure]))]))
}

// ── the judge ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

interface JudgeRow {
  readonly name: string
  readonly scopes: number
  readonly judgeUsPerStratum: number
  readonly storedBytes: number
}

async function judgeTime(): Promise<readonly JudgeRow[]> {
  const section = await cost({ seed: 1, small: true, workers: 1, log: tell })
  const { settings } = section.json['cost'] as {
    readonly settings: readonly JudgeRow[]
  }
  console.log('| setting | judge, µs a stratum |\n|---|---|')
  for (const { name, judgeUsPerStratum } of settings) console.log(`| ${name} | ${judgeUsPerStratum} |`)
  return settings.map(({ name, scopes, judgeUsPerStratum, storedBytes }) => ({ name, scopes, judgeUsPerStratum, storedBytes }))
}

// ── memory ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

async function memoryGrowth() {
  const answers: MemoryAnswer[] = []
  console.log('| waiting predictions | bytes each | peak RSS MiB |\n|---|---|---|')
  for (const pending of options.pending.split(',').map(Number)) {
    const answer = await answerOf<MemoryAnswer>({ kind: 'memory', pending })
    answers.push({
      ...answer,
      bytesEach: rounded(answer.bytesEach),
      peakRssMiB: Math.round(answer.peakRssMiB),
      feedSeconds: rounded(answer.feedSeconds),
    })
    console.log(`| ${pending} | ${rounded(answer.bytesEach)} | ${Math.round(answer.peakRssMiB)} |`)
  }
  return answers
}

// ── restart ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

async function restarts(): Promise<Readonly<Record<string, Restart>> | null> {
  const { available, reason } = brokerAvailable()
  if (!available) {
    tell(`No restart without a real broker: ${reason}.`)
    return null
  }
  await build()
  const broker = await startBroker()
  const log = await connectKafka({ brokers: broker.bootstrap, clientId: 'flyball-bench' })
  const tag = `bench.${randomUUID().slice(0, 8)}.`
  const folder = mkdtempSync(join(tmpdir(), 'flyball-bench-'))
  const given = { log, bootstrap: broker.bootstrap.join(','), folder, pending: Number(options['restart-pending']), tell }
  try {
    const stopped = await restart({ ...given, prefix: `${tag}stopped.`, signal: 'SIGTERM' })
    const killed = await restart({ ...given, prefix: `${tag}killed.`, signal: 'SIGKILL' })
    console.log('| seconds after | judge in office | sources claimed | first new pane | command |\n|---|---|---|---|---|')
    for (const [name, { judgeSeconds, claimedSeconds, firstPaneSeconds, commandSeconds }] of Object.entries({ stopped, killed })) {
      console.log(`| ${name} | ${judgeSeconds} | ${claimedSeconds} | ${firstPaneSeconds} | ${commandSeconds} |`)
    }
    return { stopped, killed }
  } finally {
    const own = broker.kind === 'given' ? [...(await log.admin.topics()).keys()].filter((topic) => topic.startsWith(tag)) : []
    if (own.length > 0) await log.admin.delete(own)
    await log.close()
    await broker.stop()
    rmSync(folder, { recursive: true })
  }
}

await main()
