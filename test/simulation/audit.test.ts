/**
 * What an audit says of a daemon's real life: killed, taken over, overruled by a person, given another candidate. The chain is whole after
 * all of it, also while it is being written, and the changelog tells it in order.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { releases } from '../../src/audit/changelog.ts'
import { ALL } from '../../src/audit/findings.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { verifyChains } from '../../src/shell/audit-reads.ts'
import { breakGlass } from '../../src/shell/break-glass.ts'
import { MODEL, Stage } from './stage.ts'

const policy = (candidate: string): string => `
version: 1
inputs: { predictions: { topic: predictions } }
timing: { slice: 5s, settling: 1s }
models:
  ${MODEL}:
    control: v1
    candidate: ${candidate}
    mode: enforce
    ladder: { steps: [20, 50, 100], dwell: 20s, minimumRows: 100 }
    guardrails:
      - { kind: error-rate, marginPoints: 10 }
`

test('kills, take-overs, a broken glass and a new candidate leave a whole chain, and a changelog that tells of them', async () => {
  const world = new Stage({ seed: 8, partitions: 2, policy: policy('v2') })
  const audit = async () => {
    const { models, findings } = (await world.whileTimePasses(verifyChains(world.log, world.topics, ALL, world.clock))).report()
    assert.deepEqual(findings, [])
    assert.ok(models.length === 1 && models[0]!.headVouched)
    return models[0]!.records
  }
  const first = await world.start()
  await world.runUntilShare(20, 120)
  const early = await audit()
  await first.kill()
  const second = await world.start()
  await world.run(30)
  const options = { log: world.log, layout: world.layout, prefix: 'flyball.', model: world.layout.models[0]!, clock: world.clock }
  await world.whileTimePasses(breakGlass({ ...options, who: 'ana', reason: 'wrong fares' }))
  await world.run(30)
  await audit()
  await second.kill()
  world.layout = parsePolicy(policy('v3'), 'stage.yaml').layout
  const third = await world.start()
  await world.run(30)
  await third.stop()
  assert.ok((await audit()) > early + 2)

  const told = releases(await world.decisions())
  assert.deepEqual(
    told.map(({ control, candidate, end }) => `${control} ${candidate} ${end}`),
    ['v1 v2 rolled-back', 'v1 v3 running'],
  )
  assert.match(told[0]!.overrides.map(({ note }) => note).join(), /ana: wrong fares/)
  assert.equal(told[0]!.rungs[0]!.kind, 'start')
})
