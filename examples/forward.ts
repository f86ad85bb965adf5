/** Sends a request on to a model server: for its answer, or as a copy whose answer nobody is given. */
import { type Agent, request } from 'node:http'
import { bodyOf } from './http.ts'

export class TooSlow extends Error {}

/** The model server's answer, whole, within the time. */
export function forwarded(address: string, body: Buffer, agent: Agent, timeoutMs: number): Promise<{ status: number; text: Buffer }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': body.length }
    const signal = AbortSignal.timeout(timeoutMs)
    const failed = (error: Error) => reject(signal.aborted ? new TooSlow(`no answer within ${timeoutMs} ms`) : error)
    const outgoing = request(address, { method: 'POST', headers, agent, signal }, (incoming) => {
      bodyOf(incoming).then((text) => resolve({ status: incoming.statusCode ?? 502, text }), failed)
    })
    outgoing.once('error', failed)
    outgoing.end(body)
  })
}

/** Copies on their way at once; a shadow that is slower than that misses some, and people wait for none of them. */
const COPIES_MAX = 100

export interface Mirrored {
  /** Copies sent, and those of them that were answered. */
  readonly copied: number
  readonly answered: number
  /** Not copied, for too many were on their way. */
  readonly leftOut: number
}

/** Copies requests to a candidate as long as it is in its shadow; what it answers, or that it fails, reaches nobody but its own predictions. */
export class Mirror {
  readonly #inShadow: () => boolean
  readonly #send: (body: Buffer) => Promise<unknown>
  #underWay = 0
  #counts = { copied: 0, answered: 0, leftOut: 0 }

  constructor(inShadow: () => boolean, send: (body: Buffer) => Promise<unknown>) {
    this.#inShadow = inShadow
    this.#send = send
  }

  get counts(): Mirrored {
    return this.#counts
  }

  copy(body: Buffer): void {
    if (!this.#inShadow()) return
    if (this.#underWay >= COPIES_MAX) {
      this.#counts.leftOut++
      return
    }
    this.#underWay++
    this.#counts.copied++
    this.#send(body)
      .then(() => this.#counts.answered++)
      .catch(() => undefined)
      .finally(() => this.#underWay--)
  }
}
