/** Three brokers with a proxy before each, the Java client that alters them, and the writer of whoever is not a daemon. */
import { type RunningBroker, startBroker } from '../../../scripts/lib/kafka-broker.ts'
import type { OutgoingRecord } from '../../../src/domain.ts'
import { connectKafka } from '../../../src/kafka/connect.ts'
import type { EventLog, Writer } from '../../../src/kafka/contract.ts'
import { BrokerHand } from './broker-hand.ts'
import { BrokerProxy } from './proxy.ts'

const RETRY_MS = 300
/** On a machine with little to spare a broker is late now and then, and not dead. */
const EXTRA = ['broker.session.timeout.ms=6000']

export interface Cluster {
  readonly brokers: RunningBroker
  readonly proxies: readonly BrokerProxy[]
  readonly hand: BrokerHand
  /** Where clients begin: the proxies. */
  readonly bootstrap: readonly string[]
  /** Through the proxies, like any client's. */
  readonly log: EventLog
  /** Tries until it is acknowledged: what was sent may stand there twice. */
  send(topic: string, partition: number, records: readonly OutgoingRecord[]): Promise<void>
  close(): Promise<void>
}

export async function startCluster(folder: string): Promise<Cluster> {
  const proxies = await Promise.all([BrokerProxy.open(), BrokerProxy.open(), BrokerProxy.open()])
  const closing: (() => unknown)[] = proxies.map((proxy) => () => proxy.close())
  const close = async () => {
    for (const step of closing.splice(0).reverse()) await Promise.resolve(step()).catch(() => undefined)
  }
  try {
    const advertisedPorts = proxies.map(({ port }) => port)
    const brokers = await startBroker({ brokers: 3, needsProcess: true, advertisedPorts, extra: EXTRA })
    closing.push(() => brokers.stop())
    for (const [index, proxy] of proxies.entries()) proxy.forwardTo(brokers.proxiedPorts[index]!)
    const hand = await BrokerHand.open(brokers.libs, folder, brokers.bootstrap)
    closing.push(() => hand.close())
    const bootstrap = proxies.map(({ port }) => `127.0.0.1:${port}`)
    const log = await connectKafka({ brokers: bootstrap, clientId: 'chaos' })
    closing.push(() => log.close())
    return { brokers, proxies, hand, bootstrap, log, send: stubborn(log), close }
  } catch (error) {
    await close()
    throw error
  }
}

function stubborn(log: EventLog): Cluster['send'] {
  let opening: Promise<Writer> | null = null
  return async (topic, partition, records) => {
    for (let attempt = 1; ; attempt++) {
      try {
        opening ??= log.writer()
        await (await opening).send(topic, partition, records)
        return
      } catch (error) {
        opening = null
        if (attempt === 200) throw error
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
    }
  }
}
