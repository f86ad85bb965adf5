/**
 * A daemon under the demo's traffic, in this process and over the log in memory: v3 fails one request in five, and is rolled back.
 * Its metrics are served as `flyball run` serves them, its alerts go to a destination that is a log, one that is a web server of ours, one
 * that is not there, and a dead-man switch.
 */
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { bootstrap, readFlights } from '../../demo/flights.ts'
import { memoryStage } from '../../demo/memory.ts'
import { trainModel } from '../../demo/model.ts'
import { LADDER, MODEL, policyText } from '../../demo/policy.ts'
import { INPUT_PARTITIONS } from '../../demo/stage.ts'
import { startTraffic } from '../../demo/traffic.ts'
import type { EventLog } from '../../src/kafka/contract.ts'
import { seededRandom } from '../../src/kit/random.ts'
import { type TopicNames, topicNames } from '../../src/kit/topics.ts'
import type { FlyballEvent } from '../../src/telemetry/events.ts'
import { type Health, serveTelemetry } from '../../src/telemetry/http.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { collectProcessMetrics } from '../../src/telemetry/process-metrics.ts'
import { pause } from '../simulation/flyball-process.ts'

export { MODEL }

export interface DemoDaemon {
  readonly log: EventLog
  readonly topics: TopicNames
  readonly metricsPort: number
  readonly events: readonly FlyballEvent[]
  /** Until an event fits. */
  until(what: string, fits: (event: FlyballEvent) => boolean): Promise<void>
  stop(): Promise<void>
}

const PER_SECOND = 300
const WAIT_MS = 90_000

const alertsOf = (port: number, closedPort: number, more: Sinks): string => `
alerts:
  sinks:
    lines: { kind: log }
${Object.entries(more)
  .map(([name, sink]) => `    ${name}: ${sink}\n`)
  .join('')}    page: { kind: webhook, url: "http://127.0.0.1:${port}/page" }
    dead: { kind: webhook, url: "http://127.0.0.1:${closedPort}/" }
    deadman: { kind: heartbeat, url: "http://127.0.0.1:${port}/beat", every: 1s }
  routes:
    - { name: all, sinks: [lines, page, dead, ${Object.keys(more).join(', ')}], groupWait: 1s, groupInterval: 1s, repeatInterval: 5s }
`

/** Name → as the policy file says it. */
type Sinks = Readonly<Record<string, string>>

export async function startDemoDaemon(folder: string, seed: number, more: Sinks = {}): Promise<DemoDaemon> {
  const topics = { prefix: 'demo.', predictions: 'demo.predictions', outcomes: 'demo.outcomes' }
  const events: FlyballEvent[] = []
  const metrics = createMetrics()
  collectProcessMetrics(metrics.registry)
  let health: Health = { stalled: () => [], notReady: () => ['the daemon is starting'] }
  const door = await serveTelemetry({ port: 0 }, metrics.registry, { stalled: () => health.stalled(), notReady: () => health.notReady() })
  const farEnd = createServer((request, response) => request.resume().on('end', () => response.end('ok')))
  await new Promise<void>((resolve) => farEnd.listen(0, '127.0.0.1', () => resolve()))
  const emit = (event: FlyballEvent): void => {
    metrics.observe(event)
    events.push(event)
  }
  const onHealth = (of: Health): void => {
    health = of
  }
  const stage = await memoryStage(topics, { emit, writeAlert: () => undefined, onHealth })
  const flights = readFlights()
  const random = seededRandom(seed)
  const specs = (['v1', 'v3'] as const).map((version, index) => {
    const modelFile = join(folder, `${version}.json`)
    writeFileSync(modelFile, JSON.stringify(trainModel(flights.january, seededRandom(seed + index))))
    return { version, modelFile, harm: version === 'v3' ? ('errors' as const) : ('none' as const), seed: seed + 10 + index }
  })
  const gatewayPort = await stage.serve(specs, 'v1')
  const policyFile = join(folder, 'policy.yaml')
  const { port } = farEnd.address() as AddressInfo
  writeFileSync(
    policyFile,
    `${patientPolicy(policyText({ control: 'v1', candidate: 'v3' }, topics, flights.january))}${alertsOf(port, 9, more)}`,
  )
  const traffic = await startTraffic({
    ...{ flights: bootstrap(flights.later, 50_000, random), random, perSecond: PER_SECOND, gatewayPort },
    ...{ log: stage.log, outcomesTopic: topics.outcomes, outcomePartitions: INPUT_PARTITIONS },
  })
  await stage.startGovernor(policyFile)
  return {
    log: stage.log,
    topics: topicNames(topics.prefix),
    metricsPort: door.port,
    events,
    until: async (what, fits) => {
      for (const endMs = performance.now() + WAIT_MS; !events.some(fits); await pause(100)) {
        if (performance.now() > endMs) throw new Error(`never: ${what}\n${stage.trouble()}\n${decisionsIn(events)}`)
      }
    },
    stop: async () => {
      await traffic.stop()
      await stage.close()
      await door.close()
      farEnd.closeAllConnections()
      await new Promise((resolve) => farEnd.close(resolve))
    },
  }
}

/** The demo's own would roll back before an interval is bounded: begins with more, and bears more. */
function patientPolicy(text: string): string {
  const changes = [
    ['{kind: error-rate, marginPoints: 1}', '{kind: error-rate, marginPoints: 12}'],
    [`steps: [${LADDER.join(', ')}]`, 'steps: [25, 100]'],
  ] as const
  return changes.reduce((changed, [from, to]) => {
    if (!changed.includes(from)) throw new Error(`the demo's policy has no ${from}`)
    return changed.replace(from, to)
  }, text)
}

function decisionsIn(events: readonly FlyballEvent[]): string {
  return events.flatMap((event) => (event.event === 'decided' ? [event.summary] : [])).join('\n')
}
