/** A measured process: what it used from its first instruction to its last, in the same way for every contestant. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { machineMark, othersCores } from './machine.ts'

export interface Used {
  /** User and system time of the whole process, start-up and all threads included. */
  readonly cpuSeconds: number
  readonly peakRssMiB: number
  readonly processSeconds: number
  /** Cores that neither this process, nor the benchmark, nor a broker of its own used meanwhile; null where nobody says. */
  readonly othersCores: number | null
}

export interface Measured extends Used {
  readonly stdout: string
  readonly stderr: string
}

export function repository(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url))
}

/** Where the built program lies: inside the repository, so that it finds its packages. */
const BUILT = repository('.work/bench-build')

/** Compiles as it is published: a loader that translates on the way would be measured too. Types are `npm run check`'s. */
export async function build(): Promise<void> {
  await output(spawn('npx', ['tsc', '-p', repository('bench/tsconfig.json'), '--noCheck'], { stdio: 'pipe' }))
}

export const builtFile = (path: string): string => join(BUILT, path)

/** Node with a built file, which tells what it used when it exits. */
export function measureNode(args: readonly string[], nodeArguments: readonly string[] = []): Promise<Measured> {
  return measure(process.execPath, ['--import', repository('bench/lib/report-usage.mjs'), ...nodeArguments, ...args])
}

/** The process itself writes what it used to the file named by FLYBALL_BENCH_USAGE: microseconds and KiB, as `resourceUsage()` has them. */
export async function measure(command: string, args: readonly string[]): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'flyball-bench-'))
  const usage = join(folder, 'usage.json')
  try {
    const startedMs = performance.now()
    const machine = machineMark()
    const child = spawn(command, args, { stdio: 'pipe', env: { ...process.env, FLYBALL_BENCH_USAGE: usage } })
    const texts = await output(child)
    const used = JSON.parse(readFileSync(usage, 'utf8')) as Pick<NodeJS.ResourceUsage, 'userCPUTime' | 'systemCPUTime' | 'maxRSS'>
    return {
      ...texts,
      cpuSeconds: (used.userCPUTime + used.systemCPUTime) / 1e6,
      peakRssMiB: used.maxRSS / 1024,
      processSeconds: (performance.now() - startedMs) / 1000,
      othersCores: othersCores(machine),
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** What a process says until it ends; ends in an error when it ends with another code than 0. */
export async function output(child: ChildProcess): Promise<{ readonly stdout: string; readonly stderr: string }> {
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
