/** `/metrics`, `/livez`, `/readyz`, on loopback unless told otherwise. Liveness is progress, not a connection. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Registry } from 'prom-client'

export interface Health {
  /** Empty when the daemon makes progress; else what stands still. */
  stalled(): readonly string[]
  /** Empty when it can do its work; else which part is not ready. */
  notReady(): readonly string[]
}

export interface TelemetryServer {
  readonly port: number
  close(): Promise<void>
}

/** Where it listens, and what must be shown to it. */
export interface TelemetryDoor {
  readonly port: number
  /** Default: 127.0.0.1. */
  readonly host?: string
  /** Asked for at every request, so that it can change: the token that opens `/metrics`. Left out: it is open. Throws: it is shut. */
  readonly token?: () => string
}

export async function serveTelemetry(door: TelemetryDoor, registry: Registry, health: Health): Promise<TelemetryServer> {
  const server = createServer((request, response) => {
    void answer(request, response, door, registry, health)
  })
  await listen(server, door)
  return {
    port: (server.address() as AddressInfo).port,
    close: () => closed(server),
  }
}

/** Whoever keeps a connection open, or never ends his request, does not keep the process. */
function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

function listen(server: Server, { port, host = '127.0.0.1' }: TelemetryDoor): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => resolve())
  })
}

async function answer(request: IncomingMessage, response: ServerResponse, door: TelemetryDoor, registry: Registry, health: Health) {
  const path = (request.url ?? '/').split('?')[0]
  const known = isKnown(request, door)
  if (path === '/metrics') {
    if (!known) return refuse(response)
    response.setHeader('content-type', registry.contentType)
    response.end(await registry.metrics())
    return
  }
  const complaints = path === '/livez' ? health.stalled() : path === '/readyz' ? health.notReady() : null
  response.statusCode = complaints === null ? 404 : complaints.length === 0 ? 200 : 503
  response.setHeader('content-type', 'text/plain; charset=utf-8')
  // Probes need a yes or a no. What stands still is for those who show the token.
  const no = known ? (complaints ?? []).join('\n') : 'no'
  response.end(complaints === null ? 'not found\n' : complaints.length === 0 ? 'ok\n' : `${no}\n`)
}

function refuse(response: ServerResponse): void {
  response.statusCode = 401
  response.setHeader('www-authenticate', 'Bearer')
  response.setHeader('content-type', 'text/plain; charset=utf-8')
  response.end('show the token: Authorization: Bearer …\n')
}

/** In constant time: hashes have one length, and their comparison tells nothing by how long it takes. */
function isKnown({ headers }: IncomingMessage, { token }: TelemetryDoor): boolean {
  if (token === undefined) return true
  const [, shown] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? []
  if (shown === undefined) return false
  try {
    const wanted = token()
    return wanted !== '' && timingSafeEqual(digest(shown), digest(wanted))
  } catch {
    return false
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
