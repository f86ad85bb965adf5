import assert from 'node:assert/strict'
import { test } from 'node:test'
import { situationOf } from '../../src/judge/situation.ts'
import { emptyJudge } from '../../src/judge/state.ts'
import { BEGIN_MS, layoutOf, modelLayout } from './world.ts'

test('a situation has no getters of its own: each would be a shape that holds its state until the whole heap is collected', () => {
  const model = modelLayout()
  const setting = { nowMs: BEGIN_MS, wallMs: BEGIN_MS, model, layout: layoutOf(model) }
  const situation = situationOf(emptyJudge(model), setting)
  const own = Object.entries(Object.getOwnPropertyDescriptors(situation))
  assert.deepEqual(
    own.filter(([, { get }]) => get !== undefined),
    [],
  )
  assert.equal(situation.harms, situation.harms, 'worked out once')
})
