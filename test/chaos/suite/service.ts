/**
 * A process of the run that somebody keeps alive, as a service manager would: killed or ended, it is started again when it is time.
 * Stopped by pid, and never outlives this process.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, type WriteStream } from 'node:fs'
import { createInterface } from 'node:readline'

export interface ServiceOptions {
  readonly name: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** All its lives write here. */
  readonly logFile: string
  /** Each line of its stdout and stderr. */
  readonly onLine?: (line: string) => void
}

export interface OwnEnd {
  readonly name: string
  readonly code: number | null
  /** What it said of it. */
  readonly words: string
}

const AGAIN_MS = 500
const LINES_KEPT = 40

export class Service {
  readonly name: string
  /** Ends that nobody asked for. */
  readonly ownEnds: OwnEnd[] = []
  /** A fault is being played on it. */
  busy = false
  starts = 0
  readonly #options: ServiceOptions
  readonly #log: WriteStream
  #child: ChildProcess | null = null
  #wanted = false

  constructor(options: ServiceOptions) {
    this.#options = options
    this.name = options.name
    this.#log = createWriteStream(options.logFile, { flags: 'a' })
    process.once('exit', this.#dieWithUs)
  }

  get up(): boolean {
    return this.#child !== null
  }

  get wanted(): boolean {
    return this.#wanted
  }

  start(): void {
    this.#wanted = true
    if (this.#child !== null) return
    this.starts++
    const env = { ...process.env, ...this.#options.env }
    const child = spawn(process.execPath, [...this.#options.args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    const lastLines: string[] = []
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => {
        this.#log.write(`${new Date().toISOString()} ${child.pid} ${line}\n`)
        lastLines.push(line)
        if (lastLines.length > LINES_KEPT) lastLines.shift()
        this.#options.onLine?.(line)
      })
    }
    child.once('close', (code) => {
      this.#child = null
      if (!this.#wanted) return
      this.ownEnds.push({ name: this.name, code, words: lastWords(lastLines) })
      setTimeout(() => this.#wanted && this.start(), AGAIN_MS)
    })
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  /** Ends it, and waits until it is gone; it stays away until `start`. */
  async end(signal: NodeJS.Signals, patienceMs = 20_000): Promise<void> {
    this.#wanted = false
    const child = this.#child
    if (child === null) return
    const gone = new Promise((resolve) => child.once('close', resolve))
    child.kill(signal)
    const late = setTimeout(() => child.kill('SIGKILL'), patienceMs)
    await gone
    clearTimeout(late)
  }

  async close(): Promise<void> {
    await this.end('SIGKILL')
    process.off('exit', this.#dieWithUs)
    this.#log.end()
  }

  readonly #dieWithUs = (): void => void this.#child?.kill('SIGKILL')
}

/** The line that names the error, or else the last one. */
function lastWords(lines: readonly string[]): string {
  return lines.findLast((line) => !line.startsWith('{') && /^error |Error: /.test(line)) ?? lines.at(-1) ?? ''
}
