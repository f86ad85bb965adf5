/** Live daemons for benchmarks: the built program beside steady traffic on a real broker, with its log lines and what it holds. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { builtFile } from './child.ts'

export interface LiveDaemon {
  readonly child: ChildProcess
  readonly lines: readonly LogLine[]
  /** Resolves with the exit code; null after a signal. */
  readonly ended: Promise<number | null>
}

export type LogLine = Readonly<Record<string, unknown>> & { readonly event: string; readonly time: string }

export interface LivePolicy {
  readonly prefix: string
  readonly topics: { readonly predictions: string; readonly outcomes: string }
  readonly models: readonly string[]
  readonly sliceSeconds: number
  readonly horizonSeconds: number
}

/** Writes the policy of steady traffic to a temporary file. */
export function livePolicyFile({ prefix, topics, models, sliceSeconds, horizonSeconds }: LivePolicy): string {
  const file = join(mkdtempSync(join(tmpdir(), 'flyball-live-')), 'policy.yaml')
  const model = (name: string): string => `  ${name}:
    control: v1
    candidate: v2
    mode: enforce
    weights: recorded
    segments: { region: [eu, us, asia] }
    features: { age: { low: 0, high: 10, bins: 10 } }
    outcomes: { label: { horizon: ${horizonSeconds}s } }
    guardrails:
      - { kind: error-rate, marginPoints: 1, segments: all }
      - { kind: latency, segments: all }
      - { kind: feature-drift, segments: all }
      - { kind: wrong-outcome, outcome: label, marginPoints: 2 }
`
  writeFileSync(
    file,
    `version: 1
kafka: { prefix: "${prefix}", partitions: 2 }
inputs:
  predictions: { topic: ${topics.predictions}, fields: { time: ts, unit: unit }, segments: { region: region } }
  outcomes: { topic: ${topics.outcomes}, fields: { time: ts } }
timing: { slice: ${sliceSeconds}s }
models:
${models.map(model).join('')}`,
  )
  return file
}

export function startLive(policyFile: string, brokers: readonly string[], more: readonly string[] = []): LiveDaemon {
  const args = [builtFile('src/main.js'), 'run', '-p', policyFile, '--create-topics', '--metrics-port', '0', ...more]
  const child = spawn(process.execPath, args, {
    env: { ...process.env, KAFKA_BROKERS: brokers.join(',') },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const dieWithUs = (): void => void child.kill('SIGKILL')
  process.once('exit', dieWithUs)
  const lines: LogLine[] = []
  let rest = ''
  child.stderr!.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split('\n')
    rest = parts.pop()!
    for (const part of parts) if (part.startsWith('{')) lines.push(JSON.parse(part) as LogLine)
  })
  const ended = new Promise<number | null>((resolve) =>
    child.once('close', (code) => {
      process.off('exit', dieWithUs)
      resolve(code)
    }),
  )
  return { child, lines, ended }
}

export interface Holding {
  readonly rssMiB: number
  /** Open files and sockets. */
  readonly handles: number
}

/** What a process holds now, by /proc; null where there is none. */
export function holding(pid: number): Holding | null {
  try {
    const rss = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return { rssMiB: Number(rss![1]) / 1024, handles: readdirSync(`/proc/${pid}/fd`).length }
  } catch {
    return null
  }
}

/** Least squares over time, with the standard error of the slope. */
export function slope(points: readonly (readonly [x: number, y: number])[]): { readonly slope: number; readonly standardError: number } {
  const n = points.length
  const mean = (of: 0 | 1): number => points.reduce((sum, point) => sum + point[of], 0) / n
  const [meanX, meanY] = [mean(0), mean(1)]
  const spread = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
  const value = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / spread
  const residual = points.reduce((sum, [x, y]) => sum + (y - meanY - value * (x - meanX)) ** 2, 0)
  return { slope: value, standardError: Math.sqrt(residual / (n - 2) / spread) }
}
