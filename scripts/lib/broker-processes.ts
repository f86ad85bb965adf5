/** One or three Kafka brokers as Java processes of ours, and the care that none outlives this process. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import tls from 'node:tls'

const JVM = ['-Xmx384m', '-Xms64m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto']

export interface ProcessOptions {
  readonly libs: string
  readonly dir: string
  readonly clientPorts: readonly number[]
  readonly controllerPorts: readonly number[]
  readonly extra: readonly string[]
  /** A second listener a broker, for clients that come through proxies: where it listens, and where they are told to come. */
  readonly proxied?: { readonly listen: readonly number[]; readonly advertised: readonly number[] }
  readonly secured?: { readonly listeners: SecuredListeners; readonly mutualPort: number }
}

/** Listeners with TLS only. */
export interface SecuredListeners {
  readonly caFile: string
  readonly formatArguments: readonly string[]
  lines(clientPort: number, mutualPort: number, controllerPort: number): readonly string[]
}

/** No shell, so the star in the class path reaches Java as it is. */
export function javaTool(libs: string, mainClass: string, args: readonly string[], input?: string) {
  return spawnSync('java', [...JVM, '-cp', join(libs, '*'), mainClass, ...args], {
    encoding: 'utf8',
    timeout: 60_000,
    ...(input === undefined ? {} : { input }),
  })
}

export class BrokerProcesses {
  readonly bootstrap: readonly string[]
  readonly #options: ProcessOptions
  readonly #running = new Map<number, ChildProcess>()

  constructor(options: ProcessOptions) {
    this.#options = options
    this.bootstrap = options.clientPorts.map((port) => `127.0.0.1:${port}`)
  }

