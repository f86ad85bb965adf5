/** `flyball run`, or another command that goes on, as a child process that a test may kill: its events are read from its log lines. */
import { type ChildProcess, spawn } from 'node:child_process'
import { FLYBALL } from '../../scripts/lib/flyball.ts'

export interface FlyballProcess {
  readonly child: ChildProcess
  /** The first log line of this event, from the start of the process on. Rejects when the process ends without one. */
  event(name: string): Promise<Record<string, unknown>>
  readonly lines: readonly Record<string, unknown>[]
  readonly stderr: () => string
  readonly stdout: () => string
  /** Exit code; null after a signal. */
  readonly ended: Promise<number | null>
  kill(signal: NodeJS.Signals): Promise<void>
}

export function runFlyball(args: readonly string[], brokers: readonly string[], command = 'run'): FlyballProcess {
  const env = { ...process.env, KAFKA_BROKERS: brokers.join(',') }
  const child = spawn(process.execPath, [...FLYBALL, command, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const dieWithUs = (): void => void child.kill('SIGKILL')
  process.once('exit', dieWithUs)
  const lines: Record<string, unknown>[] = []
  const waiting: { name: string; resolve: (line: Record<string, unknown>) => void; reject: (error: Error) => void }[] = []
  let stderr = ''
  let stdout = ''
  let rest = ''
  child.stdout!.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
  })
  child.stderr!.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
    const parts = (rest + chunk.toString()).split('\n')
    rest = parts.pop()!
    for (const part of parts) take(part)
  })
  const take = (text: string): void => {
    const line = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : null
    if (line === null) return
    lines.push(line)
    for (const one of waiting.filter(({ name }) => name === line['event'])) one.resolve(line)
  }
  const ended = new Promise<number | null>((resolve) =>
    child.once('close', (code) => {
      process.off('exit', dieWithUs)
      for (const { name, reject } of waiting) reject(new Error(`flyball ended (${code}) before "${name}": ${stderr.slice(-2000)}`))
      resolve(code)
    }),
  )
  const event = (name: string): Promise<Record<string, unknown>> => {
    const found = lines.find((line) => line['event'] === name)
    if (found !== undefined) return Promise.resolve(found)
    const promise = new Promise<Record<string, unknown>>((resolve, reject) => waiting.push({ name, resolve, reject }))
    promise.catch(() => undefined)
    return promise
  }
  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal)
    await ended
  }
  return { child, event, lines, stderr: () => stderr, stdout: () => stdout, ended, kill }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Any other command, to its end, while this process goes on with its own work. */
export async function runFlyballCommand(
  args: readonly string[],
  brokers: readonly string[],
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const env = { ...process.env, KAFKA_BROKERS: brokers.join(',') }
  const child = spawn(process.execPath, [...FLYBALL, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const told = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) child[name].on('data', (chunk: Buffer) => (told[name] += chunk.toString()))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, ...told }
}
