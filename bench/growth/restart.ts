/**
 * A daemon that holds many waiting predictions is killed and started again, on a real broker; how long until it judges?
 *
 * With the kill the canary begins to fail, so that the first panes judged afterwards end in a rollback: seen on `control`, it proves the
 * judgement.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Pane, Pulse } from '../../src/domain.ts'
import type { EventLog, Source } from '../../src/kafka/contract.ts'
import { recordsOf } from '../../src/kafka/log-record.ts'
import { systemClock, within } from '../../src/kit/clock.ts'
import { partitionOf } from '../../src/kit/hash.ts'
import { seededRandom } from '../../src/kit/random.ts'
import { topicNames } from '../../src/kit/topics.ts'
import { createGovernor } from '../../src/subscriber/subscriber.ts'
import { decodePane } from '../../src/wire/panes.ts'
import { startDaemonProcess } from '../lib/daemon.ts'
import { livePolicy, liveRequest } from '../lib/live-policy.ts'
import { startLiveTraffic } from '../lib/live-traffic.ts'

export interface RestartOptions {
  readonly log: EventLog
  readonly bootstrap: string
  readonly prefix: string
  readonly folder: string
  readonly pending: number
  /** SIGKILL: its memberships of the groups must run out first. SIGTERM: it leaves them. */
  readonly signal: 'SIGTERM' | 'SIGKILL'
  readonly tell: (text: string) => void
}

/** Seconds since the new process was started. */
export interface Restart {
  readonly pending: number
  /** The judge has taken over. */
  readonly judgeSeconds: number
  /** Every source has been claimed. */
  readonly claimedSeconds: number
  /** The first pane that the life before had not written stands on `panes`. */
  readonly firstPaneSeconds: number
  /** The command that rests on it is seen by a gateway. */
  readonly commandSeconds: number
}

const MODEL = 'restart'
const PARTITIONS = 4
const BACKLOG_PER_SECOND = 10_000
const LIVE_PER_SECOND = 1_000
const FAULTY_ERRORS = 0.5
const CATCH_UP_MS_MAX = 300_000
/** A checkpoint is written every three seconds. */
const SETTLE_MS = 10_000
const RECORDS_A_SEND = 500

export async function restart(options: RestartOptions): Promise<Restart> {
  const { log, bootstrap, prefix, folder, pending, signal, tell } = options
  const topics = { predictions: `${prefix}predictions`, outcomes: `${prefix}outcomes` }
  await log.admin.create(Object.values(topics).map((topic) => ({ topic, partitions: PARTITIONS, config: {} })))
  await backlog(log, topics.predictions, pending)
  const policyFile = join(folder, `${prefix}yaml`)
  writeFileSync(policyFile, livePolicy({ prefix, topics, models: [MODEL], slice: '1s', horizon: '1h', maxPending: 4 * pending }))
  const first = startDaemonProcess(policyFile, bootstrap)
  await within(
    first.line(({ event }) => event === 'judge-took-over'),
    CATCH_UP_MS_MAX,
    'waiting for the daemon',
  )
  const governor = createGovernor({ log, prefix, models: { [MODEL]: { control: 'v1' } }, gateway: 'bench', presenceMs: 1000 })
  const random = seededRandom(1)
  let errors = 0
  const draw = (id: string) => {
    const version = governor.route(MODEL, id)
    const { prediction } = liveRequest(random, id, MODEL, version, version === 'v2' ? errors : 0, systemClock.nowMs())
    return { prediction, outcome: null }
  }
  const traffic = await startLiveTraffic({ log, topics, partitions: PARTITIONS, predictionsPerSecond: LIVE_PER_SECOND, draw })
  const panes = new PaneWatch(log, topicNames(prefix).panes)
  try {
    await within(
      panes.until((found) => panes.caughtUp(found)),
      CATCH_UP_MS_MAX,
      'waiting for the backlog to be read',
    )
    await systemClock.sleep(SETTLE_MS)
    tell(`${pending} predictions wait; the daemon gets ${signal}`)
    await first.end(signal)
    await panes.toEnd()
    const commanded = new Promise<number>((resolve) => {
      governor.onCommand(({ kind }) => kind === 'rollback' && resolve(systemClock.monotonicMs()))
    })
    errors = FAULTY_ERRORS
    return { pending, ...(await secondLife(policyFile, bootstrap, panes, commanded)) }
  } finally {
    await traffic.stop()
    await governor.stop()
    await panes.close()
    await first.end('SIGKILL')
  }
}

