/** `flyball watch` on a log in memory: what it reads, what it publishes, and that it publishes nothing else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type WatchOptions, watchWith } from '../../src/cli/watch.ts'
import type { Alert, OutgoingRecord, Pane } from '../../src/domain.ts'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { seededRandom } from '../../src/kit/random.ts'
import { ownTopics, topicNames } from '../../src/kit/topics.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { readAlerts } from '../../src/shell/topic-reads.ts'
import type { Watch } from '../../src/watch/watch.ts'
import { encodePane, encodePulse } from '../../src/wire/panes.ts'
import { until } from '../conformance/log-stage.ts'
import { policyText } from '../policy/minimal.ts'
import { flyball, inFolder } from './run-flyball.ts'

const TOPIC = 'orders'
const EVERY_MS = 300_000
const BEGIN_MS = 1_760_000_100_000 - (1_760_000_100_000 % EVERY_MS)
const DEFAULTS: WatchOptions = {
  policy: 'flyball.yaml',
  topic: TOPIC,
  field: 'order.amount',
  key: 'country',
  timeUnit: 'ms',
  aggregate: 'mean',
  every: EVERY_MS,
  maxSeries: 100,
  last: 0,
}

class Shop {
  readonly log = new MemoryLog(new MemoryBroker(systemClock))
  readonly loaded = parsePolicy(policyText, 'flyball.yaml')
  readonly topics = topicNames(this.loaded.policy.kafka.prefix)
  readonly lines: string[] = []
  readonly #random = seededRandom(21)

  static async open(): Promise<Shop> {
    const shop = new Shop()
    await shop.log.admin.create([{ topic: TOPIC, partitions: 2, config: {} }, ...ownTopics(shop.loaded.policy.kafka.prefix, 2, 2)])
    return shop
  }

  async send(partition: number, records: readonly OutgoingRecord[], topic = TOPIC): Promise<void> {
    const writer = await this.log.writer()
    await writer.send(topic, partition, records)
    await writer.close()
  }

  /** One order of each country in each interval; those of one of them dearer by `extra`. */
  async trade(from: number, to: number, extra = 0, dearer = 'DE'): Promise<void> {
    for (const [partition, country] of ['FR', 'DE'].entries()) {
      const records = Array.from({ length: to - from }, (_, index) => {
        const amount = 50 + this.#random() + (country === dearer ? extra : 0)
        return json({ country, order: { amount } }, BEGIN_MS + (from + index) * EVERY_MS + 1000)
      })
      await this.send(partition, records)
    }
  }

  watch(options: Partial<WatchOptions>, stopped = () => false): Promise<Watch> {
    const { topic: _, field: __, ...rest } = DEFAULTS
    const all = options.panes ? { ...rest, ...options } : { ...DEFAULTS, ...options }
    return watchWith(this, all, { clock: systemClock, stopped, print: (line) => this.lines.push(line) })
  }

  async alerts(): Promise<string[]> {
    return (await readAlerts(this.log, this.topics.alerts)).map(({ incident, status }) => `${status} ${incident}`)
  }
}

const json = (document: unknown, timestampMs: number): OutgoingRecord => ({
  key: null,
  value: Buffer.from(JSON.stringify(document)),
  timestampMs,
})
const INCIDENT = 'default/orders/order.amount/DE/series'

test('what happens while it watches is published as it begins and as it ends; the past is only learnt from', async () => {
  const shop = await Shop.open()
  await shop.trade(0, 900)
  await shop.trade(900, 905, 40, 'FR')
  await shop.trade(905, 1000)
  let stopped = false
  let count = 0
  const poll = setInterval(async () => (count = (await shop.alerts()).length), 20)
  const watching = shop.watch({}, () => stopped)
  try {
    // History is over when it has been quiet for some seconds.
    await new Promise((resolve) => setTimeout(resolve, 5_500))
    await shop.trade(1000, 1010, 60)
    await until('an alert', () => count === 1)
    await shop.trade(1010, 1100)
    await until('its end', () => count === 2)
  } finally {
    clearInterval(poll)
    stopped = true
  }
  const watch = await watching
  assert.deepEqual(await shop.alerts(), [`firing ${INCIDENT}`, `resolved ${INCIDENT}`])
  assert.equal(shop.lines.length, 2)
  assert.match(shop.lines[0]!, /^20\d\d-\d\d-\d\dT[\d:.]+Z {2}warning {2}orders: order\.amount of DE is 110/)
  assert.equal(watch.counts.records, 2200)
})

