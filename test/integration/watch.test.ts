/** `flyball watch` against a real broker: history, an alert that others can read, a restart that does not repeat it, and its end. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { watchWith } from '../../src/cli/watch.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { ownTopics, topicNames } from '../../src/kit/topics.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { readAlerts } from '../../src/shell/topic-reads.ts'
import { policyText } from '../policy/minimal.ts'
import { withBroker } from './broker.ts'

const broker = withBroker()
const EVERY_MS = 300_000

test(
  'an anomaly on a topic becomes one alert, and a second look does not repeat it; its end is told while it watches',
  broker.options,
  async () => {
    const log = await broker.connect()
    const topic = await broker.topic(2)
    const prefix = `${broker.unique('watch')}.`
    const loaded = parsePolicy(`${policyText}kafka:\n  prefix: ${prefix}\n`, 'flyball.yaml')
    const topics = topicNames(prefix)
    await log.admin.create(ownTopics(prefix, 2, 2).filter((spec) => spec.topic === topics.alerts))
    // A broker takes old record times; recent ones keep retention away.
    const beginMs = Math.floor(systemClock.nowMs() / EVERY_MS) * EVERY_MS - 1010 * EVERY_MS
    const writer = await log.writer()
    const sell = async (from: number, to: number): Promise<void> => {
      for (const partition of [0, 1]) {
        const records = Array.from({ length: to - from }, (_, place) => {
          const index = from + place
          const amount = 50 + ((index * 7919) % 10) + (partition === 1 && index >= 900 && index < 910 ? 60 : 0)
          return { key: null, value: Buffer.from(JSON.stringify({ amount, shop: partition })), timestampMs: beginMs + index * EVERY_MS }
        })
        await writer.send(topic, partition, records)
      }
    }
    const told = async (): Promise<string[]> =>
      (await readAlerts(log, topics.alerts)).map(({ status, incident }) => `${status} ${incident}`)
    const options = {
      policy: '',
      topic,
      field: 'amount',
      key: 'shop',
      timeUnit: 'ms',
      aggregate: 'mean',
      every: EVERY_MS,
      maxSeries: 10,
      last: 0,
    } as const
    const edges = { clock: systemClock, print: () => undefined }
    const incident = `default/${topic}/amount/1/series`

    await sell(0, 910)
    for (const run of ['first', 'second']) {
      const watch = await watchWith({ loaded, log, topics }, { ...options, untilEnd: true }, { ...edges, stopped: () => false })
      assert.equal(watch.counts.records, 1820, run)
      assert.deepEqual(await told(), [`firing ${incident}`], run)
    }

    let stopped = false
    const watching = watchWith({ loaded, log, topics }, options, { ...edges, stopped: () => stopped })
    await systemClock.sleep(6000) // history is over when it has been quiet for some seconds
    await sell(910, 1000)
    await until('the end of the incident', async () => (await told()).length === 2)
    stopped = true
    assert.equal((await watching).counts.late, 0)
    assert.deepEqual(await told(), [`firing ${incident}`, `resolved ${incident}`])
  },
)

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + 20_000
  while (!(await holds())) {
    if (systemClock.monotonicMs() > deadlineMs) throw new Error(`never came: ${what}`)
    await systemClock.sleep(100)
  }
}
