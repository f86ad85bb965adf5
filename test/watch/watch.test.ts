/** The watch itself: how numbers become points, whose clock counts, when an incident begins and ends, and when silence is one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Alert } from '../../src/domain.ts'
import { seededRandom } from '../../src/kit/random.ts'
import type { SeriesName } from '../../src/watch/measured.ts'
import { Watch } from '../../src/watch/watch.ts'

const EVERY_MS = 300_000
const BEGIN_MS = 1_760_000_100_000 - (1_760_000_100_000 % EVERY_MS)

const series = (key: string, kind: 'ratio' | 'sum' = 'ratio'): SeriesName => ({
  model: 'orders',
  metric: 'amount',
  key,
  kind,
  group: `key:${key}`,
})
const newWatch = (more: { seriesMax?: number; noDataAfterMs?: number } = {}): Watch =>
  new Watch({
    environment: 'test',
    subject: 'orders',
    everyMs: EVERY_MS,
    noDataAfterMs: 3 * EVERY_MS,
    seriesMax: 10,
    lanePatienceMs: 6 * 3_600_000,
    ...more,
  })
const told = (alerts: readonly Alert[]): string[] => alerts.map(({ incident, status }) => `${status} ${incident}`)
const at = (interval: number): number => BEGIN_MS + interval * EVERY_MS

/** One number for each key and interval from `from` on, through a lane of their own. */
function play(
  watch: Watch,
  keys: readonly string[],
  from: number,
  to: number,
  value: (interval: number, key: string) => number | null,
): Alert[] {
  const alerts: Alert[] = []
  for (let interval = from; interval < to; interval++) {
    watch.passTime('0', at(interval))
    for (const key of keys) {
      const amount = value(interval, key)
      if (amount !== null) watch.take('0', { series: series(key), timeMs: at(interval) + 1000, amount, weight: 1 })
    }
    alerts.push(...watch.advance(0))
  }
  return alerts
}

test('an incident fires once, goes on while the series is strange, and resolves after twelve calm points', () => {
  const watch = newWatch()
  const random = seededRandom(1)
  const alerts = play(
    watch,
    ['a', 'b'],
    0,
    1200,
    (interval, key) => 10 + random() + (key === 'b' && interval >= 1000 && interval < 1010 ? 20 : 0),
  )
  assert.deepEqual(told(alerts), ['firing test/orders/amount/b/series', 'resolved test/orders/amount/b/series'])
  const [firing, resolved] = alerts
  assert.ok(firing!.judgeTimeMs > at(1000) && firing!.judgeTimeMs <= at(1006), 'told when its point is complete')
  assert.ok(resolved!.judgeTimeMs >= firing!.judgeTimeMs + 12 * EVERY_MS)
  assert.equal(firing!.severity, 'warning')
  assert.equal(firing!.cause, 'series')
  assert.match(firing!.summary, /^orders: amount of b is 3\d.*; last point \d+\.\d above|^orders: amount of b is 3\d.*last point/)
})

test('numbers of one interval are one point: their mean, or their sum', () => {
  for (const kind of ['ratio', 'sum'] as const) {
    const watch = newWatch()
    let alerts: readonly Alert[] = []
    for (let interval = 0; interval < 900; interval++) {
      const count = interval >= 880 ? 4 : 2
      for (let row = 0; row < count; row++)
        watch.take('0', { series: series('', kind), timeMs: at(interval) + row, amount: 10 + row, weight: 1 })
      alerts = [...alerts, ...watch.advance(0)]
    }
    assert.ok(watch.counts.points >= 898)
    // Sum 21 → 46; mean 10.5 → 11.5: both are a jump of a series that never moved.
    assert.match(alerts[0]!.summary, kind === 'sum' ? /is 46:/ : /is 11\.5:/)
  }
})

test('the slowest lane is waited for; one that has caught up holds nobody back', () => {
  const watch = newWatch()
  watch.take('0', { series: series(''), timeMs: at(5), amount: 1, weight: 1 })
  watch.setActive('1', true)
  watch.advance(0)
  assert.equal(watch.counts.points, 0)
  watch.take('1', { series: series(''), timeMs: at(1), amount: 1, weight: 1 })
  watch.advance(0)
  assert.equal(watch.clockMs, at(1))
  watch.setActive('1', false)
  watch.advance(0)
  assert.equal(watch.clockMs, at(5))
  assert.equal(watch.counts.points, 1)
})

test('a lane that has fallen far behind is given up', () => {
  const watch = newWatch()
  watch.take('1', { series: series(''), timeMs: at(0), amount: 1, weight: 1 })
  play(watch, ['a'], 1, 71, () => 1)
  assert.equal(watch.clockMs, at(0))
  play(watch, ['a'], 71, 80, () => 1)
  assert.equal(watch.clockMs, at(79) + 1000)
})

test('a number that comes too late is counted and left, and a time far ahead closes nothing', () => {
  const watch = newWatch()
  play(watch, ['a'], 0, 20, () => 1)
  watch.take('0', { series: series('a'), timeMs: at(3), amount: 1, weight: 1 })
  assert.equal(watch.counts.late, 1)
  watch.take('0', { series: series('a'), timeMs: at(20) + 400 * 24 * 3_600_000, amount: 1, weight: 1 })
  assert.equal(watch.counts.ahead, 1)
  assert.equal(watch.clockMs, at(19) + 1000)
  assert.deepEqual(told(watch.advance(0)), [])
})

test('a key that falls silent while others speak is one incident, and ends when it speaks again', () => {
  const watch = newWatch()
  const alerts = play(watch, ['a', 'b'], 0, 60, (interval, key) => (key === 'b' && interval >= 30 && interval < 40 ? null : 1))
  assert.deepEqual(told(alerts), ['firing test/orders/amount/b/no-data', 'resolved test/orders/amount/b/no-data'])
  assert.match(alerts[0]!.summary, /orders: amount of b has had no data for 15 minutes/)
})

test('when nobody speaks it is one incident and not one for each key; time without records counts', () => {
  const watch = newWatch()
  assert.deepEqual(told(play(watch, ['a', 'b', 'c'], 0, 40, () => 1)), [])
  assert.deepEqual(told(watch.advance(2 * EVERY_MS)), [])
  const alerts = watch.advance(5 * EVERY_MS)
  assert.deepEqual(told(alerts), ['firing test/orders/no-data'])
  assert.match(alerts[0]!.summary, /^orders has had no data for \d+ minutes$/)
  assert.deepEqual(told(watch.advance(6 * EVERY_MS)), [], 'once')
  assert.deepEqual(told(play(watch, ['a', 'b', 'c'], 46, 60, () => 1)), ['resolved test/orders/no-data'])
})

test('a key that is often quiet is not missed each time', () => {
  const watch = newWatch()
  const alerts = play(watch, ['a', 'rare'], 0, 400, (interval, key) => (key === 'rare' && interval % 8 !== 0 ? null : 1))
  assert.ok(alerts.length <= 4, told(alerts).join(', '))
})

test('keys are bounded: the rest are counted and cost nothing', () => {
  const watch = newWatch({ seriesMax: 3 })
  play(watch, ['a', 'b', 'c', 'd', 'e'], 0, 10, () => 1)
  assert.equal(watch.seriesCount, 3)
  assert.equal(watch.counts.unwatched, 20)
})
