/** The end of a run: everything is whole again, the input stops and is closed, and the daemons get their time until nothing is left to do. */
import { accountsOf, scrape } from '../../simulation/metrics.ts'
import { INPUT_PARTITIONS } from './policy.ts'
import type { Stage } from './stage.ts'

const RECOVER_MS = 8000
const LABELS_MS = 4000
const SETTLE_MAX_MS = 90_000
const QUIET_MS = 8000
const CLOSING_AHEAD_MS = 60_000
/** A clock far ahead is believed when sixteen more agree. */
const CLOSING_RECORDS = 20

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Words for what did not come to rest; empty when all is well. */
export async function settle(stage: Stage): Promise<string> {
  const { cluster, daemons, gateways } = stage
  for (const service of [...daemons.map((daemon) => daemon.service), ...gateways]) service.start()
  await pause(RECOVER_MS)
  for (const gateway of gateways) gateway.signal('SIGUSR2')
  await pause(LABELS_MS)
  await close(stage)
  const problem = await untilRead(stage)
  await pause(QUIET_MS)
  await Promise.all(daemons.map(({ service }) => service.end('SIGTERM')))
  await pause(2500)
  await Promise.all(gateways.map((gateway) => gateway.end('SIGTERM')))
  for (const topic of ['predictions', 'outcomes', ...ownTopicsOf(stage)]) stage.archive.add(await cluster.hand.dump([topic]))
  return problem
}

export function ownTopicsOf({ topics }: Stage): string[] {
  const { panes, checkpoints, decisions, state, control, alerts, acks, requests, deadletter } = topics
  return [panes, checkpoints, decisions, state, control, alerts, acks, requests, deadletter]
}

/** Records far ahead close every slice and let every horizon pass; none of them is a prediction or an outcome. */
async function close({ cluster }: Stage): Promise<void> {
  const timestampMs = Date.now() + CLOSING_AHEAD_MS
  const closing = { predictions: '{"id":"end","time":1,"model":"nobody","version":"v1"}', outcomes: 'the end' }
  for (const [topic, text] of Object.entries(closing)) {
    const records = Array.from({ length: CLOSING_RECORDS }, () => ({ key: 'end', value: Buffer.from(text), timestampMs }))
    for (let partition = 0; partition < INPUT_PARTITIONS; partition++) await cluster.send(topic, partition, records)
  }
}

/** The daemons together have read every record there ever was, and nothing waits any more. */
async function untilRead(stage: Stage): Promise<string> {
  const ends = new Map<string, number>()
  for (const topic of ['predictions', 'outcomes']) {
    const offsets = await stage.cluster.log.admin.offsets(topic)
    ends.set(
      topic,
      offsets.reduce((sum, { end }) => sum + end, 0),
    )
  }
  const deadlineMs = performance.now() + SETTLE_MAX_MS
  for (;;) {
    const found = await readBy(stage)
    const left = [...ends].flatMap(([topic, end]) => {
      const { read, waiting } = found.get(topic) ?? { read: 0, waiting: 0 }
      return read === end && waiting === 0 ? [] : [`${topic}: ${read} read of ${end}, ${waiting} waiting`]
    })
    if (left.length === 0) return ''
    if (performance.now() > deadlineMs) return left.join('; ')
    await pause(500)
  }
}

async function readBy({ daemons }: Stage): Promise<Map<string, { read: number; waiting: number }>> {
  const sums = new Map<string, { read: number; waiting: number }>()
  for (const { metricsPort } of daemons) {
    const page = metricsPort === 0 ? '' : await scrape(metricsPort).catch(() => '')
    for (const [topic, { read, waiting }] of accountsOf(page)) {
      const sum = sums.get(topic) ?? { read: 0, waiting: 0 }
      sums.set(topic, { read: sum.read + read, waiting: sum.waiting + waiting })
    }
  }
  return sums
}
