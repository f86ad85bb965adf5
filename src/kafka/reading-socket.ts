/**
 * Plain sockets that read where their reader wants the bytes: into the place of a partition while one is being filled, else into a small
 * buffer of their own. Node would allocate 64 kB for every read otherwise, and leave them to the garbage collector.
 *
 * Until somebody directs a socket, and whenever nobody does, it is an ordinary one that emits `data`.
 */
import net from 'node:net'
import type { ISocketFactory } from 'kafkajs'

/** Who takes a socket's bytes. */
export interface Intake {
  /** Where to read next; null: anywhere, they come by `feed`. */
  readonly missing: Uint8Array | null
  filled(bytes: number): void
  /** Valid during the call. */
  feed(chunk: Buffer): void
}

const KEEP_ALIVE_MS = 60_000
const STAGING_BYTES = 1 << 15

class Direction {
  intake: Intake | null = null
  readonly #staging = Buffer.allocUnsafeSlow(STAGING_BYTES)
  #place: Uint8Array | null = null

  readonly buffer = (): Uint8Array => {
    this.#place = this.intake?.missing ?? null
    return this.#place ?? this.#staging
  }

  took(socket: net.Socket, bytes: number): void {
    if (this.#place !== null) this.intake?.filled(bytes)
    else if (this.intake !== null) this.intake.feed(this.#staging.subarray(0, bytes))
    else socket.emit('data', Buffer.from(this.#staging.subarray(0, bytes)))
  }
}

const directions = new WeakMap<net.Socket, Direction>()

export const readingSocket: ISocketFactory = ({ host, port, onConnect }) => {
  const direction = new Direction()
  const callback = (bytes: number): boolean => {
    direction.took(socket, bytes)
    return true
  }
  const socket = net.connect({ host, port, onread: { buffer: direction.buffer, callback } }, onConnect)
  directions.set(socket, direction)
  socket.setKeepAlive(true, KEEP_ALIVE_MS)
  socket.setNoDelay(true)
  return socket
}

/** False when the socket is an ordinary one, whose bytes come by its `data` event. */
export function direct(socket: net.Socket, intake: Intake | null): boolean {
  const direction = directions.get(socket)
  if (direction === undefined) return false
  direction.intake = intake
  return true
}
