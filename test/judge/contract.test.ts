/** A required feature that the candidate lacks takes it back at once, through the judge's own step. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pane } from '../../src/domain.ts'
import { brokenContract, type ContractTally, contractAfterPane } from '../../src/judge/contract.ts'
import { decodeJudge, encodeJudge } from '../../src/judge/state.ts'
import type { Block, ModelLayout } from '../../src/policy/layout.ts'
import { modelLayout, World } from './world.ts'

const EDGES = [0, 50, 100]
/** [under, bin, bin, over, missing, wrong type, not finite] */
const SLOTS = EDGES.length + 4

function withContract(minimum = 5): ModelLayout {
  const model = modelLayout()
  const block: Block = {
    ...model.exposureBlocks[0]!,
    id: 'feature:age',
    kind: 'feature',
    hash: 'age-1',
    countSlots: SLOTS,
    countOffset: 2,
    edges: EDGES,
  }
  const plan = { ...model.plan, contract: { blocks: ['feature:age'], minimum } }
  return { ...model, exposureBlocks: [...model.exposureBlocks, block], plan }
}

interface Lacks {
  readonly candidate: readonly [lacks: number, of: number]
  readonly control: readonly [lacks: number, of: number]
}

/** The pane with ages beside its requests. `slot`: how the ages that lack are unusable. */
function withAges(pane: Pane, lacks: Lacks, slot = 4): Pane {
  const cells = pane.cells.map((cell) => {
    const [lacking, of] = cell.version === 'v2' ? lacks.candidate : lacks.control
    const counts = new Float64Array(SLOTS)
    counts[1] = of - lacking
    counts[slot]! += lacking
    return { ...cell, blocks: new Map([...cell.blocks, ['feature:age', { counts, sums: new Float64Array(2) }] as const]) }
  })
  return { ...pane, cells, blockHashes: new Map([...pane.blockHashes, ['feature:age', 'age-1']]) }
}

/** A world whose panes carry ages: `share` of the candidate's requests lack it, `controlShare` of the control's. */
class AgedWorld extends World {
  share = 0
  controlShare = 0

  override send(event: Parameters<World['send']>[0]): void {
    if (event.kind !== 'pane') {
      super.send(event)
      return
    }
    const requests = (version: string) => event.pane.cells.find((cell) => cell.version === version)?.blocks.get('requests')?.counts[0] ?? 0
    const [candidate, control] = [requests('v2'), requests('v1')]
    const lacks: Lacks = {
      candidate: [Math.round(candidate * this.share), candidate],
      control: [Math.round(control * this.controlShare), control],
    }
    super.send({ kind: 'pane', pane: withAges(event.pane, lacks) })
  }
}

test('a candidate that loses a required feature is rolled back once most of its requests of the stage lack it, by the rule contract, with the numbers', () => {
  const world = new AgedWorld(withContract())
  world.slices(6)
  assert.equal(world.weight(), 5)
  world.share = 1
  world.slices(20)
  const rollback = world.said('rollback')[0]!
  assert.equal(rollback.verdict.rule, 'contract')
  assert.match(
    rollback.summary,
    /^Rolled back v2 from (5|25) %: \d+ of its \d+ requests in this stage lack the required feature age, 0 of the control's/,
  )
  assert.match(rollback.cause, /^upstream: /)
  assert.doesNotThrow(() => JSON.stringify(rollback))
  assert.equal(world.weight(), 0)
  assert.equal(world.alerts.at(-1)!.cause, 'rollback:contract')
})

test('a candidate that lacks it from its first request is taken back with its first pane', () => {
  const world = new AgedWorld(withContract())
  world.share = 1
  world.slices(4)
  assert.deepEqual(world.moves(), ['start', 'rollback'])
  assert.equal(world.said('rollback')[0]!.verdict.rule, 'contract')
})

test('what both versions lack is the world and breaks no contract', () => {
  const world = new AgedWorld(withContract())
  world.share = 1
  world.controlShare = 0.5
  world.slices(12)
  assert.equal(world.said('rollback').length, 0)
})

test('four requests are no contract broken, five are; of another type or not finite counts as lacking', () => {
  const model = withContract()
  const world = new World(model)
  world.slices(3)
  const event = world.events.findLast((each) => each.event.kind === 'pane')!.event
  assert.ok(event.kind === 'pane')
  const tallyOf = (candidate: readonly [number, number], control: readonly [number, number], slot = 4): ContractTally =>
    contractAfterPane({}, withAges(event.pane, { candidate, control }, slot), model, 0)
  assert.equal(brokenContract(tallyOf([4, 4], [0, 100]), model), '')
  for (const slot of [4, 5, 6])
    assert.match(brokenContract(tallyOf([5, 6], [0, 100], slot), model), /^5 of its 6 requests .* age, 0 of the/)
  assert.equal(brokenContract(tallyOf([5, 10], [0, 100]), model), '', 'half is not more than half')
  assert.equal(brokenContract(tallyOf([5, 6], [10, 100]), model), '', 'a tenth of the control is not less than a tenth')
  assert.equal(brokenContract(tallyOf([5, 6], [0, 0]), model), '', 'without a control nothing is known')
  const before = contractAfterPane({}, withAges(event.pane, { candidate: [9, 9], control: [0, 90] }), model, event.pane.sliceStartMs + 1)
  assert.deepEqual(before, {}, 'slices that began before the stage are not its own')
})

test('with units a client that comes again and again is one unit, and no contract is broken by it', () => {
  const model = { ...withContract(), hasUnits: true }
  const world = new World(withContract())
  world.slices(3)
  const event = world.events.findLast((each) => each.event.kind === 'pane')!.event
  assert.ok(event.kind === 'pane')
  const all = withAges(event.pane, { candidate: [40, 50], control: [0, 1_000] })
  const firstOf = (lacks: number) => withAges(event.pane, { candidate: [lacks, 10], control: [0, 300] }).cells
  const tallyOf = (lacks: number): ContractTally => {
    const first = firstOf(lacks).map((cell) => ({ ...cell, population: 'first' as const }))
    return contractAfterPane({}, { ...all, cells: [...all.cells, ...first] }, model, 0)
  }
  assert.equal(brokenContract(tallyOf(1), model), '')
  assert.match(
    brokenContract(tallyOf(6), model),
    /^6 of its 10 first requests of units in this stage lack the required feature age, 0 of the/,
  )
})

test('the count survives a restart of the judge', () => {
  const world = new AgedWorld(withContract(1_000_000))
  world.share = 1
  world.slices(4)
  const { state } = world
  assert.ok(state.contract!['feature:age']!.candidateLacks > 0)
  assert.deepEqual(decodeJudge(encodeJudge(state), state.evidence, state.chains), state)
})
