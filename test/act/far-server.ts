/** A far end of our own: a real server on the loopback that keeps what it was sent, and answers as it is told to. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Received {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly bytes: Buffer
}

export type Responder = (response: ServerResponse, received: Received) => void

export class FarEnd {
  readonly received: Received[] = []
  respond: Responder = status(200)
  readonly #server = createServer((request, response) => void this.#take(request, response))

  async open(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return this
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const { method = '', url: path = '', headers } = request
    const received = { method, path, headers, bytes: Buffer.concat(parts) }
    this.received.push(received)
    this.respond(response, received)
  }
}

export function status(code: number, body = '', headers: Readonly<Record<string, string>> = {}): Responder {
  return (response) => void response.writeHead(code, headers).end(body)
}

export function json(code: number, body: object): Responder {
  return status(code, JSON.stringify(body), { 'content-type': 'application/json' })
}

/** Says again all that it was sent, in every form in which the far ends tell why. */
export function echo(code: number): Responder {
  return (response, { path, headers, bytes }) => {
    const all = `${path} ${JSON.stringify(headers)} ${bytes.toString()}`
    const text = JSON.stringify({ ok: false, error: all, status: all, message: all, errors: [all] })
    response.writeHead(code, { 'content-type': 'application/json' }).end(text.slice(0, 60_000))
  }
}

export const hangs: Responder = () => {}

export const drops: Responder = (response) => {
  response.writeHead(200, { 'content-length': '1000' })
  response.write('{"ok":', () => response.destroy())
}

export const tenMegabytes: Responder = (response) => {
  response.on('error', () => {})
  response.writeHead(200).end(Buffer.alloc(10_000_000, 'o'))
}

/** To itself: who follows is seen to ask again. */
export const redirects: Responder = status(307, '', { location: '/elsewhere' })

/** An address at which nobody listens. */
export async function nowhere(): Promise<string> {
  const gone = await new FarEnd().open()
  const { url } = gone
  await gone.close()
  return url
}
