/** One run of each contestant, in a process of its own, and whether its answers are right. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EventLog } from '../../src/kafka/contract.ts'
import { topicNames } from '../../src/kit/topics.ts'
import { differences, type MeanPane, readCells, readPeerCells } from './answers.ts'
import { builtFile, type Measured, measure, measureNode, type Used } from './child.ts'
import type { FilledTopics } from './fill.ts'
import { throughputPolicy } from './policies.ts'
import type { Cells } from './workload.ts'

export interface Run extends Used {
  readonly seconds: number
  /** What is wrong with its answers; null when it gives none. */
  readonly differences: readonly string[] | null
  /** Of Flyball's own. */
  readonly pane?: MeanPane
}

export interface Ground {
  readonly bootstrap: string
  readonly log: EventLog
  /** Predictions and outcomes together. */
  readonly records: number
}

/** What a peer prints. */
interface PeerLine {
  readonly firstAtMs: number
  readonly records: number
}

export async function runBareLoop({ bootstrap, records }: Ground, topics: FilledTopics): Promise<Run> {
  const run = await measureNode([builtFile('bench/peers/bare-loop.js'), bootstrap, String(records), topics.predictions, topics.outcomes])
  const { seconds } = JSON.parse(run.stdout) as { readonly seconds: number }
  return { ...used(run), seconds, differences: null }
}

export async function runHandWritten(ground: Ground, topics: FilledTopics, results: string, truth: Cells): Promise<Run> {
  const { format, predictions, outcomes } = topics
  const args = [ground.bootstrap, format, predictions, outcomes, results, String(ground.records)]
  return peerRun(ground, results, truth, () => measureNode([builtFile('bench/peers/hand-written.js'), ...args]))
}

/** A program outside Node: its arguments end with bootstrap list, topics and the total of records; in Java also its folder. */
export async function runProgram(
  ground: Ground,
  topics: FilledTopics,
  results: string,
  truth: Cells,
  program: readonly string[],
): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), 'flyball-bench-state-'))
  const [command, ...first] = program as [string, ...string[]]
  const args = [...first, ground.bootstrap, topics.predictions, topics.outcomes, results, String(ground.records)]
  try {
    return await peerRun(ground, results, truth, () => measure(command, command === 'java' ? [...args, folder] : args))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The clock: the peer's first record → the broker's time of its last result. */
async function peerRun(ground: Ground, results: string, truth: Cells, runPeer: () => Promise<Measured>): Promise<Run> {
  const stamped = { 'message.timestamp.type': 'LogAppendTime', 'retention.ms': '-1' }
  await ground.log.admin.create([{ topic: results, partitions: 1, config: stamped }])
  const run = await runPeer()
  const { firstAtMs, records } = JSON.parse(run.stdout) as PeerLine
  const { cells, lastAtMs } = await readPeerCells(ground.log, results)
  const wrong = differences(truth, cells)
  if (records !== ground.records) wrong.push(`${records} records read instead of ${ground.records}`)
  return { ...used(run), seconds: (lastAtMs - firstAtMs) / 1000, differences: wrong }
}

export interface FlyballOptions {
  readonly topics: FilledTopics
  readonly prefix: string
  readonly workers: number
  /** Of the measured process, such as --cpu-prof. */
  readonly nodeArguments: readonly string[]
  /** With the whole of each window beside its segments. */
  readonly truth: Cells
}

/** `flyball run --drain` under a prefix of its own. */
export async function runFlyball(ground: Ground, { topics, prefix, workers, nodeArguments, truth }: FlyballOptions): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), 'flyball-bench-policy-'))
  const policy = join(folder, 'policy.yaml')
  writeFileSync(policy, throughputPolicy(topics, prefix))
  try {
    const threads = workers === 1 ? [] : ['--workers', String(workers)]
    const args = ['run', '-p', policy, '-b', ground.bootstrap, '--drain', '--create-topics', '--json', ...threads]
    const run = await measureNode([builtFile('src/main.js'), ...args], nodeArguments)
    const { cells, pane } = await readCells(ground.log, topicNames(prefix).panes)
    return { ...used(run), seconds: servedSeconds(run.stderr), differences: differences(truth, cells), pane }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function used({ cpuSeconds, peakRssMiB, processSeconds, othersCores }: Measured): Used {
  return { cpuSeconds, peakRssMiB, processSeconds, othersCores }
}

/** From the first source opened until everything is written, acknowledged, judged and stored: by the times of the program's own log. */
function servedSeconds(log: string): number {
  const lines = log.split('\n').filter((line) => line.startsWith('{'))
  const events = lines.map((line) => JSON.parse(line) as { readonly time: string; readonly event: string })
  const opened = events.find(({ event }) => event === 'source-started')
  const stopped = events.findLast(({ event }) => event === 'stopped')
  if (opened === undefined || stopped === undefined) throw new Error(`the run did not finish:\n${log}`)
  return (Date.parse(stopped.time) - Date.parse(opened.time)) / 1000
}
