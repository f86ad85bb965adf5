/** The stage of real processes: daemon, gateway and model servers each in their own, as child processes that end with this one. */
import { type ChildProcess, spawn } from 'node:child_process'
import { openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { connectKafka } from '../src/kafka/connect.ts'
import type { EventLog } from '../src/kafka/contract.ts'
import { systemClock, within } from '../src/kit/clock.ts'
import { DemoError } from './flights.ts'
import { type DemoTopics, MODEL } from './policy.ts'
import type { Logins, Part } from './secure.ts'
import { createTopics, GATEWAY_TIMEOUT_MS, type Stage, type VersionSpec } from './stage.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const READY_MS = 60_000
const STOP_MS = 8_000
const DAEMON_STARTS_MAX = 30

export interface ProcessStageOptions {
  readonly brokers: readonly string[]
  readonly topics: DemoTopics
  /** Where each process's messages are kept. */
  readonly folder: string
  readonly say: (text: string) => void
  readonly logins: Logins
}

export async function processStage(options: ProcessStageOptions): Promise<Stage> {
  const connect = (part: Part) =>
    connectKafka({
      brokers: options.brokers,
      clientId: `flyball-demo-${part}`,
      onClientLog: () => undefined,
      ...options.logins.connection(part),
    })
  const setup = await connect('setup')
  await createTopics(setup, options.topics)
  await setup.close()
  return new ProcessStage(options, await connect('audience'))
}

class ProcessStage implements Stage {
  readonly kind = 'processes'
  readonly kafkaKeys: string
  readonly log: EventLog
  readonly #options: ProcessStageOptions
  readonly #children = new Map<string, ChildProcess>()
  #daemonStarts = 0
  #endNow = (): void => this.#killAll()

  constructor(options: ProcessStageOptions, log: EventLog) {
    this.#options = options
    this.kafkaKeys = options.logins.policyKeys
    this.log = log
    process.once('exit', this.#endNow)
  }

  async serve(versions: readonly VersionSpec[], control: string): Promise<number> {
    const ports = await Promise.all(versions.map((spec) => this.#startServer(spec)))
    const servers = versions.flatMap(({ version }, at) => ['--server', `${version}=http://127.0.0.1:${ports[at]}`])
    const { brokers, topics } = this.#options
    return this.#started('gateway', 'examples/gateway.ts', [
      ...['--brokers', brokers.join(','), '--prefix', topics.prefix, '--model', MODEL, '--control', control],
      ...['--gateway', 'gateway-1', '--presence-ms', '1000', '--timeout-ms', String(GATEWAY_TIMEOUT_MS), ...servers],
      ...this.#options.logins.flags('gateway'),
    ])
  }

  async startGovernor(policyFile: string): Promise<void> {
    const args = ['run', '--policy', policyFile, '--brokers', this.#options.brokers.join(','), '--metrics-port', '0']
    const child = this.#spawn('daemon', 'src/main.ts', args)
    this.#daemonStarts++
    child.once('exit', () => {
      if (this.#children.get('daemon') !== child) return
      this.#children.delete('daemon')
      if (this.#daemonStarts >= DAEMON_STARTS_MAX) return
      this.#options.say('the daemon has ended unexpectedly; it is started again, as a supervisor would')
      void this.startGovernor(policyFile)
    })
  }

  stopGovernor(): Promise<void> {
    return this.#end('daemon')
  }

  silence(version: string): void {
    this.#children.get(`model-${version}`)?.kill('SIGSTOP')
  }

  trouble(): string {
    return [...new Set([...this.#children.keys(), 'daemon'])]
      .map((name) => ({ name, lines: this.#messages(name) }))
      .filter(({ lines }) => lines !== '')
      .map(({ name, lines }) => `── last messages of ${name}\n${lines}`)
      .join('\n')
  }

  async close(last?: (log: EventLog) => Promise<void>): Promise<void> {
    await Promise.all([...this.#children.keys()].map((name) => this.#end(name)))
    await last?.(this.log)
    await within(this.log.close(), STOP_MS, 'closing the connection').catch(() => undefined)
    process.off('exit', this.#endNow)
  }

  #startServer({ version, modelFile, harm, seed }: VersionSpec): Promise<number> {
    const { brokers, topics } = this.#options
    return this.#started(`model-${version}`, 'examples/model-server.ts', [
      ...['--brokers', brokers.join(','), '--topic', topics.predictions, '--model', MODEL, '--version', version],
      ...['--predictor', join(ROOT, 'demo/predictor.ts'), '--config', JSON.stringify({ modelFile, harm, seed })],
      ...this.#options.logins.flags('model-server'),
    ])
  }

  /** Starts a program that says in one line of JSON when it listens; its port. */
  async #started(name: string, program: string, args: readonly string[]): Promise<number> {
    const child = this.#spawn(name, program, args)
    const line = new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stdout! }).once('line', resolve)
      child.once('exit', () => reject(new DemoError(`${name} ended before it was ready:\n${this.#messages(name)}`)))
    })
    const { port } = JSON.parse(await within(line, READY_MS, `waiting for ${name}`)) as { port: number }
    return port
  }

  #spawn(name: string, program: string, args: readonly string[]): ChildProcess {
    const messages = openSync(this.#file(name), 'a')
    // In a group of its own: Ctrl-C reaches this process alone, which then ends the others in order.
    const child = spawn(process.execPath, ['--import', 'tsx', join(ROOT, program), ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', messages],
      detached: true,
    })
    this.#children.set(name, child)
    return child
  }

  async #end(name: string): Promise<void> {
    const child = this.#children.get(name)
    this.#children.delete(name)
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.kill('SIGCONT')
    child.kill('SIGTERM')
    const late = systemClock.sleep(STOP_MS).then(() => child.kill('SIGKILL'))
    await Promise.race([gone, late.then(() => gone)])
  }

  #killAll(): void {
    for (const child of this.#children.values()) child.kill('SIGKILL')
  }

  #file(name: string): string {
    return join(this.#options.folder, `${name}.log`)
  }

  #messages(name: string): string {
    try {
      return readFileSync(this.#file(name), 'utf8').trim().split('\n').slice(-12).join('\n')
    } catch {
      return ''
    }
  }
}
