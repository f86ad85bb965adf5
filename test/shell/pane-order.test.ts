import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pane, Pulse } from '../../src/domain.ts'
import { seededRandom } from '../../src/kit/random.ts'
import { PaneOrder, type PlacedPane } from '../../src/shell/pane-order.ts'
import { paneOf } from '../judge/evidence/traffic.ts'

const EXPOSURES = { joined: false, described: false }

function placed(finalAtMs: number, offset: number, given: Partial<Pane> = {}): PlacedPane {
  return { pane: paneOf({ from: finalAtMs, to: finalAtMs + 1, finalAtMs, source: 'a', ...given }, 0, []), offset }
}

function pulse(source: string, exposureClockMs: number, outcomeClockMs = 0, describedClockMs = 0): Pulse {
  const stamp = { epoch: 0, sequence: 0 }
  const clocks = { exposureClockMs, outcomeClockMs, describedClockMs }
  const none = { from: 0, to: 0, sliceEndMs: 0, idle: false, ended: false, lagRecords: 0, models: [] }
  return { kind: 'pulse', source, stamp, base: stamp, ...clocks, ...none }
}

const times = (released: readonly PlacedPane[]) => released.map(({ pane }) => pane.finalAtMs)

test('a pane is let go when every source has passed its time, and not before', () => {
  const order = new PaneOrder(['a', 'b'], EXPOSURES)
  order.add(placed(20, 1))
  order.add(placed(10, 0, { source: 'b' }))
  order.pass(pulse('a', 100))
  assert.deepEqual(order.release(), [])
  order.pass(pulse('b', 15))
  assert.deepEqual(times(order.release()), [10])
  assert.deepEqual(order.release(), [])
  order.passAll()
  assert.deepEqual(times(order.release()), [20])
})

test('panes are let go by time, source, chain and model, whatever order they were written in', () => {
  const panes = [
    placed(10, 0),
    placed(10, 0, { model: 'second' }),
    placed(10, 0, { chain: 'outcome:1000' }),
    placed(10, 0, { source: 'b', model: 'another' }),
    placed(20, 0),
  ]
  const random = seededRandom(3)
  for (let round = 0; round < 20; round++) {
    const order = new PaneOrder(['a', 'b'], EXPOSURES)
    for (const one of [...panes].sort(() => random() - 0.5)) order.add(one)
    order.passAll()
    assert.deepEqual(
      order.release().map(({ pane }) => pane),
      panes.map(({ pane }) => pane),
    )
  }
})

test('a pane that was written twice counts once, and the first stays', () => {
  const order = new PaneOrder(['a'], EXPOSURES)
  order.add(placed(10, 3))
  order.add(placed(10, 8))
  order.passAll()
  assert.deepEqual(
    order.release().map(({ offset }) => offset),
    [3],
  )
})

test('a source has passed a time when all its inputs have, and its clock never runs backwards', () => {
  const order = new PaneOrder(['a'], { joined: true, described: true })
  order.add(placed(10, 0))
  order.pass(pulse('a', 50, 50, 5))
  assert.deepEqual(order.release(), [])
  order.pass(pulse('a', 50, 50, 10))
  order.pass(pulse('a', 50, 5, 10))
  assert.equal(order.release().length, 1)
})

test('a pulse of a source that nobody waits for says nothing', () => {
  const order = new PaneOrder(['a'], EXPOSURES)
  order.add(placed(10, 0))
  order.pass(pulse('stranger', 100))
  assert.deepEqual(order.release(), [])
})

test('the lowest offset that still waits is known for each model', () => {
  const order = new PaneOrder(['a'], EXPOSURES)
  order.add(placed(10, 7))
  order.add(placed(20, 4))
  order.add(placed(30, 2, { model: 'second' }))
  const model = placed(10, 7).pane.model
  assert.deepEqual([order.lowestWaiting(model), order.lowestWaiting('second')], [4, 2])
  order.pass(pulse('a', 20))
  order.release()
  assert.deepEqual([order.lowestWaiting(model), order.lowestWaiting('second')], [Number.POSITIVE_INFINITY, 2])
})
