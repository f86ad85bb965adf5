/**
 * A gateway: routes POST /predict to the model server of the version that Flyball's commands give the unit, sticky by unit.
 *
 *     npx tsx examples/gateway.ts --brokers 127.0.0.1:9092 --model fraud --control v1 --server v1=http://127.0.0.1:7001 --server v2=http://127.0.0.1:7002
 *
 * It acks and sends presence; predictions are written by the model servers. A request counts as routed when it is sent, whatever comes of it.
 * GET /counters tells requests routed per version, and per segment that a command keeps apart (`--dimension region` for each dimension
 * whose value the requests bring under `segments`). With `--mirror v2` it copies every request to v2 as long as v2 is given none and was
 * not taken back: the shadow of a plan. When it listens it says so in one line of JSON on stdout.
 */
import { Agent, type IncomingMessage, type ServerResponse } from 'node:http'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { connectKafka } from '../src/kafka/connect.ts'
import type { EventLog } from '../src/kafka/contract.ts'
import type { Attributes } from '../src/subscriber/route.ts'
import { createGovernor, type GovernedState, type Governor } from '../src/subscriber/subscriber.ts'
import { forwarded, Mirror, type Mirrored, TooSlow } from './forward.ts'
import { bodyOf, closed, listen, portOf, untilSignal } from './http.ts'
import { LOGIN_FLAGS, loginOf } from './login.ts'
import type { PredictRequest, RunningServer } from './model-server.ts'

export interface GatewayOptions {
  readonly log: EventLog
  readonly prefix: string
  readonly environment?: string
  readonly model: string
  readonly control: string
  /** Base address of each version's model server. */
  readonly servers: Readonly<Record<string, string>>
  readonly gateway: string
  readonly port: number
  /** How long a model server may take to answer. */
  readonly timeoutMs: number
  readonly presenceMs?: number
  readonly onSilence?: 'keep' | 'baseline'
  /** Dimensions whose value every request brings, under `segments`. */
  readonly dimensions?: readonly string[]
  /** A version that is sent a copy of every request while no command has given it traffic or taken it back. */
  readonly mirror?: string
  /** Takes part in drills. */
  readonly drills?: boolean
  readonly onProblem?: (problem: Error) => void
}

/** Reply of GET /counters. */
export interface Counters {
  readonly model: string
  readonly routed: Readonly<Record<string, number>>
  /** Of those, the ones routed by a segment of the command. */
  readonly routedBySegment: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly weights: Readonly<Record<string, number>>
  readonly epoch: number
  readonly sequence: number
  readonly leaseExpired: boolean
  readonly connected: boolean
  /** What a shadow was sent. */
  readonly mirrored?: Mirrored
}

/** Throws when nobody serves the version to be mirrored. */
export async function startGateway(options: GatewayOptions): Promise<RunningServer> {
  const { mirror: shadow, servers } = options
  if (shadow !== undefined && servers[shadow] === undefined) throw new Error(`mirror ${shadow}: no server of that version`)
  const { log, prefix, environment, gateway, presenceMs, onProblem, control, onSilence, dimensions = [] } = options
  const governor = createGovernor({
    log,
    prefix,
    gateway,
    models: { [options.model]: { control, dimensions, ...(onSilence && { onSilence }) } },
    ...(environment !== undefined && { environment }),
    ...(presenceMs !== undefined && { presenceMs }),
    ...(onProblem && { onProblem }),
    ...(options.drills && { drills: true }),
  })
  await governor.ready()
  const agent = new Agent({ keepAlive: true })
  const mirror = mirrorOf(options, governor, agent)
  const server = await listen(options.port, (message, reply) => {
    if (message.method === 'POST' && message.url === '/predict') void predict({ options, governor, agent, mirror }, message, reply)
    else if (message.url === '/counters')
      send(reply, 200, { ...counters(options.model, governor), ...(mirror && { mirrored: mirror.counts }) })
    else send(reply, 404, { problem: 'POST /predict or GET /counters' })
  })
  return {
    port: portOf(server),
    close: async () => {
      await closed(server)
      agent.destroy()
      await governor.stop()
    },
  }
}

