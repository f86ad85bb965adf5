/** Bugs to be caught: the product with one seam bent, never by a switch of its own. Each is what a plausible mistake would do. */

import type { Mutant } from '../../../scripts/lib/mutants.ts'
import type { LogRecord, RecordBatch } from '../../../src/domain.ts'
import type { EventLog, Reader, Source, Transactor, Writer } from '../../../src/kafka/contract.ts'
import { toBatch } from '../../../src/kafka/log/memory-reader.ts'
import { recordsOf } from '../../../src/kafka/log-record.ts'
import type { TopicNames } from '../../../src/kit/topics.ts'
import type { Layout } from '../../../src/policy/layout.ts'
import { decodeRequest, encodeRequest } from '../../../src/wire/requests.ts'
import { versionOf } from '../../../src/wire/versions.ts'
import { sourceAs } from '../source-as.ts'

export interface Plant {
  /** What is broken, in words. */
  readonly breaks: string
  /** Promises of the checker of which at least one must say so. */
  readonly caughtBy: readonly string[]
  /** First of a stretch of seeds in which it shows. */
  readonly seed: number
  /** A connection of a daemon. */
  log?(log: EventLog, topics: TopicNames): EventLog
  layout?(layout: Layout): Layout
  /** A failed producer may be used again, with what Kafka then does: a sequence it has seen is acknowledged and not written. */
  readonly producersReused?: boolean
}

export const NO_PLANT: Plant = { breaks: 'nothing', caughtBy: [], seed: 1 }

export const PLANTS: Readonly<Record<string, Plant>> = {
  'skip-barrier': {
    breaks: 'state is read back before the take-over has fenced the owner before, and without waiting for the barrier',
    caughtBy: ['chain', 'sequence', 'fencing', 'heartbeat', 'requests'],
    seed: 4,
    log: skipBarrier,
  },
  'reuse-producer': {
    breaks: 'after an error the same producer is used again',
    caughtBy: ['chain', 'sequence', 'decided', 'fencing', 'alerts', 'requests'],
    seed: 4,
    producersReused: true,
    log: reuseTransactors,
  },
  'missing-data': {
    breaks: 'a promotion asks for no rows and no proofs',
    caughtBy: ['promotion'],
    seed: 2,
    layout: (layout) => ({ ...layout, models: layout.models.map(unproven) }),
  },
  'answer-twice': {
    breaks: 'a request written twice counts twice',
    caughtBy: ['requests'],
    seed: 1,
    log: (log, { requests }) => withReaders(log, (reader) => mappedReader(reader, requests, renamedRequests())),
  },
}

/** Bugs inside a pure core, where no seam is: a copy of the repository with a line changed. */
export const SOURCE_PLANTS: Readonly<Record<string, SourcePlant>> = {
  'lower-epochs': {
    name: 'lower-epochs',
    breaks: 'panes of a lower epoch are accepted',
    caughtBy: ['books', 'coverage', 'counted-once'],
    seed: 8,
    guards: [],
    patches: [
      {
        file: 'src/judge/evidence/chains.ts',
        find: 'if (known && pane.stamp.epoch < known.epoch) {',
        replace: 'if (known && pane.stamp.epoch < known.epoch && pane.to < 0) {',
      },
    ],
  },
  'anchor-again': {
    name: 'anchor-again',
    breaks: 'the judge forgets that the day is anchored',
    caughtBy: ['anchors'],
    seed: 1,
    guards: [],
    patches: [
      {
        file: 'src/judge/anchor.ts',
        find: "hash: '', newsSinceMs: 0 }",
        replace: "hash: '', newsSinceMs: before.state.ladder.anchor.newsSinceMs }",
      },
    ],
  },
}

/** Bugs that only a day shows: a daemon keeps a little of everything that passes, for ever. */
export const DAY_PLANTS: Readonly<Record<string, Plant>> = {
  'keeps-decisions': {
    breaks: 'of each decision 1,000 bytes are remembered',
    caughtBy: ['program'],
    seed: 7,
    log: (log, { decisions }) => withWritten(log, remembering(decisions, 1000)),
  },
  'keeps-panes': {
    breaks: 'of each write of panes 50 bytes are remembered',
    caughtBy: ['program'],
    seed: 7,
    log: (log, { panes }) => withWritten(log, remembering(panes, 50)),
  },
  'keeps-buffers': {
    breaks: 'of each decision 3,000 bytes are remembered outside the heap',
    caughtBy: ['buffers'],
    seed: 7,
    log: (log, { decisions }) => withWritten(log, rememberingBuffers(decisions, 3000)),
  },
  'keeps-readers': {
    breaks: 'with every twentieth write of panes a reader is opened that nobody closes',
    caughtBy: ['handles'],
    seed: 7,
    log: (log, { panes }) => withWritten(log, forgetting(log, panes)),
  },
}

