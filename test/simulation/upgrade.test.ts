/**
 * A daemon started over the topics that an earlier version left when it was killed: panes, checkpoints, state, decisions, commands, acks
 * and requests in that version's schemas. It carries on: nothing is begun anew, decided twice or counted twice.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ALL } from '../../src/audit/findings.ts'
import type { Decision } from '../../src/domain.ts'
import { verifyChains } from '../../src/shell/audit-reads.ts'
import { stageOver } from './golden-topics.ts'
import type { Stage } from './stage.ts'

const NAMES = ['schema-2', 'schema-3']

const moves = (decisions: readonly Decision[]): string[] =>
  decisions.flatMap(({ verdict, weightsAfter }) =>
    ['start', 'promote', 'rollback', 'throttle'].includes(verdict.kind) ? [`${verdict.kind} ${weightsAfter['v2']}`] : [],
  )

async function carriedOn(world: Stage): Promise<readonly Decision[]> {
  const { models, findings } = (await world.whileTimePasses(verifyChains(world.log, world.topics, ALL, world.clock))).report()
  assert.deepEqual(findings, [])
  const decisions = await world.decisions()
  assert.equal(models[0]!.records, decisions.length)
  assert.deepEqual(
    decisions.map(({ number }) => number),
    decisions.map((_, index) => index + 1),
  )
  const orders = (await world.commands()).map(({ epoch, sequence }) => epoch * 1e6 + sequence)
  assert.deepEqual(
    orders,
    [...orders].sort((one, other) => one - other),
  )
  return decisions
}

for (const name of NAMES) {
  test(`over the topics of ${name} a rollout goes on from the rung it stood on, up to the last`, async () => {
    const world = await stageOver(name, 5)
    const before = (await world.decisions()).length
    assert.deepEqual(moves(await world.decisions()), ['start 20', 'promote 50'])
    const life = await world.start()
    await world.runUntilShare(100, 300)
    await life.stop()
    const decisions = await carriedOn(world)
    assert.deepEqual(moves(decisions), ['start 20', 'promote 50', 'promote 100'])
    assert.ok(decisions.length > before)
    assert.equal(life.events.filter(({ event }) => event === 'pane-refused').length, 0)
  })

  test(`over the topics of ${name} a candidate that turns bad is taken back`, async () => {
    const world = await stageOver(name, 6)
    world.conduct.candidateErrors = 0.5
    const life = await world.start()
    await world.run(90)
    await life.stop()
    assert.deepEqual(moves(await carriedOn(world)), ['start 20', 'promote 50', 'rollback 0'])
    assert.equal(await world.commanded(), 0)
  })

  test(`over the topics of ${name} requests answered before are not answered again`, async () => {
    const world = await stageOver(name, 7)
    const life = await world.start()
    await world.run(20)
    await life.stop()
    const answers = (await carriedOn(world)).flatMap(({ requestId }) => (requestId === null ? [] : [requestId]))
    assert.deepEqual(answers, ['hold', 'resume'])
  })
}
