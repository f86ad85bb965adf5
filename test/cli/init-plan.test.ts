/** `flyball init --plan`: the plan can be pasted as it stands, with all of its keys too, and nothing that exists is overwritten. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { planFiles } from '../../src/cli/plan-template.ts'
import { POLICY_TEMPLATE } from '../../src/cli/policy-template.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { rolloutSchema } from '../../src/policy/rollout-schema.ts'
import { flyball, inFolder } from './run-flyball.ts'

const plan = planFiles('fraud')[0]!

/** Pasted below the model of the template, whose last key is `acks`. */
function pasted(snippet: string) {
  const at = POLICY_TEMPLATE.indexOf('\ntiming:')
  assert.ok(at > 0)
  return parsePolicy(`${POLICY_TEMPLATE.slice(0, at)}${snippet}${POLICY_TEMPLATE.slice(at)}`, 'flyball.yaml').layout.models[0]!.plan
}

test('the plan validates as it stands', () => {
  const { rollout, drill, ladder } = pasted(plan.text)
  assert.deepEqual([rollout.start, rollout.shadow?.kind, rollout.guardMs, ladder], ['request', 'shadow', 86_400_000, [1, 5, 25, 50, 100]])
  assert.equal(drill?.everyMs, 30 * 86_400_000)
})

test('the plan validates with every key in use, and has every key there is', () => {
  const whole = plan.text.replace(/^( *)#(?=\S)/gm, '$1')
  const { rollout } = pasted(whole)
  assert.deepEqual(
    [rollout.offline, rollout.isolate, rollout.freezeWindows.length, rollout.rungs[0]?.cohort],
    [true, 'region', 3, 'region=EU'],
  )
  for (const key of Object.keys(rolloutSchema.shape)) assert.match(whole, new RegExp(`^ {6}${key}:`, 'm'), key)
})

test('three files are written, their names printed, and none of them when one is there already', () => {
  inFolder((folder) => {
    const written = flyball(['init', '--plan', 'fraud'], folder)
    assert.deepEqual([written.code, written.stdout], [0, 'plan.yaml\nrelease-checklist.md\nrelease-review.md\n'])
    assert.equal(readFileSync(join(folder, 'plan.yaml'), 'utf8'), plan.text)
    assert.match(readFileSync(join(folder, 'release-checklist.md'), 'utf8'), /^# Release checklist: fraud$/m)
  })
  inFolder((folder) => {
    writeFileSync(join(folder, 'release-review.md'), 'ours')
    const refused = flyball(['init', '--plan'], folder)
    assert.equal(refused.code, 2)
    assert.match(refused.stderr, /FLY-CLI-001 release-review\.md exists already/)
    assert.equal(readFileSync(join(folder, 'release-review.md'), 'utf8'), 'ours')
    assert.throws(() => readFileSync(join(folder, 'plan.yaml')))
  })
})
