/**
 * A kafkajs client whose sockets we know, so that a close under a deadline really ends: kafkajs waits for answers that a paused broker never gives.
 */
import net from 'node:net'
import tls from 'node:tls'
import kafkajs, { type ISocketFactory, type Kafka, type RetryOptions } from 'kafkajs'
import { within } from '../kit/clock.ts'
import { type SaslOptions, type Security, type TlsOptions, tlsOptions } from './credentials.ts'
import { mechanismOf } from './login.ts'

export interface KafkaOptions extends Security {
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly ssl?: TlsOptions | boolean
  readonly sasl?: SaslOptions
  /** For tests: loses or changes what goes over the wire. */
  readonly socketFactory?: ISocketFactory
  /** kafkajs' own log lines of level warning and error; nothing of it goes to the console. */
  readonly onClientLog?: (level: 'warning' | 'error', message: string) => void
}

const KEEP_ALIVE_MS = 60_000
const CONNECTION_TIMEOUT_MS = 3000
const REQUEST_TIMEOUT_MS = 10_000
/** Before its end a session is renewed on its connection; no earlier, so that a token kept in a file has been replaced by then. */
const RENEW_BEFORE_MS = 3000

const plainOrTls: ISocketFactory = ({ host, port, ssl, onConnect }) => {
  const socket = ssl
    ? tls.connect({ host, port, ...(net.isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
    : net.connect({ host, port }, onConnect)
  socket.setKeepAlive(true, KEEP_ALIVE_MS)
  socket.setNoDelay(true)
  return socket
}

export class Client {
  readonly kafka: Kafka
  readonly #sockets = new Set<net.Socket>()
  #closing = false
  #closed = false

  constructor(options: KafkaOptions, retry: RetryOptions) {
    const open = options.socketFactory ?? plainOrTls
    const isTls = options.ssl !== undefined && options.ssl !== false
    this.kafka = new kafkajs.Kafka({
      brokers: [...options.brokers],
      clientId: options.clientId,
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      reauthenticationThreshold: RENEW_BEFORE_MS,
      retry,
      logLevel: kafkajs.logLevel.WARN,
      logCreator: () => (entry) => {
        // What a connection says while we close it is our own doing.
        if (this.#closing) return
        const cause = typeof entry.log['error'] === 'string' ? ` (${entry.log['error']})` : ''
        // kafkajs calls every refused request an error, and then tries it again.
        const passing = entry.log.message.startsWith('Response ') || entry.level !== kafkajs.logLevel.ERROR
        options.onClientLog?.(passing ? 'warning' : 'error', `${entry.namespace}: ${entry.log.message}${cause}`)
      },
      socketFactory: (args) => {
        // A retry inside kafkajs may outlive the close.
        if (this.#closed) throw new Error('closed by us')
        return this.#track(open(isTls ? { ...args, ssl: tlsOptions(options.ssl ?? true) } : args))
      },
      ...(isTls ? { ssl: true } : {}),
      ...(options.sasl === undefined ? {} : { sasl: mechanismOf({ ...options, sasl: options.sasl }) }),
    })
  }

  #track(socket: net.Socket): net.Socket {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    // Taken and closed without a word, as by a load balancer before a dead broker: only an ERROR makes kafkajs try the next of the list.
    socket.once('end', () => {
      if (socket.bytesRead === 0 && !this.#closing) socket.emit('error', new Error('Closed connection before it answered'))
    })
    return socket
  }

  /** Lets kafkajs say goodbye for a while, then ends what is still open. Never throws. */
  async close(disconnect: () => Promise<unknown>, maxWaitMs = 1000): Promise<void> {
    this.#closing = true
    await within(disconnect(), maxWaitMs, 'disconnect').catch(() => {})
    this.#closed = true
    for (const socket of this.#sockets) socket.destroy(new Error('closed by us'))
  }
}
