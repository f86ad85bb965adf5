/** A drain deals panes, pulses and ticks to the real judge in an order that depends on the panes alone, and a restart repeats none. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pane, Pulse, Stamp } from '../../src/domain.ts'
import type { JudgeEvent, Now } from '../../src/judge/judge.ts'
import { emptyJudge } from '../../src/judge/state.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { seededRandom } from '../../src/kit/random.ts'
import { topicNames } from '../../src/kit/topics.ts'
import { DrainOrder } from '../../src/shell/drain-order.ts'
import { JudgeSeat } from '../../src/shell/judge-seat.ts'
import { FROM_START, storedState } from '../../src/shell/judge-store.ts'
import type { Tenure, TenureRecord } from '../../src/shell/tenure.ts'
import { BEGIN_MS, layoutOf, modelLayout, SLICE_MS } from '../judge/world.ts'

const SOURCES = ['predictions/0', 'predictions/1']
const SLICES = 40
const model = modelLayout()
const layout = layoutOf(model)
const topics = topicNames('flyball.')

/** A tenure that keeps what it is given. */
class Kept implements Tenure {
  readonly partition = 0
  readonly epoch = 1
  readonly state = []
  readonly control = []
  readonly commits: (readonly TenureRecord[])[] = []

  async commit(records: readonly TenureRecord[]): Promise<void> {
    this.commits.push(records)
  }

  async close(): Promise<void> {}

  values(topic: string): string[] {
    return this.commits.flat().flatMap((one) => (one.topic === topic ? [one.record.value!.toString('hex')] : []))
  }
}

class NotedSeat extends JudgeSeat {
  readonly noted: string[] = []

  override async apply(event: JudgeEvent, now: Now): Promise<void> {
    const what = event.kind === 'pane' ? `pane ${event.pane.source}` : event.kind === 'pulse' ? `pulse ${event.pulse.source}` : event.kind
    this.noted.push(`${(now.judgeTimeMs - BEGIN_MS) / SLICE_MS} ${what}`)
    await super.apply(event, now)
  }
}

function seatOn(tenure: Tenure, before?: Kept): NotedSeat {
  const records = (before?.commits.flat() ?? []).filter(({ topic }) => topic === topics.state)
  const stored = storedState(
    records.map(({ record }, offset) => ({
      offset,
      timestampMs: 0,
      key: Buffer.from(String(record.key)),
      value: record.value,
      headers: [],
    })),
    model,
  )
  const context = { layout, topics, clock: systemClock, emit: () => {}, signatures: { signer: null, trusted: [], strict: false } }
  return new NotedSeat(context, tenure, model, stored?.state ?? emptyJudge(model), stored?.positions ?? FROM_START)
}

type Found = { readonly found: Pane | Pulse; readonly offset: number }

const stampOf = (epoch: number, sequence: number): Stamp => ({ epoch, sequence })

function paneOf(source: number, slice: number): Pane {
  const counts = (value: number) => ({ counts: Float64Array.of(value), sums: new Float64Array(0) })
  const cell = (version: string, errors: number) => {
    const blocks = new Map([
      ['requests', counts(100)],
      ['errors', counts(errors)],
    ])
    return { version, scope: '__all__', population: 'all' as const, blocks }
  }
  const startMs = BEGIN_MS + slice * SLICE_MS
  return {
    kind: 'pane',
    model: model.name,
    source: SOURCES[source]!,
    chain: 'exposure',
    stamp: stampOf(source + 3, slice),
    base: stampOf(-1, -1),
    from: slice * 200,
    to: (slice + 1) * 200,
    previousTo: slice * 200,
    sliceStartMs: startMs,
    sliceEndMs: startMs + SLICE_MS,
    finalAtMs: startMs + SLICE_MS,
    sampleRate: 1,
    blockHashes: new Map(model.exposureBlocks.map((block) => [block.id, block.hash])),
    cells: [cell('v1', 2), cell('v2', slice > 20 ? 30 : 2)],
  }
}

