/** A connection to a log that a test can spoil: partitions that get stuck, a process that dies with everything half done. */
import type { EventLog, Reader, Source, Transaction, Transactor, Writer } from '../../src/kafka/contract.ts'
import { sourceAs } from './source-as.ts'

export interface Faults {
  /** `topic/partition`: its broker holds records and does not hand them over. */
  readonly stuck: Set<string>
  /** The process is dead: nothing it began ends, nothing it writes arrives. */
  dead: boolean
}

export const noFaults = (): Faults => ({ stuck: new Set(), dead: false })

const never = <T>(): Promise<T> => new Promise<T>(() => undefined)

export function faultyLog(log: EventLog, faults: Faults): EventLog {
  const alive = <T>(work: () => Promise<T>): Promise<T> => (faults.dead ? never<T>() : work())
  return {
    name: log.name,
    reader: (options) => faultyReader(log.reader(options), faults),
    writer: () => alive(async () => faultyWriter(await log.writer(), alive)),
    transactor: (id) => alive(async () => faultyTransactor(await log.transactor(id), alive)),
    join: (options) => log.join(options),
    admin: log.admin,
    close: () => log.close(),
  }
}

type Alive = <T>(work: () => Promise<T>) => Promise<T>

function faultyWriter(writer: Writer, alive: Alive): Writer {
  return { send: (topic, partition, records) => alive(() => writer.send(topic, partition, records)), close: () => writer.close() }
}

function faultyTransactor(transactor: Transactor, alive: Alive): Transactor {
  const wrap = (transaction: Transaction): Transaction => ({
    send: (topic, partition, records) => alive(() => transaction.send(topic, partition, records)),
    commit: () => alive(() => transaction.commit()),
    abort: () => alive(() => transaction.abort()),
  })
  return { begin: () => alive(async () => wrap(await transactor.begin())), close: () => transactor.close() }
}

function faultyReader(reader: Reader, faults: Faults): Reader {
  return {
    open: (topic, partition, from) => faultySource(reader.open(topic, partition, from), faults),
    wait: (ms) => (faults.dead ? never() : reader.wait(ms)),
    readRange: (...range) => (faults.dead ? never() : reader.readRange(...range)),
    readUntil: (...range) => (faults.dead ? never() : reader.readUntil(...range)),
    close: () => reader.close(),
  }
}

function faultySource(source: Source, faults: Faults): Source {
  const isStuck = () => faults.dead || faults.stuck.has(`${source.topic}/${source.partition}`)
  return sourceAs(source, {
    caughtUp: () => !isStuck() && source.caughtUp,
    take: () => (isStuck() ? null : source.take()),
  })
}
