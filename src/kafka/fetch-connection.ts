/**
 * A connection that kafkajs opens and authenticates, by whatever means it was told (TLS, SASL), and that is ours from then on: we write our
 * own requests on it, one at a time, and what it answers goes to the reader of fetch replies instead of kafkajs' queue, which would
 * collect, join and slice it.
 *
 *   kafkajs: connect, authenticate ──▶ ours: fetch, fetch, fetch … ──▶ kafkajs: authenticate again (between two requests) ──▶ ours …
 *
 * A session with an end (OAUTHBEARER, `connections.max.reauth.ms`) is renewed on the same connection: between two requests it is quiet,
 * and is lent back for as long as that takes. End, error and time-out of the socket stay kafkajs' affair as well: it then knows that it
 * has to connect anew.
 */
import { within } from '../kit/clock.ts'
import { type FetchRequest, FetchRequestWriter } from './fetch-request.ts'
import { type FetchReply, FetchReplyReader } from './fetch-response.ts'
import type { RawConnection } from './kafkajs.ts'
import { direct } from './reading-socket.ts'

/** The connection ended before the answer was there. */
export class ConnectionLost extends Error {
  readonly host: string
  readonly port: number

  constructor(host: string, port: number) {
    super(`the connection to ${host}:${port} was lost`)
    this.host = host
    this.port = port
  }
}

interface Awaited {
  readonly correlationId: number
  readonly resolve: (reply: FetchReply) => void
  readonly reject: (error: Error) => void
}

const MAX_CORRELATION_ID = 0x7fffffff

export class FetchConnection {
  readonly #raw: RawConnection
  readonly #socket: RawConnection['socket']
  readonly #kafkajsReads: RawConnection['processData']
  readonly #writer: FetchRequestWriter
  readonly #replies = new FetchReplyReader((reply) => this.#answered(reply))
  #awaited: Awaited | null = null
  #correlationId = 0
  #ours = false
  #lost = false

  constructor(raw: RawConnection, clientId: string) {
    this.#raw = raw
    this.#socket = raw.socket
    this.#kafkajsReads = (Object.getPrototypeOf(raw) as RawConnection).processData
    this.#writer = new FetchRequestWriter(clientId)
    this.#socket.once('end', () => this.abandon())
    this.#socket.once('error', () => this.abandon())
    this.#socket.once('close', () => this.abandon())
  }

  isOn(raw: RawConnection): boolean {
    return !this.#lost && this.#raw === raw && this.#socket === raw.socket
  }

  /** Throws ConnectionLost, a plain time-out, or whatever refuses us. After any error the connection is of no use. */
  async fetch(request: FetchRequest, answerMs: number): Promise<FetchReply> {
    if (this.#raw.sasl && !this.#raw.isAuthenticated()) {
      this.#lend()
      await this.#raw.authenticate()
    }
    this.#take()
    const answer = new Promise<FetchReply>((resolve, reject) => {
      // A request that nobody waits for any more may still be under way: its place on the connection is not ours either.
      if (this.#lost || this.#awaited !== null || this.#socket.destroyed) throw new ConnectionLost(this.#raw.host, this.#raw.port)
      this.#correlationId = (this.#correlationId + 1) & MAX_CORRELATION_ID
      this.#awaited = { correlationId: this.#correlationId, resolve, reject }
      this.#replies.expect(request)
      this.#socket.write(this.#writer.write(request, this.#correlationId))
    })
    return within(answer, answerMs, `answer of ${this.#raw.host}:${this.#raw.port}`)
  }

  /** Ends the connection, and the request that is under way: its answer would come to a place that is used for something else by then. */
  abandon(): void {
    if (this.#lost) return
    this.#lost = true
    this.#fail(new ConnectionLost(this.#raw.host, this.#raw.port))
    this.#lend()
    this.#socket.destroy()
    // kafkajs does not look at `close`, and would use the dead socket again.
    if (this.#raw.socket === this.#socket && this.#raw.isConnected()) void this.#raw.disconnect().catch(() => {})
  }

  #take(): void {
    if (this.#ours || this.#lost) return
    this.#ours = true
    const feed = (chunk: Uint8Array) => this.#guarded(() => this.#replies.feed(chunk))
    const replies = this.#replies
    this.#raw.processData = feed
    direct(this.#socket, {
      get missing() {
        return replies.missing
      },
      filled: (bytes) => this.#guarded(() => replies.filled(bytes)),
      feed,
    })
  }

  /** Back to kafkajs, as it was. */
  #lend(): void {
    this.#ours = false
    direct(this.#socket, null)
    if (this.#raw.socket === this.#socket) this.#raw.processData = this.#kafkajsReads
  }

  #answered(reply: FetchReply): void {
    const awaited = this.#awaited
    if (awaited?.correlationId !== reply.correlationId)
      throw new RangeError(`an answer to request ${reply.correlationId}, which was not sent`)
    this.#awaited = null
    awaited.resolve(reply)
  }

  /** Bytes that are no reply: whoever waits is told, and nothing more is read. */
  #guarded(read: () => void): void {
    if (this.#lost) return
    try {
      read()
    } catch (error) {
      this.#fail(error as Error)
      this.abandon()
    }
  }

  #fail(error: Error): void {
    const awaited = this.#awaited
    this.#awaited = null
    awaited?.reject(error)
  }
}