interface SourcePlant extends Mutant {
  readonly caughtBy: readonly string[]
  readonly seed: number
}

/** So many reads to bring a state back. */
const PARTS_OF_STATE = 12

function skipBarrier(log: EventLog, topics: TopicNames): EventLog {
  const ends = new Map<string, number>()
  return {
    ...log,
    transactor: async (id) => {
      for (const topic of [topics.state, topics.control]) {
        for (const { partition, start, end } of await log.admin.offsets(topic)) {
          ends.set(`${topic}/${partition}`, end)
          // A long state, that takes its time.
          for (let part = 0; part < PARTS_OF_STATE; part++) await log.reader().readRange(topic, partition, start, end, () => undefined)
        }
      }
      return log.transactor(id)
    },
    reader: (options) => {
      const reader = log.reader(options)
      return {
        ...bound(reader),
        readUntil: (topic, partition, from, _stop, each, alive) =>
          reader.readRange(topic, partition, from, Math.max(from, ends.get(`${topic}/${partition}`) ?? from), each, alive),
      }
    },
  }
}

function reuseTransactors(log: EventLog): EventLog {
  const known = new Map<string, Transactor>()
  return {
    ...log,
    transactor: async (id) => {
      const transactor = known.get(id) ?? (await log.transactor(id))
      known.set(id, transactor)
      return { begin: () => transactor.begin(), close: async () => undefined }
    },
  }
}

function bound(reader: Reader): Reader {
  return {
    open: (topic, partition, from) => reader.open(topic, partition, from),
    wait: (ms) => reader.wait(ms),
    readRange: (...range) => reader.readRange(...range),
    readUntil: (...range) => reader.readUntil(...range),
    close: () => reader.close(),
  }
}

function withReaders(log: EventLog, change: (reader: Reader) => Reader): EventLog {
  return { ...log, reader: (options) => change(log.reader(options)) }
}

type Seen = (topic: string) => void

/** Sees every write, of a transaction or none. */
function withWritten(log: EventLog, seen: Seen): EventLog {
  const watched = <To extends Pick<Writer, 'send'>>(to: To): To => {
    const send: Writer['send'] = (topic, partition, records) => {
      seen(topic)
      return to.send(topic, partition, records)
    }
    return { ...to, send }
  }
  return {
    ...log,
    writer: async () => watched(await log.writer()),
    transactor: async (id) => {
      const transactor = await log.transactor(id)
      return { begin: async () => watched(await transactor.begin()), close: () => transactor.close() }
    },
  }
}

function remembering(topic: string, bytes: number): Seen {
  const kept: string[] = []
  return (to) => {
    if (to === topic) kept.push(Buffer.alloc(bytes, String(kept.length)).toString('latin1'))
  }
}

function rememberingBuffers(topic: string, bytes: number): Seen {
  const kept: Buffer[] = []
  return (to) => {
    if (to === topic) kept.push(Buffer.alloc(bytes))
  }
}

function forgetting(log: EventLog, topic: string): Seen {
  let writes = 0
  return (to) => {
    if (to === topic && ++writes % 20 === 0) log.reader()
  }
}

type RecordChange = (record: LogRecord) => LogRecord

function mappedReader(reader: Reader, topic: string, change: RecordChange): Reader {
  const open = (of: string, partition: number, from: number): Source => {
    const source = reader.open(of, partition, from)
    return of === topic ? mappedSource(source, change) : source
  }
  return { ...bound(reader), open }
}

function mappedSource(source: Source, change: RecordChange): Source {
  return sourceAs(source, {
    take: (): RecordBatch | null => {
      const batch = source.take()
      return batch === null ? null : toBatch(batch.topic, batch.partition, recordsOf(batch).map(change))
    },
  })
}

function renamedRequests(): RecordChange {
  return (record) => {
    if (record.value === null) return record
    const request = decodeRequest(record.value, versionOf(record))
    return { ...record, value: encodeRequest({ ...request, id: `${request.id} at ${record.offset}` }) }
  }
}

function unproven(model: Layout['models'][number]): Layout['models'][number] {
  const guardrails = model.plan.guardrails.map((guardrail) => ({ ...guardrail, promotes: false }))
  const eager = { minimumRows: 0, dwellMs: 0 }
  const { rollout } = model.plan
  const shadow = rollout.shadow === null ? null : { ...rollout.shadow, ...eager }
  const stages = { ...rollout, shadow, rungs: rollout.rungs.map((rung) => ({ ...rung, ...eager })) }
  return { ...model, plan: { ...model.plan, ...eager, guardrails, rollout: stages } }
}
