/** The shortest policy there is, through the whole daemon: it must be safe, and it must not stand in the way. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MODEL, Stage } from './stage.ts'

/** Topics, versions, an outcome; `enforce` since something is to be commanded, and a ladder that a test can wait for. */
const POLICY = `
version: 1
inputs:
  predictions: { topic: predictions }
  outcomes: { topic: outcomes }
models:
  ${MODEL}:
    control: v1
    candidate: v2
    mode: enforce
    ladder: { profile: rapid }
    outcomes: { click: { horizon: 10s } }
`

for (const bare of [false, true]) {
  const records = bare ? 'that tell nothing but ids, versions and errors' : 'with score and latency'

  test(`records ${records}: a healthy candidate climbs`, async () => {
    const world = new Stage({ seed: 11, partitions: 2, policy: POLICY, outcomes: true })
    world.conduct.bare = bare
    world.conduct.perSecond = 120
    const life = await world.start()
    await world.runUntilShare(25, 600)
    await life.stop()
    assert.ok(!(await world.verdicts()).includes('rollback'))
  })

  test(`records ${records}: a candidate with errors is rolled back`, async () => {
    const world = new Stage({ seed: 12, partitions: 2, policy: POLICY, outcomes: true })
    world.conduct.bare = bare
    world.conduct.perSecond = 120
    world.conduct.candidateErrors = 0.15
    const life = await world.start()
    for (let second = 0; second < 300 && !(await world.verdicts()).includes('rollback'); second += 10) await world.run(10)
    await life.stop()
    assert.equal((await world.verdicts()).includes('rollback'), true, (await world.verdicts()).join(' '))
    assert.equal(await world.commanded(), 0)
  })
}
