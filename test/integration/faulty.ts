/**
 * A socket factory that can lose or delay the RESPONSE to a chosen kind of request: the broker has acted by then, and the client does not know.
 */
import net from 'node:net'
import type { ISocketFactory } from 'kafkajs'

export const API = { produce: 0, fetch: 1, findCoordinator: 10, initProducerId: 22, addPartitions: 24, endTransaction: 26 } as const

export interface Fault {
  readonly api: number
  /** Only on connections to this port; any when left out. */
  readonly port?: number
}

export class FaultyNetwork {
  lost = 0
  /** How often each kind of request was sent. */
  readonly sent = new Map<number, number>()
  #lose: Fault | null = null
  #delay: (Fault & { readonly ms: number }) | null = null

  /** The next such response is dropped and its connection cut. */
  loseNext(fault: Fault): void {
    this.#lose = fault
  }

  delay(fault: (Fault & { readonly ms: number }) | null): void {
    this.#delay = fault
  }

  readonly socketFactory: ISocketFactory = ({ host, port, onConnect }) => {
    const socket = net.connect({ host, port }, onConnect)
    const awaited = new Map<number, number>()
    const write = socket.write.bind(socket) as (data: Buffer) => boolean
    const emit = socket.emit.bind(socket) as (event: string, ...args: unknown[]) => boolean
    let buffered = Buffer.alloc(0)

    socket.write = ((data: Buffer) => {
      const api = data.readInt16BE(4)
      awaited.set(data.readInt32BE(8), api)
      this.sent.set(api, (this.sent.get(api) ?? 0) + 1)
      return write(data)
    }) as typeof socket.write

    socket.emit = ((event: string, ...args: unknown[]) => {
      if (event !== 'data') return emit(event, ...args)
      buffered = Buffer.concat([buffered, args[0] as Buffer])
      while (buffered.length >= 4 && buffered.length >= 4 + buffered.readInt32BE(0)) {
        const size = 4 + buffered.readInt32BE(0)
        const response = Buffer.from(buffered.subarray(0, size))
        buffered = buffered.subarray(size)
        if (!this.#pass(response, awaited, port, emit)) {
          socket.destroy()
          return emit('end')
        }
      }
      return true
    }) as typeof socket.emit
    return socket
  }

  /** False: lost. */
  #pass(response: Buffer, awaited: Map<number, number>, port: number, emit: (event: string, ...args: unknown[]) => boolean): boolean {
    const api = awaited.get(response.readInt32BE(4))
    awaited.delete(response.readInt32BE(4))
    const delay = this.#delay
    if (delay !== null && matches(delay, api, port)) {
      setTimeout(() => emit('data', response), delay.ms)
      return true
    }
    if (this.#lose !== null && matches(this.#lose, api, port)) {
      this.#lose = null
      this.lost++
      return false
    }
    emit('data', response)
    return true
  }
}

function matches(fault: Fault, api: number | undefined, port: number): boolean {
  return fault.api === api && (fault.port === undefined || fault.port === port)
}
