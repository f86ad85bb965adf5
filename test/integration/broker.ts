/**
 * A real broker for a test file. `withBroker()` at the top of the file starts one before its tests and stops it after them:
 *
 *     const broker = withBroker()
 *     test('…', broker.options, async () => { const log = await broker.connect(); … })
 *
 * Without Java (or Docker) the tests are skipped by name; FLYBALL_REQUIRE_BROKER=1 makes that a failure.
 * FLYBALL_TEST_BOOTSTRAP names a broker that the test runner started for all files: it is used, with topic names of our own,
 * unless the file asks for brokers it may kill or whose files it may edit.
 */
import { randomUUID } from 'node:crypto'
import { after, before } from 'node:test'
import { type BrokerOptions, brokerAvailable, kafkaLibs, type RunningBroker, startBroker } from '../../scripts/lib/kafka-broker.ts'
import { connectKafka, type KafkaOptions } from '../../src/kafka/connect.ts'
import type { EventLog } from '../../src/kafka/contract.ts'

export interface BrokerForTests {
  /** Second argument of `test`: skips with the reason when there is no broker. */
  readonly options: { readonly skip: string | false; readonly timeout: number }
  readonly bootstrap: readonly string[]
  /** Kill, pause, files: only with `needsProcess`. */
  readonly running: RunningBroker
  /** Closed after the file's tests. */
  connect(options?: Partial<KafkaOptions>): Promise<EventLog>
  /** Creates a topic with a name of its own. */
  topic(partitions?: number, config?: Readonly<Record<string, string>>): Promise<string>
  /** Unique in the broker: for groups and transactional ids. */
  unique(name: string): string
  /** Folder of Kafka's jars, for its console tools; fetched when the broker is somebody else's. */
  libs(): Promise<string>
}

const TEST_MS = 60_000

export function withBroker(options: BrokerOptions = {}): BrokerForTests {
  const shared = process.env['FLYBALL_TEST_BOOTSTRAP']
  const useShared = shared !== undefined && shared !== '' && !options.needsProcess && (options.brokers ?? 1) === 1 && !options.extra
  const { available, reason } = useShared
    ? { available: true, reason: '' }
    : brokerAvailable(options.needsProcess || options.extra !== undefined)
  const required = process.env['FLYBALL_REQUIRE_BROKER'] === '1'
  let running: RunningBroker | null = null
  let bootstrap: readonly string[] = useShared ? shared.split(',') : []
  const open: EventLog[] = []

  before(async () => {
    if (!available && required) throw new Error(`FLYBALL_REQUIRE_BROKER=1, and there is no broker: ${reason}`)
    if (!available || useShared) return
    running = await startBroker(options)
    bootstrap = running.bootstrap
  })
  after(async () => {
    await Promise.all(open.map((log) => log.close()))
    await running?.stop()
  })

  const connect = async (more: Partial<KafkaOptions> = {}) => {
    const log = await connectKafka({ brokers: bootstrap, clientId: 'flyball-test', ...more })
    open.push(log)
    return log
  }
  const unique = (name: string) => `${name}-${randomUUID().slice(0, 8)}`
  return {
    options: { skip: available || required ? false : `no broker: ${reason}`, timeout: TEST_MS },
    get bootstrap() {
      return bootstrap
    },
    get running() {
      if (running === null) throw new Error('this file shares a broker: ask with needsProcess')
      return running
    },
    connect,
    unique,
    async topic(partitions = 1, config = {}) {
      const topic = unique('t')
      const log = open[0] ?? (await connect())
      await log.admin.create([{ topic, partitions, config }])
      return topic
    },
    libs: async () => running?.libs || kafkaLibs(),
  }
}
