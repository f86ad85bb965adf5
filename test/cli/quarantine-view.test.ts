/** The quarantine list as decisions tell it: those of this version by what they changed, those of before by where the rollout stood. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { quarantineListOf } from '../../src/cli/quarantine-view.ts'
import type { Decision } from '../../src/domain.ts'
import { ask } from '../judge/asked.ts'
import { modelLayout, World } from '../judge/world.ts'
import { decision } from '../wire/records.ts'

const model = modelLayout({ rollout: { artifacts: { v2: 'sha256:two' } } })

function listAfter(world: World) {
  return quarantineListOf(
    world.decisions.map((each): Decision => ({ ...each, previousHash: '' })),
    model,
  )
}

test('what is put on the list and taken off it is what the judge has', () => {
  const world = new World(model)
  world.slices(6)
  ask(world, 'quarantine', { subject: 'sha256:one', reason: 'a bad licence' })
  ask(world, 'rollback', { reason: 'a drill' })
  const shown = listAfter(world)
  assert.deepEqual(
    shown.map(({ artifact, who }) => [artifact, who]),
    world.state.ladder.people.quarantine.map(({ artifact, who }) => [artifact, who]),
  )
  assert.deepEqual([shown[0]!.reason, shown[1]!.reason], ['a bad licence', 'Rolled back v2 by ada: a drill'])
  assert.ok(shown.every(({ number }) => world.decisions.some((each) => each.number === number && each.body !== '')))
  ask(world, 'release', { subject: 'sha256:one' })
  ask(world, 'release')
  assert.deepEqual(listAfter(world), [])
})

test('a rollback of the version before is on the list by its name; a record with another body changes nothing', () => {
  const old: Decision = {
    ...decision,
    model: 'flights',
    number: 3,
    verdict: { kind: 'rollback', rule: 'harm', evidence: [] },
    weightsAfter: { v1: 100, v2: 0 },
    phase: 'rolled-back',
    restraints: [],
    artifact: '',
    body: '',
    summary: 'Rolled back v2',
  }
  const gate: Decision = { ...old, number: 4, verdict: { kind: 'recorded', rule: 'gate', note: '' }, body: '{"quarantined":[{}]}' }
  const broken: Decision = { ...old, number: 5, body: '{' }
  assert.deepEqual(quarantineListOf([old, gate, broken], model), [
    { artifact: 'version:v2', who: 'rule harm', reason: 'Rolled back v2', sinceMs: decision.judgeTimeMs, number: 3 },
  ])
})
