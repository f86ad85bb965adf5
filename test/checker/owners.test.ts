/** The checker is able to fail: what an owner took for written and is not there, and in what words a hole is told. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Layout } from '../../src/policy/layout.ts'
import type { Case, Everything, Placed } from './case.ts'
import { aroundHole, checkAcknowledged } from './owners.ts'
import type { WireCheckpoint, WirePane, WirePulse } from './wire.ts'

const SOURCE = 'predictions/0'

const at = <T>(partition: number, offset: number, value: T): Placed<T> => ({ partition, offset, timestampMs: offset, key: '', value })
const stamped = (epoch: number, sequence: number) => ({ source: SOURCE, stamp: { epoch, sequence }, base: { epoch: -1, sequence: -1 } })

function pulse(partition: number, offset: number, epoch: number, sequence: number, [from, to] = [0, 0]): Placed<WirePulse> {
  return at(partition, offset, { kind: 'pulse', ...stamped(epoch, sequence), from, to, idle: false, models: [] })
}

function pane(offset: number, epoch: number, sequence: number, from: number, to: number): Placed<WirePane> {
  const place = { model: 'churn', chain: 'exposure', from, to, previousTo: from, sliceStartMs: 0, sliceEndMs: 0 }
  return at(0, offset, { kind: 'pane', ...stamped(epoch, sequence), ...place, sampleRate: 1, cells: new Map() })
}

const owner = (kind: 'claim' | 'checkpoint', offset: number, epoch: number, sequence: number): Placed<WireCheckpoint> =>
  at(0, offset, { kind, source: SOURCE, epoch, sequence, body: Buffer.alloc(0) })

function caseOf(panes: Everything['panes'], checkpoints: Everything['checkpoints'], panesLost = false): [Case, string[]] {
  const reports: string[] = []
  const report = (promise: string, where: string, what: string) => void reports.push(`${promise}: ${where}: ${what}`)
  const world = { prefix: '', layout: {} as Layout, settled: true, panesLost }
  return [{ world, all: { panes, checkpoints } as unknown as Everything, report }, reports]
}

const everywhere = (offset: number, epoch: number, sequence: number) => [0, 1].map((partition) => pulse(partition, offset, epoch, sequence))

test('a pulse that is missing from one partition is a fault when its owner took it for written', () => {
  const panes = [...everywhere(1, 7, 0), pulse(1, 2, 7, 1), ...everywhere(3, 7, 2)]
  const found = (checkpoints: Everything['checkpoints'], panesLost = false) => {
    const [case_, reports] = caseOf(panes, checkpoints, panesLost)
    checkAcknowledged(case_)
    return reports
  }
  const [fault, ...more] = found([owner('checkpoint', 9, 7, 3)])
  assert.match(fault!, /^acknowledged: panes\/0: the pulse of predictions\/0 7\.1 is not there but in panes\/1, though checkpoint 3 /)
  assert.deepEqual(more, [])
  assert.deepEqual(found([owner('checkpoint', 9, 7, 1), owner('checkpoint', 12, 8, 30)]), [], 'no checkpoint of that owner came after it')
  assert.deepEqual(found([owner('checkpoint', 9, 7, 3)], true), [], 'segments were deleted')
})

test('of a hole it is told what touches it, what lies around it and whose it was, and never more than a line', () => {
  const panes = [pane(10, 4, 5, 0, 20), pulse(1, 11, 4, 7, [20, 30]), pane(12, 6, 2, 30, 40), pane(13, 6, 9, 40, 50)]
  const checkpoints = [0, 4, 6, 9, 20].map((epoch) => owner('claim', epoch, 0, 0))
  const hole = { source: SOURCE, chain: 'exposure', model: 'churn', from: 20, to: 30 }
  const words = (more: Everything['panes'] = []) =>
    aroundHole(caseOf([...panes, ...more], [...checkpoints, owner('checkpoint', 5, 4, 8)])[0], hole)
  assert.equal(
    words(),
    'panes there: none; before: [0, 20) by 4.5 upon nothing at 0/10; behind: [30, 40) by 6.2 upon nothing at 0/12; ' +
      'slice closed by: [20, 30) by 4.7 upon nothing at 1/11; ' +
      'owners: 4 (last checkpoint 8), 6 (last checkpoint none), 9 (last checkpoint none)',
  )
  const many = Array.from({ length: 1000 }, (_, index) => pane(20 + index, 4, 10 + index, 19, 31))
  assert.match(words(many), /panes there: \[19, 31\) by 4\.10 .* and 996 more; before/)
  assert.ok(words(many).length < 800)
})

test('a hole in a source of which nothing was ever written is told too', () => {
  const hole = { source: SOURCE, chain: 'exposure', model: 'churn', from: 20, to: 30 }
  assert.match(aroundHole(caseOf([], [owner('claim', 3, 0, 0)])[0], hole), /owners: no claim around it, 1 in all$/)
})