function pulseOf(source: number, slice: number): Pulse {
  const clockMs = BEGIN_MS + (slice + 1) * SLICE_MS
  const clocks = { sliceEndMs: clockMs, exposureClockMs: clockMs, outcomeClockMs: clockMs, describedClockMs: clockMs }
  const flags = { idle: false, ended: false, lagRecords: 0, models: [] }
  return {
    kind: 'pulse',
    source: SOURCES[source]!,
    stamp: stampOf(source + 3, slice),
    base: stampOf(-1, -1),
    from: 0,
    to: 0,
    ...clocks,
    ...flags,
  }
}

/** Each source writes in its own order; how the two mix is a matter of dice. */
function mixed(seed: number): Found[] {
  const random = seededRandom(seed)
  const queues = SOURCES.map((_, source) =>
    Array.from({ length: SLICES }, (_, slice) => [paneOf(source, slice), pulseOf(source, slice)]).flat(),
  )
  const log: Found[] = []
  while (queues.some((queue) => queue.length > 0)) {
    const queue = queues[random() < 0.5 ? 0 : 1]!
    const found = queue.shift()
    if (found !== undefined) log.push({ found, offset: log.length })
  }
  return log
}

async function drain(log: readonly Found[], seat: NotedSeat, until = log.length): Promise<void> {
  const order = new DrainOrder(layout, SOURCES, [seat])
  const from = seat.positions.panes
  for (const { found, offset } of log.slice(from, until)) {
    order.take(found, offset)
    if (offset % 7 === 0) await order.judge(offset + 1)
  }
  if (until === log.length) await order.finish()
}

test('however the writes of two sources mix, the judge sees one order and writes the same decisions', async () => {
  const runs: { readonly noted: readonly string[]; readonly decisions: readonly string[] }[] = []
  for (const seed of [1, 2, 3]) {
    const tenure = new Kept()
    const seat = seatOn(tenure)
    await drain(mixed(seed), seat)
    runs.push({ noted: seat.noted, decisions: tenure.values(topics.decisions) })
  }
  assert.deepEqual(runs[1], runs[0])
  assert.deepEqual(runs[2], runs[0])
  assert.ok(runs[0]!.decisions.length >= 3)
  assert.deepEqual(runs[0]!.noted.slice(0, 5), [
    '1 pane predictions/0',
    '1 pane predictions/1',
    '1 pulse predictions/0',
    '1 pulse predictions/1',
    '1 tick',
  ])
  assert.equal(runs[0]!.noted.length, SLICES * 5)
})

test('a drain that was cut off anywhere and resumed from its last commit writes the decisions of one that was not', async () => {
  const log = mixed(4)
  const whole = new Kept()
  await drain(log, seatOn(whole))
  for (const cut of [9, 40, 90, 130]) {
    const first = new Kept()
    await drain(log, seatOn(first), cut)
    const second = new Kept()
    await drain(log, seatOn(second, first))
    assert.deepEqual(
      [...first.values(topics.decisions), ...second.values(topics.decisions)],
      whole.values(topics.decisions),
      `cut at ${cut}`,
    )
  }
})

test('a pane that is written a second time, by an owner that resumed, is judged once', async () => {
  const log = mixed(5)
  const twice = [...log.slice(0, 60), ...log.slice(40, 60), ...log.slice(60)].map(({ found }, offset) => ({ found, offset }))
  const [once, again] = [new Kept(), new Kept()]
  await drain(log, seatOn(once))
  await drain(twice, seatOn(again))
  assert.deepEqual(again.values(topics.decisions), once.values(topics.decisions))
})

test('panes of a model without a seat here are passed over', async () => {
  const tenure = new Kept()
  const seat = seatOn(tenure)
  const order = new DrainOrder(layout, SOURCES, [seat])
  order.take({ ...paneOf(0, 0), model: 'elsewhere' }, 0)
  await order.finish()
  assert.deepEqual(seat.noted, [])
})
