/** Kafka's own Java client in a process of its own (BrokerHand.java): dumps topics, deletes records, alters configurations, moves leaders. */
import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const SOURCE = fileURLToPath(new URL('./BrokerHand.java', import.meta.url))
const JVM = ['-Xmx192m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto']

/** A record as it stands in a topic; every value as the bytes it is. */
export interface DumpedRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [string, Buffer])[]
}

export interface Dump {
  readonly records: readonly DumpedRecord[]
  readonly bounds: readonly { readonly topic: string; readonly partition: number; readonly start: number; readonly end: number }[]
}

export class BrokerHand {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #folder: string
  #asking: Promise<unknown> = Promise.resolve()
  #answer: ((line: string) => void) | null = null
  #dumps = 0

  static async open(libs: string, folder: string, bootstrap: readonly string[]): Promise<BrokerHand> {
    await promisify(execFile)('javac', ['-cp', join(libs, '*'), '-d', folder, SOURCE], { timeout: 60_000 })
    return new BrokerHand(libs, folder, bootstrap)
  }

  private constructor(libs: string, folder: string, bootstrap: readonly string[]) {
    this.#folder = folder
    const classes = `${folder}:${join(libs, '*')}`
    this.#child = spawn('java', [...JVM, '-cp', classes, 'BrokerHand', bootstrap.join(',')], { stdio: ['pipe', 'pipe', 'ignore'] })
    process.once('exit', this.#dieWithUs)
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      if (line.startsWith('ok') || line.startsWith('error')) this.#answer?.(line)
    })
    this.#child.once('exit', () => this.#answer?.('error the process has ended'))
  }

  readonly #dieWithUs = (): void => void this.#child.kill('SIGKILL')

  async dump(topics: readonly string[]): Promise<Dump> {
    const file = join(this.#folder, `dump-${this.#dumps++}.jsonl`)
    await this.#ask(`dump ${file} ${topics.join(',')}`)
    return readDump(file)
  }

  async deleteUpTo(topic: string, partition: number, offset: number): Promise<void> {
    await this.#ask(`delete ${topic} ${partition} ${offset}`)
  }

  /** The first broker is 0. Of all partitions of a topic, or of its first one and the brokers after it of the others in turn. */
  async lead(topic: string, broker: number, what: 'all' | 'one-each'): Promise<void> {
    await this.#ask(`lead ${topic} ${broker + 1} ${what === 'all' ? 0 : 1}`)
  }

  /** Without a value the entry goes back to what it was by default. */
  async configure(topic: string, key: string, value?: string): Promise<void> {
    await this.#ask(`config ${topic} ${key}${value === undefined ? '' : ` ${value}`}`)
  }

  close(): void {
    process.off('exit', this.#dieWithUs)
    this.#child.kill('SIGKILL')
  }

  /** One at a time. */
  #ask(line: string): Promise<string> {
    const asked = this.#asking.then(
      () =>
        new Promise<string>((resolve, reject) => {
          if (this.#child.exitCode !== null) return reject(new Error('the Java client has ended'))
          this.#answer = (answer) => (answer.startsWith('ok') ? resolve(answer) : reject(new Error(`${line}: ${answer}`)))
          this.#child.stdin.write(`${line}\n`)
        }),
    )
    this.#asking = asked.catch(() => undefined)
    return asked
  }
}

async function readDump(file: string): Promise<Dump> {
  const records: DumpedRecord[] = []
  const bounds: Dump['bounds'][number][] = []
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const raw = JSON.parse(line) as Record<string, unknown>
    if ('end' in raw) bounds.push(raw as unknown as Dump['bounds'][number])
    else records.push(recordOf(raw))
  }
  return { records, bounds }
}

function recordOf(raw: Record<string, unknown>): DumpedRecord {
  const bytes = (text: unknown) => (text === null ? null : Buffer.from(String(text), 'base64'))
  const headers = (raw['headers'] as [string, string | null][]).map(([key, value]) => [key, bytes(value) ?? Buffer.alloc(0)] as const)
  return { ...(raw as unknown as DumpedRecord), key: bytes(raw['key']), value: bytes(raw['value']), headers }
}
