/**
 * Real Apache Kafka brokers (KRaft, loopback only) for tests, benchmarks and the demo: started, paused, killed and restarted by pid.
 *
 * Order of choice: brokers that run already (`KAFKA_BROKERS`); Java 17+ and Maven, which fetch Kafka's jars once into `.kafka/`;
 * a Docker engine goes first only when the caller does not need processes and files of its own (`needsProcess`).
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BrokerProcesses, javaTool, type SecuredListeners } from './broker-processes.ts'

export const KAFKA_VERSION = '4.3.1'
const CACHE_DIR = fileURLToPath(new URL('../../.kafka', import.meta.url))

export interface BrokerOptions {
  readonly brokers?: 1 | 3
  /** Further lines of `server.properties`; a key that is there already is replaced. */
  readonly extra?: readonly string[]
  /** The test kills brokers or edits their files: never use brokers that somebody else runs. */
  readonly needsProcess?: boolean
  /** Ports, one a broker, at which clients are told to find them: those of proxies in between. Brokers find one another without them. */
  readonly advertisedPorts?: readonly number[]
  /** One broker that lets nobody in without a login: see secured-broker.ts. */
  readonly secured?: SecuredListeners
}

export interface RunningBroker {
  readonly kind: 'given' | 'docker' | 'java'
  readonly bootstrap: readonly string[]
  /** Folder of Kafka's jars, for its own console tools; empty when the brokers are not ours. */
  readonly libs: string
  stop(): Promise<void>
  /** SIGKILL, and waits until the process is gone. */
  kill(broker: number): Promise<void>
  pause(broker: number): void
  resume(broker: number): void
  /** Stops (SIGTERM, or the signal given) if it still runs, starts again on the same ports and files, waits until it answers. */
  restart(broker: number, signal?: NodeJS.Signals): Promise<void>
  dataDir(broker: number): string
  /** With `advertisedPorts`: where each broker listens for what its proxy forwards. Secured: the port of clients with certificates. */
  readonly proxiedPorts: readonly number[]
}

export interface Availability {
  readonly available: boolean
  readonly reason: string
}

/** Cheap: looks for the tools, starts nothing. */
export function brokerAvailable(needsProcess = false): Availability {
  if (process.env['KAFKA_BROKERS'] && !needsProcess) return { available: true, reason: 'KAFKA_BROKERS is set' }
  if (!needsProcess && dockerWorks()) return { available: true, reason: 'a Docker engine answers' }
  const java = javaMajor()
  if (java === null) return { available: false, reason: 'no Java on the path' }
  if (java < 17) return { available: false, reason: `Java ${java} is too old, Kafka needs 17` }
  if (existsSync(completeMark())) return { available: true, reason: 'Java, and Kafka in .kafka/libs' }
  if (!answers('mvn', ['-v'])) return { available: false, reason: 'no Maven on the path to fetch Kafka with' }
  return { available: true, reason: 'Java and Maven' }
}

export async function startBroker(options: BrokerOptions = {}): Promise<RunningBroker> {
  const given = process.env['KAFKA_BROKERS']
  if (given && !options.needsProcess) return notOurs('given', given.split(','), async () => {})
  if (!options.needsProcess && (options.brokers ?? 1) === 1 && !options.extra && dockerWorks()) return startInDocker()
  const { available, reason } = brokerAvailable(true)
  if (!available) throw new Error(`cannot start a Kafka broker: ${reason}`)
  return startOnJava(options)
}

async function startOnJava(options: BrokerOptions): Promise<RunningBroker> {
  const libs = await kafkaLibs()
  const count = options.brokers ?? 1
  const { advertisedPorts } = options
  const ports = await freePorts(count * 3)
  const proxiedPorts = advertisedPorts === undefined && options.secured === undefined ? [] : ports.slice(count * 2)
  const dir = mkdtempSync(join(tmpdir(), 'flyball-kafka-'))
  const processes = new BrokerProcesses({
    libs,
    dir,
    clientPorts: ports.slice(0, count),
    extra: options.extra ?? [],
    controllerPorts: ports.slice(count, count * 2),
    ...(advertisedPorts && { proxied: { listen: proxiedPorts, advertised: advertisedPorts } }),
    ...(options.secured && { secured: { listeners: options.secured, mutualPort: proxiedPorts[0]! } }),
  })
  await processes.start()
  return {
    kind: 'java',
    bootstrap: processes.bootstrap,
    libs,
    stop: () => processes.stop(),
    kill: (broker) => processes.end(broker, 'SIGKILL'),
    pause: (broker) => processes.signal(broker, 'SIGSTOP'),
    resume: (broker) => processes.signal(broker, 'SIGCONT'),
    restart: (broker, signal) => processes.restart(broker, signal ?? 'SIGTERM'),
    dataDir: (broker) => processes.dataDir(broker),
    proxiedPorts,
  }
}

