/** What requests use, through the whole daemon: from members of a JSON record to a command, and to what its decision says. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Random } from '../../src/kit/random.ts'
import { MODEL, Stage } from './stage.ts'

const POLICY = `
version: 1
inputs:
  predictions: { topic: predictions, resources: { gpuMs: usage.gpu_ms, costUsd: usage.cost } }
timing: { settling: 0s }
models:
  ${MODEL}:
    control: v1
    candidate: v2
    mode: enforce
    ladder: { profile: rapid }
    resources:
      gpuMs: { bounds: { high: 200 } }
      costUsd: { bounds: { high: 0.05 } }
    guardrails:
      - { kind: error-rate, marginPoints: 2 }
      - { kind: resource, resource: gpuMs, marginPercent: 10, action: rollback }
      - { kind: resource-tail, resource: gpuMs, marginPoints: 3 }
      - { kind: resource, resource: costUsd, marginPercent: 10, action: rollback }
`

/** One record in fifty does not tell, one in a hundred tells nonsense: neither is a use. */
const usage = (factor: number, random: Random) => {
  const gpuMs = 20 * factor * (0.5 + random())
  const told = random() < 0.02 ? {} : { gpu_ms: random() < 0.01 ? 'much' : gpuMs }
  return { usage: { ...told, cost: (gpuMs / 10_000) * (0.9 + 0.2 * random()) } }
}

async function released(seed: number, factor: number) {
  const world = new Stage({ seed, partitions: 2, policy: POLICY, outcomes: false })
  world.conduct.perSecond = 120
  world.conduct.more = (version, random) => usage(version === 'v2' ? factor : 1, random)
  const life = await world.start()
  for (let second = 0; second < 300 && world.gateway.share < 100 && !(await world.verdicts()).includes('rollback'); second += 10)
    await world.run(10)
  await life.stop()
  return { world, life }
}

test('a candidate that costs a third more is taken back, and the decision says what it uses more of', async () => {
  const { world } = await released(21, 1.3)
  assert.equal(await world.commanded(), 0)
  const decision = (await world.decisions()).find(({ verdict }) => verdict.kind === 'rollback')!
  assert.match(decision.summary, /resource:(gpuMs|costUsd)/)
  assert.match(decision.cause, /a request of the candidate uses more (gpuMs|costUsd) on average by/)
  const units = decision.readings.map(({ guardrail, unit }) => `${guardrail} in ${unit}`)
  assert.deepEqual(units, [
    'error-rate in share of requests',
    'resource:gpuMs in gpuMs',
    'resource-tail:gpuMs in share of requests',
    'resource:costUsd in costUsd',
  ])
})

test('one that uses as much goes up, and every step has its proof', async () => {
  const { world, life } = await released(22, 1)
  assert.equal(world.gateway.share, 100)
  const proofs = (await world.decisions()).flatMap(({ verdict }) => (verdict.kind === 'promote' ? verdict.proofs : []))
  assert.ok(proofs.some(({ guardrail, holds }) => guardrail === 'resource:costUsd' && holds))
  assert.equal(life.events.filter(({ event }) => event === 'pane-refused').length, 0)
})
