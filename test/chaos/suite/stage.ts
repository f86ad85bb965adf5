/** The cast of a chaos run: daemons (the real command line), gateways (the real subscriber), and what they share. */

import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { FLYBALL, TSX } from '../../../scripts/lib/flyball.ts'
import { ownTopics, type TopicNames, topicNames } from '../../../src/kit/topics.ts'
import { Archive } from './archive.ts'
import { type Cluster, startCluster } from './cluster.ts'
import type { GatewayArguments } from './gateway.ts'
import { chaosPolicy, INPUT_PARTITIONS, JUDGE_PARTITIONS } from './policy.ts'
import { Service } from './service.ts'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const PREFIX = 'chaos.'
const DAEMONS = 3
const GATEWAYS = 2
const UNITS_PER_GATEWAY = 2000
const CLI_MS = 60_000

export interface Daemon {
  readonly service: Service
  readonly clockFile: string
  /** Where its metrics are in this life; 0 while it has none. */
  metricsPort: number
}

export interface Stage {
  readonly folder: string
  readonly cluster: Cluster
  readonly prefix: string
  readonly topics: TopicNames
  readonly policyFile: string
  readonly policyText: string
  readonly daemons: readonly Daemon[]
  /** Joins and leaves. */
  readonly guest: Daemon
  readonly gateways: readonly Service[]
  readonly archive: Archive
  /** How often each event was logged by the daemons. */
  readonly events: Map<string, number>
  /** The command line: resolves with what went wrong; empty when nothing did. */
  flyball(args: readonly string[]): Promise<string>
  close(): Promise<void>
}

export interface StageOptions {
  readonly seed: number
  readonly folder: string
  readonly perSecond: number
  /** Where the product to be run lies: this repository, or a copy with something broken in it. */
  readonly root?: string
}

export async function openStage(options: StageOptions): Promise<Stage> {
  const { folder } = options
  const program = options.root === undefined ? FLYBALL : ['--import', TSX, join(options.root, 'src', 'main.ts')]
  const cluster = await startCluster(folder)
  const services: Service[] = []
  const close = async () => {
    await Promise.all(services.map((service) => service.close()))
    await cluster.close()
  }
  try {
    await makeTopics(cluster)
    const policyText = chaosPolicy(PREFIX)
    const policyFile = join(folder, 'policy.yaml')
    writeFileSync(policyFile, policyText)
    const events = new Map<string, number>()
    const daemonNamed = (name: string): Daemon => {
      const daemon = newDaemon({ name, folder, program, policyFile, bootstrap: cluster.bootstrap, events })
      services.push(daemon.service)
      return daemon
    }
    const daemons = Array.from({ length: DAEMONS }, (_, index) => daemonNamed(`daemon-${index + 1}`))
    const gateways = Array.from({ length: GATEWAYS }, (_, index) => newGateway(index, options, cluster.bootstrap))
    services.push(...gateways)
    return {
      ...{ folder, cluster, prefix: PREFIX, topics: topicNames(PREFIX), policyFile, policyText, daemons, gateways, events, close },
      guest: daemonNamed('guest'),
      archive: new Archive(),
      flyball: (args) => commandLine(program, cluster.bootstrap, args),
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function makeTopics({ log }: Cluster): Promise<void> {
  const input = (topic: string) => ({ topic, partitions: INPUT_PARTITIONS, config: { 'retention.ms': '-1' } })
  await log.admin.create([input('predictions'), input('outcomes'), ...ownTopics(PREFIX, JUDGE_PARTITIONS, INPUT_PARTITIONS)])
}

interface DaemonArguments {
  readonly name: string
  readonly folder: string
  /** What stands between `node` and the arguments of `flyball`. */
  readonly program: readonly string[]
  readonly policyFile: string
  readonly bootstrap: readonly string[]
  readonly events: Map<string, number>
}

/** A decision that could not be put into bytes. */
export const UNWRITABLE = 'judge-fenced: cannot encode'

export function newDaemon({ name, folder, program, policyFile, bootstrap, events }: DaemonArguments): Daemon {
  const clockFile = join(folder, `${name}.clock`)
  mkdirSync(folder, { recursive: true })
  writeFileSync(clockFile, '0')
  const service = new Service({
    name,
    args: [
      ...['--import', join(HERE, 'clock-shift.mjs'), ...program, 'run'],
      ...['-p', policyFile, '-b', bootstrap.join(','), '--metrics-port', '0'],
    ],
    env: { CHAOS_CLOCK_FILE: clockFile },
    logFile: join(folder, `${name}.log`),
    onLine: (line) => {
      const event = /"event":"([^"]+)"/.exec(line)?.[1]
      if (event === undefined) return
      events.set(event, (events.get(event) ?? 0) + 1)
      // A tenure ends by trouble with the log, never by what the judge itself made.
      if (event === 'judge-fenced' && line.includes('cannot encode')) events.set(UNWRITABLE, (events.get(UNWRITABLE) ?? 0) + 1)
      if (event === 'listening') daemon.metricsPort = Number(/"port":(\d+)/.exec(line)?.[1] ?? 0)
    },
  })
  const daemon: Daemon = { service, clockFile, metricsPort: 0 }
  return daemon
}

function newGateway(index: number, { seed, folder, perSecond }: StageOptions, brokers: readonly string[]): Service {
  const name = `gateway-${index + 1}`
  const options: GatewayArguments = {
    ...{ brokers, prefix: PREFIX, name, seed: seed * 10 + index, perSecond: perSecond / GATEWAYS },
    ...{ firstUnit: index * UNITS_PER_GATEWAY, units: UNITS_PER_GATEWAY },
  }
  return new Service({
    name,
    args: ['--import', TSX, join(HERE, 'gateway.ts'), JSON.stringify(options)],
    logFile: join(folder, `${name}.log`),
  })
}

async function commandLine(program: readonly string[], bootstrap: readonly string[], args: readonly string[]): Promise<string> {
  try {
    const env = { ...process.env, KAFKA_BROKERS: bootstrap.join(',') }
    await promisify(execFile)(process.execPath, [...program, ...args], { env, timeout: CLI_MS, killSignal: 'SIGKILL' })
    return ''
  } catch (error) {
    const { code, stderr } = error as { code?: number; stderr?: string }
    return `exit code ${code ?? 'none, killed'}: ${(stderr ?? '').trim().split('\n').slice(-3).join(' | ')}`
  }
}