async function secondLife(
  policyFile: string,
  bootstrap: string,
  panes: PaneWatch,
  commanded: Promise<number>,
): Promise<Omit<Restart, 'pending'>> {
  const startMs = systemClock.monotonicMs()
  const since = (atMs: number): number => Number(((atMs - startMs) / 1000).toFixed(2))
  const second = startDaemonProcess(policyFile, bootstrap)
  const told = async (fits: Parameters<typeof second.line>[0]): Promise<number> => {
    await within(second.line(fits), CATCH_UP_MS_MAX, 'waiting for the second life')
    return since(systemClock.monotonicMs())
  }
  try {
    const claims = new Set<unknown>()
    const judge = told(({ event }) => event === 'judge-took-over')
    const claimed = told(({ event, source }) => event === 'source-started' && claims.add(source).size === PARTITIONS)
    const command = within(commanded, CATCH_UP_MS_MAX, 'waiting for the command')
    await within(
      panes.until(({ kind }) => kind === 'pane'),
      CATCH_UP_MS_MAX,
      'waiting for a new pane',
    )
    const firstPaneSeconds = since(systemClock.monotonicMs())
    return { judgeSeconds: await judge, claimedSeconds: await claimed, firstPaneSeconds, commandSeconds: since(await command) }
  } finally {
    await second.end('SIGKILL')
  }
}

/** What stands on `panes`, as it comes; a link of a chain that was there before is no news. */
class PaneWatch {
  readonly #reader: ReturnType<EventLog['reader']>
  readonly #source: Source
  readonly #through = new Map<string, number>()
  readonly #clocks = new Map<string, number>()

  constructor(log: EventLog, topic: string) {
    this.#reader = log.reader()
    this.#source = this.#reader.open(topic, 0, 0)
  }

  /** Settles with the first record that is new and fits. */
  async until(fits: (found: Pane | Pulse) => boolean): Promise<void> {
    for (;;) {
      const batch = this.#source.take()
      if (batch === null) {
        await this.#reader.wait(20)
        continue
      }
      const news = recordsOf(batch).flatMap(({ value }) => (value === null ? [] : this.#news(decodePane(value))))
      if (news.some(fits)) return
    }
  }

  async toEnd(): Promise<void> {
    while (!this.#source.caughtUp) {
      const batch = this.#source.take()
      if (batch === null) await this.#reader.wait(20)
      else for (const { value } of recordsOf(batch)) if (value !== null) this.#news(decodePane(value))
    }
  }

  /** Every source's clock is that of the wall. */
  caughtUp(_found: Pane | Pulse): boolean {
    const nowMs = systemClock.nowMs()
    return this.#clocks.size === PARTITIONS && [...this.#clocks.values()].every((clockMs) => nowMs - clockMs < 3000)
  }

  close(): Promise<void> {
    return this.#reader.close()
  }

  #news(found: Pane | Pulse | null): (Pane | Pulse)[] {
    if (found === null) return []
    if (found.kind === 'pulse') {
      this.#clocks.set(found.source, found.exposureClockMs)
      return [found]
    }
    const chain = `${found.source}|${found.chain}`
    if (found.to <= (this.#through.get(chain) ?? -1)) return []
    this.#through.set(chain, found.to)
    return [found]
  }
}

/** Predictions of the last minutes, none of which has its outcome yet. */
async function backlog(log: EventLog, topic: string, pending: number): Promise<void> {
  const random = seededRandom(2)
  const writer = await log.writer()
  const startMs = systemClock.nowMs() - 60_000 - (1000 * pending) / BACKLOG_PER_SECOND
  const parts = Array.from({ length: PARTITIONS }, (): { key: string; value: Buffer; timestampMs: number }[] => [])
  for (let index = 0; index < pending; index++) {
    const id = `waiting-${index}`
    const timestampMs = Math.floor(startMs + (1000 * index) / BACKLOG_PER_SECOND)
    const { prediction } = liveRequest(random, id, MODEL, 'v1', 0, timestampMs)
    const partition = partitionOf(Buffer.from(id), PARTITIONS)
    const waiting = parts[partition]!
    waiting.push({ key: id, value: Buffer.from(JSON.stringify(prediction)), timestampMs })
    if (waiting.length >= RECORDS_A_SEND) await writer.send(topic, partition, waiting.splice(0))
  }
  for (const [partition, waiting] of parts.entries()) if (waiting.length > 0) await writer.send(topic, partition, waiting)
  await writer.close()
}
