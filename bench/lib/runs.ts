/** One run of each contestant, in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FilledTopics } from './fill.ts'

export interface Run {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly peakRssMiB: number
}

/** Where the built program lies: inside the repository, so that it finds its packages. */
const BUILT = repository('.work/bench-build')
const POLICY = repository('examples/policies/throughput.yaml')

function repository(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url))
}

/** Compiles the program as it is published: a loader that translates on the way would be measured too. Types are `npm run check`'s. */
export async function build(): Promise<void> {
  await output(spawn('npx', ['tsc', '-p', repository('tsconfig.build.json'), '--outDir', BUILT, '--noCheck'], piped({})))
}

export async function runBareLoop(bootstrap: string, records: number, topics: FilledTopics): Promise<Run> {
  const script = repository('bench/lib/bare-loop.ts')
  const args = ['--import', 'tsx', script, bootstrap, String(records), topics.predictions, topics.outcomes]
  const { stdout } = await output(spawn(process.execPath, args, piped({})))
  return JSON.parse(stdout) as Run
}

/** `flyball run --drain` under a prefix of its own. `nodeArguments`: of the measured process, such as --cpu-prof. */
export async function runFlyball(
  bootstrap: string,
  topics: FilledTopics,
  prefix: string,
  nodeArguments: readonly string[],
): Promise<Run & { readonly processSeconds: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'flyball-bench-'))
  const policy = join(folder, 'policy.yaml')
  const usage = join(folder, 'usage.json')
  writeFileSync(policy, policyText(topics, prefix))
  try {
    const node = [...nodeArguments, '--import', repository('bench/lib/report-usage.mjs'), join(BUILT, 'src/main.js')]
    const args = [...node, 'run', '-p', policy, '-b', bootstrap, '--drain', '--create-topics', '--json']
    const startedMs = performance.now()
    const { stderr } = await output(spawn(process.execPath, args, piped({ FLYBALL_BENCH_USAGE: usage })))
    const processSeconds = (performance.now() - startedMs) / 1000
    const used = JSON.parse(readFileSync(usage, 'utf8')) as NodeJS.ResourceUsage
    const cpuSeconds = (used.userCPUTime + used.systemCPUTime) / 1e6
    return { seconds: servedSeconds(stderr), cpuSeconds, peakRssMiB: used.maxRSS / 1024, processSeconds }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The example policy on other topics. */
function policyText({ predictions, outcomes }: FilledTopics, prefix: string): string {
  const text = readFileSync(POLICY, 'utf8')
  const placed = text.replace('topic: bench.predictions', `topic: ${predictions}`).replace('topic: bench.outcomes', `topic: ${outcomes}`)
  return `${placed}\nkafka:\n  prefix: ${prefix}\n`
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

function piped(environment: Readonly<Record<string, string>>) {
  return { stdio: 'pipe' as const, env: { ...process.env, ...environment } }
}

async function output(child: ChildProcess): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const texts = { stdout: '', stderr: '' }
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    texts.stdout += text
  })
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    texts.stderr += text
  })
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  if (code !== 0) throw new Error(`${child.spawnargs.join(' ')} ended with ${code}:\n${texts.stdout}${texts.stderr}`)
  return texts
}
