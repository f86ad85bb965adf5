/** PagerDuty's side of things, for tests: a server on loopback that takes events as the Events API does, and remembers all of them. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type PagerIncident, pagerDutySide } from './told-world.ts'

export interface PagerEvent {
  readonly event_action: 'trigger' | 'resolve' | 'acknowledge'
  readonly dedup_key: string
  readonly routing_key: string
  readonly payload?: { readonly summary: string; readonly severity: string }
}

export interface FarEnd {
  readonly url: string
  readonly events: readonly PagerEvent[]
  /** Of change events: where each was done. */
  readonly changedAt: readonly string[]
  /** By dedup key: how often an incident was opened and closed. */
  incidents(): ReadonlyMap<string, PagerIncident>
  close(): Promise<void>
}

/** `answer`: what to do with the nth event, before it counts; true: taken. */
export async function farEnd(
  answer: (index: number, response: ServerResponse) => boolean | Promise<boolean> = () => true,
): Promise<FarEnd> {
  const events: PagerEvent[] = []
  const changedAt: string[] = []
  let asked = 0
  const server = createServer((request, response) => {
    void take(request).then(async (text) => {
      if (request.url !== '/v2/enqueue') {
        changedAt.push((JSON.parse(text) as { payload: { source: string } }).payload.source)
        return response.writeHead(202).end('{}')
      }
      const event = JSON.parse(text) as PagerEvent
      if (!(await answer(asked++, response))) return
      events.push(event)
      response.writeHead(202, { 'content-type': 'application/json' }).end(JSON.stringify({ status: 'success', dedup_key: event.dedup_key }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    events,
    changedAt,
    incidents: () => counted(events),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function take(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts).toString()
}

function counted(events: readonly PagerEvent[]): ReadonlyMap<string, PagerIncident> {
  const told = events.filter(({ event_action }) => event_action !== 'acknowledge')
  return pagerDutySide(
    told.map(({ dedup_key, event_action }) => ({ key: dedup_key, status: event_action === 'trigger' ? 'firing' : 'resolved' })),
  )
}