  async start(): Promise<void> {
    owners.add(this)
    watchForTheEnd()
    try {
      this.#format()
      for (const broker of this.bootstrap.keys()) this.#launch(broker)
      await this.#ready([...this.bootstrap.keys()])
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  dataDir(broker: number): string {
    return join(this.#options.dir, `broker-${broker + 1}`)
  }

  signal(broker: number, signal: NodeJS.Signals): void {
    this.#running.get(broker)?.kill(signal)
  }

  async end(broker: number, signal: NodeJS.Signals): Promise<void> {
    const process = this.#running.get(broker)
    if (!process) return
    const gone = new Promise((resolve) => process.once('exit', resolve))
    process.kill(signal)
    await gone
  }

  async restart(broker: number, signal: NodeJS.Signals): Promise<void> {
    await this.end(broker, signal)
    this.#launch(broker)
    await this.#ready([broker])
  }

  async stop(): Promise<void> {
    owners.delete(this)
    await Promise.all([...this.#running.keys()].map((broker) => this.end(broker, 'SIGKILL')))
    rmSync(this.#options.dir, { recursive: true, force: true })
  }

  /** For the end of this process, where nothing can be awaited. */
  killNow(): void {
    for (const process of this.#running.values()) process.kill('SIGKILL')
    rmSync(this.#options.dir, { recursive: true, force: true })
  }

  #file(broker: number): string {
    return join(this.#options.dir, `server-${broker + 1}.properties`)
  }

  #format(): void {
    const { libs } = this.#options
    const uuid = javaTool(libs, 'kafka.tools.StorageTool', ['random-uuid']).stdout.trim().split('\n').at(-1)
    for (const broker of this.bootstrap.keys()) {
      writeFileSync(this.#file(broker), properties(this.#options, broker, this.dataDir(broker)))
      const alone = this.bootstrap.length === 1 ? ['--standalone'] : []
      const users = this.#options.secured?.listeners.formatArguments ?? []
      const run = javaTool(libs, 'kafka.tools.StorageTool', ['format', '-t', String(uuid), '-c', this.#file(broker), ...alone, ...users])
      if (run.status !== 0) throw new Error(`formatting the broker's storage failed: ${run.stdout}${run.stderr}`)
    }
  }

  #launch(broker: number): void {
    const out = openSync(this.#log(broker), 'a')
    const args = [...JVM, '-cp', join(this.#options.libs, '*'), 'kafka.Kafka', this.#file(broker)]
    const child = spawn('java', args, { stdio: ['ignore', out, out] })
    this.#running.set(broker, child)
    child.once('exit', () => {
      if (this.#running.get(broker) === child) this.#running.delete(broker)
    })
  }

  #log(broker: number): string {
    return join(this.#options.dir, `broker-${broker + 1}.log`)
  }

  async #ready(brokers: readonly number[]): Promise<void> {
    for (const broker of brokers) {
      const exited = () => {
        if (!this.#running.has(broker))
          throw new Error(`broker ${broker + 1} ended:\n${readFileSync(this.#log(broker), 'utf8').slice(-3000)}`)
      }
      await BrokerProcesses.answering([this.#options.clientPorts[broker]!], 60_000, exited, this.#options.secured?.listeners.caFile)
    }
  }

  /** Ready means: it answers ApiVersions without error. An open port is not enough. */
  static async answering(ports: readonly number[], maxWaitMs: number, check: () => void = () => {}, caFile?: string): Promise<void> {
    const deadline = performance.now() + maxWaitMs
    for (const port of ports) {
      while (!(await answersApiVersions(port, caFile))) {
        check()
        if (performance.now() > deadline) throw new Error(`broker on port ${port} not ready after ${maxWaitMs} ms`)
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    }
  }
}

const owners = new Set<BrokerProcesses>()
let watching = false

function watchForTheEnd(): void {
  if (watching) return
  watching = true
  const killAll = () => {
    for (const owner of owners) owner.killNow()
  }
  process.once('exit', killAll)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      // Whoever else listens ends the process in its own order; the brokers go last, at `exit`.
      if (process.listenerCount(signal) > 0) return
      killAll()
      process.kill(process.pid, signal)
    })
  }
}

function properties(options: ProcessOptions, broker: number, dataDir: string): string {
  const { clientPorts, controllerPorts, extra } = options
  const replicas = clientPorts.length
  const voters = controllerPorts.map((port, index) => `${index + 1}@127.0.0.1:${port}`).join(',')
  const client = `PLAINTEXT://127.0.0.1:${clientPorts[broker]}`
  const lines = [
    'process.roles=broker,controller',
    `node.id=${broker + 1}`,
    replicas === 1 ? `controller.quorum.bootstrap.servers=127.0.0.1:${controllerPorts[0]}` : `controller.quorum.voters=${voters}`,
    'controller.listener.names=CONTROLLER',
    `listeners=${client},CONTROLLER://127.0.0.1:${controllerPorts[broker]}`,
    `advertised.listeners=${client}`,
    'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    `log.dirs=${dataDir}`,
    `default.replication.factor=${replicas}`,
    `min.insync.replicas=${Math.min(2, replicas)}`,
    `offsets.topic.replication.factor=${replicas}`,
    'offsets.topic.num.partitions=4',
    `transaction.state.log.replication.factor=${replicas}`,
    `transaction.state.log.min.isr=${Math.min(2, replicas)}`,
    'transaction.state.log.num.partitions=4',
    `share.coordinator.state.topic.replication.factor=${replicas}`,
    'group.initial.rebalance.delay.ms=0',
    'auto.create.topics.enable=false',
    'log.cleaner.backoff.ms=200',
    // Records that were made up for a day of last year are old when they are written: a topic keeps them unless it says otherwise.
    'log.retention.ms=-1',
    // A killed broker may not register again before its last session is over.
    'broker.session.timeout.ms=3000',
    'broker.heartbeat.interval.ms=500',
    ...proxiedLines(options, broker, client),
    ...(options.secured?.listeners.lines(clientPorts[broker]!, options.secured.mutualPort, controllerPorts[broker]!) ?? []),
    ...extra,
  ]
  const byKey = new Map(lines.map((line) => [line.slice(0, line.indexOf('=')), line]))
  return [...byKey.values()].join('\n')
}

function proxiedLines({ proxied, controllerPorts }: ProcessOptions, broker: number, client: string): string[] {
  if (proxied === undefined) return []
  return [
    `listeners=${client},CLIENTS://127.0.0.1:${proxied.listen[broker]},CONTROLLER://127.0.0.1:${controllerPorts[broker]}`,
    `advertised.listeners=${client},CLIENTS://127.0.0.1:${proxied.advertised[broker]}`,
    'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name=PLAINTEXT',
  ]
}

/** ApiVersions v0 as bytes: size 15, api 18, version 0, correlation 1, client id "ready". */
function answersApiVersions(port: number, caFile?: string): Promise<boolean> {
  return new Promise((resolve) => {
    const at = { host: '127.0.0.1', port, timeout: 1000 }
    const socket = caFile === undefined ? net.connect(at) : tls.connect({ ...at, ca: readFileSync(caFile) })
    const done = (answered: boolean) => {
      socket.destroy()
      resolve(answered)
    }
    socket.on('error', () => done(false)).on('timeout', () => done(false))
    socket.on(caFile === undefined ? 'connect' : 'secureConnect', () =>
      socket.write(Buffer.from('0000000f001200000000000100057265616479', 'hex')),
    )
    socket.on('data', (reply) => done(reply.length >= 10 && reply.readInt16BE(8) === 0))
  })
}