/** The folder of jars; fetched once, by one process at a time. */
export async function kafkaLibs(): Promise<string> {
  const libs = join(CACHE_DIR, 'libs')
  if (existsSync(completeMark())) return libs
  mkdirSync(CACHE_DIR, { recursive: true })
  const release = await lock(join(CACHE_DIR, 'lock'))
  try {
    if (existsSync(completeMark())) return libs
    writeFileSync(join(CACHE_DIR, 'pom.xml'), POM)
    const run = spawnSync(
      'mvn',
      ['-q', '-B', '-f', join(CACHE_DIR, 'pom.xml'), 'dependency:copy-dependencies', `-DoutputDirectory=${libs}`],
      {
        encoding: 'utf8',
        timeout: 600_000,
      },
    )
    if (run.status !== 0) throw new Error(`fetching Kafka with Maven failed: ${run.stdout}${run.stderr}`)
    writeFileSync(completeMark(), '')
    return libs
  } finally {
    release()
  }
}

/** Runs a main class of Kafka's jars, such as `org.apache.kafka.tools.ConsoleProducer`. */
export function kafkaTool(libs: string, mainClass: string, args: readonly string[], input?: string) {
  return javaTool(libs, mainClass, args, input)
}

const completeMark = () => join(CACHE_DIR, 'libs', `.complete-${KAFKA_VERSION}`)

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>flyball</groupId>
  <artifactId>test-broker</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${KAFKA_VERSION}</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>${KAFKA_VERSION}</version></dependency>
  </dependencies>
</project>
`

/** A lock folder with the owner's pid; that of a dead owner is taken over. */
async function lock(path: string): Promise<() => void> {
  for (;;) {
    try {
      mkdirSync(path)
      writeFileSync(join(path, 'pid'), String(process.pid))
      return () => rmSync(path, { recursive: true, force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    if (abandoned(path)) rmSync(path, { recursive: true, force: true })
    else await new Promise((resolve) => setTimeout(resolve, 300))
  }
}

function abandoned(path: string): boolean {
  try {
    const pid = join(path, 'pid')
    // Made a moment ago, its owner has not yet written the pid.
    if (!existsSync(pid)) return Date.now() - statSync(path).mtimeMs > 5000
    process.kill(Number(readFileSync(pid, 'utf8')), 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

/** Ports that are free now; all are held open until the last is known, so that none comes twice. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = net.createServer()
      return new Promise<net.Server>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', () => resolve(server)))
    }),
  )
  const ports = servers.map((server) => (server.address() as net.AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

function answers(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 15_000 }).status === 0
}

let docker: boolean | null = null
const dockerWorks = () => (docker ??= answers('docker', ['info']))

function javaMajor(): number | null {
  const run = spawnSync('java', ['-version'], { encoding: 'utf8', timeout: 15_000 })
  const version = /version "(\d+)(?:\.(\d+))?/.exec(`${run.stderr}${run.stdout}`)
  if (run.status !== 0 || version === null) return null
  return version[1] === '1' ? Number(version[2]) : Number(version[1])
}

/** One broker from Apache Kafka's own image. */
async function startInDocker(): Promise<RunningBroker> {
  const [port] = await freePorts(1)
  const setting = (name: string, value: string) => ['-e', `KAFKA_${name}=${value}`]
  const args = [
    ...['run', '-d', '--rm', '-p', `127.0.0.1:${port}:${port}`],
    ...setting('NODE_ID', '1'),
    ...setting('PROCESS_ROLES', 'broker,controller'),
    ...setting('LISTENERS', `PLAINTEXT://:${port},CONTROLLER://:9093`),
    ...setting('ADVERTISED_LISTENERS', `PLAINTEXT://127.0.0.1:${port}`),
    ...setting('CONTROLLER_LISTENER_NAMES', 'CONTROLLER'),
    ...setting('LISTENER_SECURITY_PROTOCOL_MAP', 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT'),
    ...setting('CONTROLLER_QUORUM_VOTERS', '1@localhost:9093'),
    ...setting('OFFSETS_TOPIC_REPLICATION_FACTOR', '1'),
    ...setting('TRANSACTION_STATE_LOG_REPLICATION_FACTOR', '1'),
    ...setting('TRANSACTION_STATE_LOG_MIN_ISR', '1'),
    ...setting('GROUP_INITIAL_REBALANCE_DELAY_MS', '0'),
    ...setting('AUTO_CREATE_TOPICS_ENABLE', 'false'),
    `apache/kafka:${KAFKA_VERSION}`,
  ]
  const container = execFileSync('docker', args, { encoding: 'utf8' }).trim()
  const remove = () => void spawnSync('docker', ['kill', container], { stdio: 'ignore' })
  process.once('exit', remove)
  const broker = notOurs('docker', [`127.0.0.1:${port}`], async () => {
    process.off('exit', remove)
    remove()
  })
  await BrokerProcesses.answering([Number(port)], 90_000)
  return broker
}

function notOurs(kind: 'given' | 'docker', bootstrap: readonly string[], stop: () => Promise<void>): RunningBroker {
  const refuse = (): never => {
    throw new Error(`brokers of kind "${kind}" are not ours to kill, pause or open: ask with needsProcess`)
  }
  return {
    kind,
    bootstrap,
    libs: '',
    stop,
    kill: refuse,
    pause: refuse,
    resume: refuse,
    restart: refuse,
    dataDir: refuse,
    proxiedPorts: [],
  }
}
