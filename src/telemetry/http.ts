/** `/metrics`, `/livez`, `/readyz` on loopback. Liveness is progress, not a connection. */
import { createServer, type Server, type ServerResponse } from 'node:http'
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

export async function serveTelemetry(port: number, registry: Registry, health: Health): Promise<TelemetryServer> {
  const server = createServer((request, response) => {
    void answer(request.url ?? '/', response, registry, health)
  })
  await listen(server, port)
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve())
  })
}

async function answer(url: string, response: ServerResponse, registry: Registry, health: Health): Promise<void> {
  const path = url.split('?')[0]
  if (path === '/metrics') {
    response.setHeader('content-type', registry.contentType)
    response.end(await registry.metrics())
    return
  }
  const complaints = path === '/livez' ? health.stalled() : path === '/readyz' ? health.notReady() : null
  response.statusCode = complaints === null ? 404 : complaints.length === 0 ? 200 : 503
  response.setHeader('content-type', 'text/plain; charset=utf-8')
  response.end(complaints === null ? 'not found\n' : complaints.length === 0 ? 'ok\n' : `${complaints.join('\n')}\n`)
}
