/** For benchmarks that take time: the policy of steady traffic, what a process holds, and whether that grows. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

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
  predictions: { topic: ${topics.predictions}, fields: { unit: unit }, segments: { region: region } }
  outcomes: { topic: ${topics.outcomes} }
timing: { slice: ${sliceSeconds}s }
models:
${models.map(model).join('')}`,
  )
  return file
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
