/**
 * A TCP proxy before one broker. It knows just enough of Kafka's frames to lose, hold back or cut off the RESPONSE to a chosen kind of
 * request: the broker has acted by then, and the client does not know.
 */
import net from 'node:net'

export const API = { produce: 0, fetch: 1, heartbeat: 12, addPartitions: 24, endTransaction: 26 } as const
export type ApiName = keyof typeof API

interface Losing {
  readonly api: number
  left: number
  /** Also cuts the connection; otherwise the client waits for an answer that never comes. */
  readonly cut: boolean
}

export class BrokerProxy {
  readonly port: number
  /** Responses lost, and connections cut by hand. */
  lost = 0
  cuts = 0
  #target = 0
  #losing: Losing | null = null
  #delayMs = 0
  #holding: { readonly api: number; readonly held: () => void } | null = null
  #heldBack: (() => void)[] = []
  readonly #server: net.Server
  readonly #sockets = new Set<net.Socket>()

  static open(): Promise<BrokerProxy> {
    const server = net.createServer({ noDelay: true })
    return new Promise((resolve, reject) =>
      server.once('error', reject).listen(0, '127.0.0.1', () => {
        server.off('error', reject)
        resolve(new BrokerProxy(server))
      }),
    )
  }

  private constructor(server: net.Server) {
    this.#server = server
    this.port = (server.address() as net.AddressInfo).port
    server.on('connection', (client) => this.#join(client))
  }

  forwardTo(port: number): void {
    this.#target = port
  }

  lose(api: ApiName, count: number, cut: boolean): void {
    this.#losing = { api: API[api], left: count, cut }
  }

  /** The next REQUEST of this kind waits here until `release`; the broker has not seen it. */
  hold(api: ApiName, held: () => void): void {
    this.#holding = { api: API[api], held }
  }

  release(): void {
    for (const send of this.#heldBack.splice(0)) send()
  }

  delay(ms: number): void {
    this.#delayMs = ms
  }

  cut(): void {
    this.cuts += this.#sockets.size / 2
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Nobody listens any more, as when the machine is gone. Otherwise a connection to a dead broker is taken and closed, as by a load balancer. */
  async refuse(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  async listenAgain(): Promise<void> {
    if (this.#server.listening) return
    await new Promise<void>((resolve) => this.#server.listen(this.port, '127.0.0.1', resolve))
  }

  heal(): void {
    this.#losing = null
    this.#delayMs = 0
  }

  close(): Promise<void> {
    return this.refuse()
  }

  #join(client: net.Socket): void {
    const broker = net.connect({ host: '127.0.0.1', port: this.#target, noDelay: true })
    const both = [client, broker]
    const end = () => {
      for (const socket of both) socket.destroy()
    }
    for (const socket of both) {
      this.#sockets.add(socket)
      socket.on('error', end).on('close', () => {
        this.#sockets.delete(socket)
        end()
      })
    }
    const awaited = new Map<number, number>()
    const requests = new Frames((frame) => {
      awaited.set(frame.readInt32BE(8), frame.readInt16BE(4))
      if (!this.#isHeld(frame, () => broker.write(frame))) broker.write(frame)
    })
    const answers = new Answers(client)
    const responses = new Frames((frame) => {
      const correlation = frame.readInt32BE(4)
      const api = awaited.get(correlation)
      awaited.delete(correlation)
      const fate = this.#fate(api)
      if (fate === 'cut') end()
      else if (fate === 'pass') answers.send(frame, this.#delayMs)
    })
    client.on('data', (chunk: Buffer) => requests.take(chunk))
    broker.on('data', (chunk: Buffer) => responses.take(chunk))
  }

  #isHeld(frame: Buffer, send: () => void): boolean {
    const holding = this.#holding
    if (holding === null || holding.api !== frame.readInt16BE(4)) return false
    this.#holding = null
    this.#heldBack.push(send)
    holding.held()
    return true
  }

  #fate(api: number | undefined): 'pass' | 'lose' | 'cut' {
    const losing = this.#losing
    if (losing === null || losing.api !== api) return 'pass'
    if (--losing.left <= 0) this.#losing = null
    this.lost++
    return losing.cut ? 'cut' : 'lose'
  }
}

/** Whole frames out of a stream of chunks: four bytes of size, then so many bytes. */
class Frames {
  readonly #each: (frame: Buffer) => void
  #chunks: Buffer[] = []
  #bytes = 0
  #wanted = 4

  constructor(each: (frame: Buffer) => void) {
    this.#each = each
  }

  take(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    if (this.#bytes < this.#wanted) return
    let rest = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks)
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const size = 4 + rest.readInt32BE(0)
      this.#each(rest.subarray(0, size))
      rest = rest.subarray(size)
    }
    this.#chunks = rest.length > 0 ? [rest] : []
    this.#bytes = rest.length
    this.#wanted = rest.length >= 4 ? 4 + rest.readInt32BE(0) : 4
  }
}

/** Answers in their order, each held back for as long as was asked when it came. */
class Answers {
  readonly #client: net.Socket
  #waiting = 0
  #freeAtMs = 0

  constructor(client: net.Socket) {
    this.#client = client
  }

  send(frame: Buffer, delayMs: number): void {
    if (delayMs === 0 && this.#waiting === 0) {
      if (!this.#client.destroyed) this.#client.write(frame)
      return
    }
    const nowMs = performance.now()
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs + delayMs)
    this.#waiting++
    setTimeout(() => {
      this.#waiting--
      if (!this.#client.destroyed) this.#client.write(frame)
    }, this.#freeAtMs - nowMs)
  }
}