function counters(model: string, governor: Governor): Counters {
  const { routed, routedBySegment, weights, command, leaseExpired, connected } = governor.state(model)
  return { model, routed, routedBySegment, weights, epoch: command?.epoch ?? 0, sequence: command?.sequence ?? 0, leaseExpired, connected }
}

function mirrorOf({ mirror, model, servers, timeoutMs }: GatewayOptions, governor: Governor, agent: Agent): Mirror | null {
  if (mirror === undefined) return null
  return new Mirror(
    () => inShadow(governor.state(model), mirror),
    (body) => forwarded(`${servers[mirror]}/predict`, body, agent, timeoutMs),
  )
}

/** Given nothing, anywhere, and not because it was taken back. One that has traffic answers, and would be asked twice. */
function inShadow({ command, weights, segments }: GovernedState, version: string): boolean {
  if (command?.kind === 'rollback' && command.candidate === version) return false
  return [weights, ...segments.map((segment) => segment.weights)].every((given) => (given[version] ?? 0) === 0)
}

interface Serving {
  readonly options: GatewayOptions
  readonly governor: Governor
  readonly agent: Agent
  readonly mirror: Mirror | null
}

async function predict({ options, governor, agent, mirror }: Serving, message: IncomingMessage, reply: ServerResponse): Promise<void> {
  try {
    const body = await bodyOf(message)
    const { id, unit, segments } = JSON.parse(body.toString()) as PredictRequest
    if (typeof id !== 'string') return send(reply, 400, { problem: 'id is missing' })
    const version = governor.route(options.model, unit ?? id, segments as Attributes)
    const address = options.servers[version]
    reply.setHeader('x-model-version', version)
    mirror?.copy(body)
    if (address === undefined) return send(reply, 502, { id, version, problem: 'no server for this version' })
    const { status, text } = await forwarded(`${address}/predict`, body, agent, options.timeoutMs)
    reply.writeHead(status, { 'content-type': 'application/json' }).end(text)
  } catch (error) {
    if (error instanceof SyntaxError) return send(reply, 400, { problem: 'not JSON' })
    const problem = error instanceof Error ? error.message : String(error)
    send(reply, error instanceof TooSlow ? 504 : 502, { problem })
  }
}

function send(reply: ServerResponse, status: number, body: object): void {
  if (!reply.headersSent) reply.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      brokers: { type: 'string', default: '127.0.0.1:9092' },
      prefix: { type: 'string', default: 'flyball.' },
      environment: { type: 'string' },
      model: { type: 'string', default: 'fraud' },
      control: { type: 'string', default: 'v1' },
      server: { type: 'string', multiple: true, default: [] },
      dimension: { type: 'string', multiple: true, default: [] },
      gateway: { type: 'string', default: `gateway-${process.pid}` },
      port: { type: 'string', default: '0' },
      'timeout-ms': { type: 'string', default: '1000' },
      'presence-ms': { type: 'string', default: '3000' },
      'on-silence': { type: 'string' },
      mirror: { type: 'string' },
      drills: { type: 'boolean', default: false },
      ...LOGIN_FLAGS,
    },
  })
  const { brokers, prefix, environment, model, control, gateway } = values
  const log = await connectKafka({ brokers: brokers.split(','), clientId: gateway, ...loginOf(values) })
  const onSilence = values['on-silence']
  const server = await startGateway({
    ...{ log, prefix, model, control, gateway },
    servers: Object.fromEntries(values.server.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)])),
    dimensions: values.dimension,
    port: Number(values.port),
    timeoutMs: Number(values['timeout-ms']),
    drills: values.drills,
    presenceMs: Number(values['presence-ms']),
    ...(environment !== undefined && { environment }),
    ...(values.mirror !== undefined && { mirror: values.mirror }),
    ...((onSilence === 'keep' || onSilence === 'baseline') && { onSilence }),
    onProblem: (problem) => console.error(problem.message),
  })
  console.log(JSON.stringify({ ready: 'gateway', gateway, model, port: server.port }))
  untilSignal(async () => {
    await server.close()
    await log.close()
  })
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) await main()
