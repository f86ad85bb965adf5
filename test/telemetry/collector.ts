/** A collector of spans: a web server of ours that takes what comes, or answers as it is told to. */
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Taken {
  readonly headers: IncomingHttpHeaders
  readonly url: string
  readonly body: string
}

export interface CollectedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: Readonly<Record<string, string | number>>
}

type Answer = (response: ServerResponse, count: number) => void

export class Collector {
  readonly taken: Taken[] = []
  readonly #server: Server
  answer: Answer = (response) => response.setHeader('content-type', 'application/json').end('{"partialSuccess":{}}')

  private constructor() {
    this.#server = createServer((request, response) => {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => {
        this.taken.push({ headers: request.headers, url: request.url!, body: Buffer.concat(parts).toString() })
        this.answer(response, this.taken.length)
      })
    })
  }

  static async start(): Promise<Collector> {
    const collector = new Collector()
    await new Promise<void>((resolve) => collector.#server.listen(0, '127.0.0.1', () => resolve()))
    return collector
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get spans(): readonly CollectedSpan[] {
    return this.taken.flatMap(({ body }) => spansIn(body))
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

type Value = { readonly stringValue?: string; readonly intValue?: string; readonly doubleValue?: number }
type Attributes = readonly { readonly key: string; readonly value: Value }[]
type Request = { readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly unknown[] }[] }[] }

export function spansIn(body: string): readonly CollectedSpan[] {
  const { resourceSpans } = JSON.parse(body) as Request
  const spans = resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans))
  return (spans as (Omit<CollectedSpan, 'attributes'> & { readonly attributes: Attributes })[]).map((span) => ({
    ...span,
    attributes: Object.fromEntries(span.attributes.map(({ key, value }) => [key, plain(value)])),
  }))
}

function plain({ stringValue, intValue, doubleValue }: Value): string | number {
  return stringValue ?? (intValue === undefined ? doubleValue! : Number(intValue))
}