test('a restart repeats no alert, and ends one that was over meanwhile', async () => {
  const shop = await Shop.open()
  await shop.trade(0, 900)
  await shop.trade(900, 910, 40)
  await shop.watch({ untilEnd: true })
  assert.deepEqual(await shop.alerts(), [`firing ${INCIDENT}`])
  await shop.watch({ untilEnd: true })
  assert.deepEqual(await shop.alerts(), [`firing ${INCIDENT}`])
  await shop.trade(910, 1000)
  await shop.watch({ untilEnd: true })
  assert.deepEqual(await shop.alerts(), [`firing ${INCIDENT}`, `resolved ${INCIDENT}`])
})

test('alerts that are not its own are left alone', async () => {
  const shop = await Shop.open()
  await shop.trade(0, 900)
  await shop.trade(900, 910, 40)
  await shop.watch({ untilEnd: true })
  await shop.watch({ untilEnd: true, field: 'order.other', aggregate: 'count' })
  await shop.watch({ untilEnd: true, panes: true })
  assert.deepEqual(await shop.alerts(), [`firing ${INCIDENT}`])
})

test('a dry run tells of the past too, as JSON when asked, and writes nothing anywhere', async () => {
  const shop = await Shop.open()
  await shop.trade(0, 900)
  await shop.trade(900, 905, 40)
  await shop.trade(905, 1000)
  await shop.watch({ untilEnd: true, dryRun: true, json: true })
  const alerts = shop.lines.map((line) => JSON.parse(line) as Alert)
  assert.deepEqual(
    alerts.map(({ incident, status, severity }) => [incident, status, severity]),
    [
      [INCIDENT, 'firing', 'warning'],
      [INCIDENT, 'resolved', 'warning'],
    ],
  )
  for (const topic of Object.values(shop.topics)) {
    for (const { start, end } of await shop.log.admin.offsets(topic)) assert.equal(end, start, topic)
  }
})

test('only the alerts topic is ever written: no command, no decision, no request', async () => {
  const shop = await Shop.open()
  await shop.trade(0, 900)
  await shop.trade(900, 910, 400)
  await shop.watch({ untilEnd: true })
  for (const topic of Object.values(shop.topics).filter((name) => name !== shop.topics.alerts)) {
    for (const { start, end } of await shop.log.admin.offsets(topic)) assert.equal(end, start, topic)
  }
})

test('records that bring no number are counted by reason, and the rest is watched', async () => {
  const shop = await Shop.open()
  const time = BEGIN_MS
  await shop.send(0, [
    { key: null, value: null, timestampMs: time },
    { key: null, value: Buffer.from('{'), timestampMs: time },
    { key: null, value: Buffer.alloc(2_000_000, 32), timestampMs: time },
    json({ country: 'FR' }, time),
    json({ country: 'FR', order: { amount: '12' } }, time),
    { key: null, value: Buffer.from('{"country":"FR","order":{"amount":1e999}}'), timestampMs: time },
    json({ country: ['FR'], order: { amount: 1 } }, time),
    json({ country: '\ud800', order: { amount: 1 } }, time),
    json({ order: { amount: 1 }, country: 'constructor' }, time),
  ])
  const watch = await shop.watch({ untilEnd: true })
  assert.deepEqual(watch.counts.unusable, {
    tombstone: 1,
    undecodable: 1,
    oversized: 1,
    'missing-field': 1,
    'wrong-type': 1,
    'not-finite': 1,
    'bad-key': 2,
  })
  assert.equal(watch.seriesCount, 1)
  assert.equal(
    (await shop.watch({ untilEnd: true, field: 'constructor.name' })).seriesCount,
    0,
    'only what the record itself says is found',
  )
})

test('the time of a record may be a field of it, in any unit', async () => {
  const shop = await Shop.open()
  const orders = Array.from({ length: 50 }, (_, index) =>
    json({ at: (BEGIN_MS + index * EVERY_MS) / 1000, order: { amount: 1 } }, BEGIN_MS),
  )
  await shop.send(0, orders)
  const { key: _, ...noKey } = DEFAULTS
  const print = (): void => undefined
  const edges = { clock: systemClock, stopped: () => false, print }
  const watch = await watchWith(shop, { ...noKey, time: 'at', timeUnit: 's', untilEnd: true }, edges)
  assert.equal(watch.counts.points, 48)
  const counted = await watchWith(shop, { ...noKey, untilEnd: true, aggregate: 'count', last: 20 }, edges)
  assert.equal(counted.counts.records, 20)
})

