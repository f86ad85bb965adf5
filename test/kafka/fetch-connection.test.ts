/** The connection against a server of ours that says what a test wants it to say. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { ConnectionLost, FetchConnection } from '../../src/kafka/fetch-connection.ts'
import { fetchRequest } from '../../src/kafka/fetch-request.ts'
import type { RawConnection } from '../../src/kafka/kafkajs.ts'
import { newPlace } from '../../src/kafka/places.ts'
import { readingSocket } from '../../src/kafka/reading-socket.ts'
import { buildReply } from './reply-builder.ts'

const ANSWER_MS = 5000
const RECORDS = Buffer.alloc(300_000, 'record ')

/** As much of kafkajs' connection as is used; what it reads itself is kept. */
class Raw implements RawConnection {
  readonly host = '127.0.0.1'
  readonly port: number
  readonly socket: net.Socket
  readonly sasl: object | null
  readonly seen: string[] = []
  fresh = true
  logins = 0
  disconnects = 0

  constructor(socket: net.Socket, port: number, sasl: object | null) {
    this.socket = socket
    this.port = port
    this.sasl = sasl
    socket.on('data', (chunk) => this.processData(chunk as Buffer))
    socket.on('error', () => {})
  }

  processData(chunk: Buffer): void {
    this.seen.push(chunk.toString('latin1'))
  }

  isConnected(): boolean {
    return this.disconnects === 0
  }

  isAuthenticated(): boolean {
    return this.fresh
  }

  async authenticate(): Promise<void> {
    this.logins++
    this.socket.write(Buffer.from('login'))
    while (!this.seen.join('').includes('welcome'.repeat(this.logins))) await new Promise((resolve) => setTimeout(resolve, 5))
    this.fresh = true
  }

  async disconnect(): Promise<void> {
    this.disconnects++
  }
}
type Answering = (request: Buffer, socket: net.Socket) => void

const SOCKETS = {
  'reads into places': readingSocket,
  'emits its chunks': ({ host, port }: { host: string; port: number }) => net.connect({ host, port }),
}

/** Runs `work` with a connection over each kind of socket. */
async function withConnections(
  answering: Answering,
  work: (connection: FetchConnection, raw: Raw) => Promise<void>,
  sasl: object | null = null,
) {
  for (const open of Object.values(SOCKETS)) {
    const server = net.createServer((socket) => {
      socket.on('error', () => {})
      socket.on('data', (chunk) => answering(chunk as Buffer, socket))
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as net.AddressInfo
    const socket = open({ host: '127.0.0.1', port, ssl: undefined as never, onConnect: () => {} })
    await once(socket, 'connect')
    const raw = new Raw(socket, port, sasl)
    try {
      await work(new FetchConnection(raw, 'test'), raw)
    } finally {
      socket.destroy()
      server.close()
    }
  }
}

const request = () => fetchRequest([{ topic: 't', partition: 0, from: 0, maxBytes: 1, place: newPlace }], 1, 1)
const correlationIdOf = (bytes: Buffer) => bytes.readInt32BE(8)
const answerTo = (bytes: Buffer, records = RECORDS) =>
  buildReply({ correlationId: correlationIdOf(bytes), topics: [{ topic: 't', partitions: [{ partition: 0, records }] }] })

async function fetched(connection: FetchConnection): Promise<Buffer> {
  const { partitions } = await connection.fetch(request(), ANSWER_MS)
  return partitions[0]!.place!.bytes.subarray(0, partitions[0]!.length)
}

test('request after request is answered into places, and kafkajs sees nothing of it', async () => {
  await withConnections(
    (bytes, socket) => socket.write(answerTo(bytes)),
    async (connection, raw) => {
      for (let round = 0; round < 20; round++) assert.ok((await fetched(connection)).equals(RECORDS))
      assert.deepEqual(raw.seen, [])
      assert.ok(connection.isOn(raw))
    },
  )
})

test('a session that nears its end is renewed by kafkajs between two requests, on the same connection', async () => {
  const answer: Answering = (bytes, socket) => socket.write(bytes.toString() === 'login' ? 'welcome' : answerTo(bytes))
  await withConnections(
    answer,
    async (connection, raw) => {
      for (let round = 0; round < 6; round++) {
        raw.fresh = round % 3 !== 0
        assert.ok((await fetched(connection)).equals(RECORDS))
      }
      assert.equal(raw.logins, 2)
      assert.equal(raw.seen.join(''), 'welcomewelcome')
      assert.ok(connection.isOn(raw))
    },
    { mechanism: 'plain' },
  )
})

test('a connection that ends in the middle of an answer is lost, and kafkajs is told, so that it connects anew', async () => {
  for (const end of ['end', 'destroy', 'resetAndDestroy'] as const) {
    await withConnections(
      (bytes, socket) => socket.write(answerTo(bytes).subarray(0, 100_000), () => socket[end]()),
      async (connection, raw) => {
        await assert.rejects(fetched(connection), ConnectionLost)
        assert.ok(!connection.isOn(raw) && raw.socket.destroyed)
        assert.ok(raw.disconnects > 0)
        await assert.rejects(fetched(connection), ConnectionLost)
      },
    )
  }
})

test('an answer that does not come in time ends the connection: it must not come to a place that is used for something else by then', async () => {
  await withConnections(
    (bytes, socket) => socket.write(answerTo(bytes).subarray(0, 100_000)),
    async (connection, raw) => {
      await assert.rejects(connection.fetch(request(), 50), /timed out after 50 ms/)
      connection.abandon()
      assert.ok(raw.socket.destroyed && !connection.isOn(raw))
    },
  )
})

test('bytes that are no answer, and an answer to another request, end the connection and say what was wrong', async () => {
  for (const [answer, problem] of [
    [() => Buffer.alloc(100, 255), /fetch reply/],
    [() => buildReply({ correlationId: 99, topics: [] }), /an answer to request 99/],
    [(bytes: Buffer) => Buffer.concat([answerTo(bytes, Buffer.alloc(1)), answerTo(bytes, Buffer.alloc(1))]), /not asked for|not sent/],
  ] as const) {
    await withConnections(
      (bytes, socket) => socket.write(answer(bytes)),
      async (connection, raw) => {
        const outcome = await connection.fetch(request(), ANSWER_MS).catch((error: Error) => error)
        // What comes unasked behind a good answer spoils the connection, not the answer.
        if (outcome instanceof Error) assert.match(outcome.message, problem)
        while (!raw.socket.destroyed) await once(raw.socket, 'close')
        assert.ok(!connection.isOn(raw))
      },
    )
  }
})