function pane(interval: number, requests: number, errors: number): Pane {
  const cell = (version: string, share: number) => ({
    version,
    scope: '__all__',
    population: 'all' as const,
    blocks: new Map([
      ['requests', { counts: Float64Array.of(Math.round(requests * share)), sums: new Float64Array(0) }],
      ['errors', { counts: Float64Array.of(version === 'v2' ? errors : 0), sums: new Float64Array(0) }],
      [
        'latency',
        { counts: Float64Array.of(Math.round(requests * share), 0, 0, 0), sums: Float64Array.of(20 * Math.round(requests * share), 0) },
      ],
    ]),
  })
  const sliceStartMs = BEGIN_MS + interval * EVERY_MS
  return {
    kind: 'pane',
    model: 'fraud',
    source: 'predictions/0',
    chain: 'exposure',
    stamp: { epoch: 1, sequence: interval },
    base: { epoch: 1, sequence: 0 },
    from: interval * 1000,
    to: (interval + 1) * 1000,
    previousTo: interval * 1000,
    sliceStartMs,
    sliceEndMs: sliceStartMs + EVERY_MS,
    finalAtMs: sliceStartMs + EVERY_MS,
    sampleRate: 1,
    blockHashes: new Map(['requests', 'errors', 'latency'].map((id) => [id, id])),
    cells: [cell('v1', 0.9), cell('v2', 0.1)],
  }
}

test('Flyball’s own panes: an error storm of one version and a fall of volume are found, a pane written twice counts once', async () => {
  const shop = await Shop.open()
  const random = seededRandom(4)
  const panes = Array.from({ length: 1100 }, (_, interval) => {
    const requests = 900 + Math.round(200 * random()) - (interval >= 1050 && interval < 1060 ? 800 : 0)
    return pane(interval, requests, interval >= 1000 && interval < 1010 ? 60 : Math.round(3 * random()))
  })
  const records = panes.flatMap((one) => {
    const record = { key: 'fraud', value: encodePane(one), timestampMs: one.sliceEndMs }
    return one.from % 50_000 === 0 ? [record, record] : [record]
  })
  await shop.send(0, records, shop.topics.panes)
  await shop.watch({ panes: true, untilEnd: true, dryRun: true, json: true })
  const firing = shop.lines.map((line) => JSON.parse(line) as Alert).filter(({ status }) => status === 'firing')
  assert.deepEqual(
    firing.map(({ incident }) => incident),
    ['default/fraud/error-rate/v2/series', 'default/fraud/volume//series'],
  )
  assert.match(firing[0]!.summary, /^fraud: error-rate of v2 is 0\.\d+: .* above usual/)
  assert.match(firing[1]!.summary, /^fraud: volume is \d+: .* below usual/)
})

test('a daemon that goes on while its model is without traffic: one incident, by the pulses’ clock', async () => {
  const shop = await Shop.open()
  const panes = Array.from({ length: 30 }, (_, interval) => ({ key: 'fraud', value: encodePane(pane(interval, 1000, 1)) }))
  const pulses = Array.from({ length: 20 }, (_, index) => {
    const sliceEndMs = BEGIN_MS + (31 + index) * EVERY_MS
    const { stamp, base } = pane(0, 1, 0)
    const clocks = { exposureClockMs: sliceEndMs, outcomeClockMs: -1, describedClockMs: -1 }
    const flags = { idle: true, ended: false, lagRecords: 0, models: [] }
    return {
      key: '__pulse',
      value: encodePulse({ kind: 'pulse', source: 'predictions/0', stamp, base, from: 0, to: 0, sliceEndMs, ...clocks, ...flags }),
    }
  })
  await shop.send(0, [...panes, ...pulses], shop.topics.panes)
  await shop.watch({ panes: true, untilEnd: true })
  assert.deepEqual(await shop.alerts(), ['firing default/flyball.panes/no-data'])
})

test('whoever does not say what to watch, or says too much, is told how', () => {
  inFolder((folder) => {
    for (const args of [['watch'], ['watch', '--topic', 'a'], ['watch', '--topic', 'a', '--panes']]) {
      const { code, stderr } = flyball(args, folder)
      assert.equal(code, 2, stderr)
      assert.match(stderr, /FLY-CLI-009 cannot watch: .*\n.*--field/)
    }
    assert.equal(flyball(['watch', '--panes', '--every', '5 minutes'], folder).code, 2)
  })
})
