/** What a dry run says would be done is what the judge would do: the next rung of the plan, cohorts and all. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { effectOf } from '../../src/cli/effects.ts'
import type { Decision } from '../../src/domain.ts'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { topicNames } from '../../src/kit/topics.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { DECISION_HEADERS, encodeDecision } from '../../src/wire/decisions.ts'
import { decision } from '../wire/records.ts'

const POLICY = `
version: 1
inputs: { predictions: { topic: predictions } }
models:
  fraud:
    control: v1
    candidate: v2
    segments: { region: [eu, us] }
    rollout:
      stages: [shadow, { stage: 10, cohort: region=eu }, { stage: 20, cohort: region=us }, 20, 50, 100]
`

type After = Pick<Decision, 'phase' | 'stage' | 'weightsAfter' | 'segmentsAfter'>

async function effects(after: After | null): Promise<readonly string[]> {
  const loaded = parsePolicy(POLICY, 'flyball.yaml')
  const log = new MemoryLog(new MemoryBroker(systemClock))
  const topics = topicNames('effects.')
  await log.admin.create([{ topic: topics.decisions, partitions: 1, config: {} }])
  const writer = await log.writer()
  // The last one counts.
  const said =
    after === null
      ? []
      : [
          { ...decision, ...everybody(50) },
          { ...decision, ...after },
        ]
  const records = said.map((each) => ({ key: 'fraud', value: encodeDecision(each), headers: DECISION_HEADERS }))
  if (after !== null) await writer.send(topics.decisions, 0, records)
  const model = loaded.layout.models[0]!
  return [await effectOf('promote', { loaded, log, topics }, model), await effectOf('throttle', { loaded, log, topics }, model)]
}

function everybody(percent: number): After {
  return { phase: 'climbing', stage: `${percent} %`, weightsAfter: { v1: 100 - percent, v2: percent }, segmentsAfter: [] }
}

function cohort(percent: number, segment: string): After {
  const segmentsAfter = [{ segment, weights: { v1: 100 - percent, v2: percent } }]
  return { phase: 'climbing', stage: `${percent} % of ${segment}`, weightsAfter: { v1: 100, v2: 0 }, segmentsAfter }
}

const IF = 'now, if nothing but the dwell stands in the way'

test('a dry run of promote and throttle names the next rung and whom it is for', async () => {
  const shadow: After = { ...everybody(0), phase: 'shadow', stage: 'shadow' }
  const none = 'leave v2 at 0 %: there is no lower rung'
  const cases: readonly (readonly [After | null, string, string])[] = [
    [null, 'ask for a promotion of v2, whose rollout is new: there is no step to be taken yet', none],
    [shadow, `promote v2 from 0 % to 10 % of region=eu ${IF}`, none],
    [
      cohort(10, 'region=eu'),
      `promote v2 from 10 % of region=eu to 20 % of region=us ${IF}`,
      'leave v2 at 10 % of region=eu: there is no lower rung',
    ],
    [cohort(20, 'region=us'), `promote v2 from 20 % of region=us to 20 % ${IF}`, 'throttle v2 from 20 % of region=us to 10 % of region=us'],
    [everybody(20), `promote v2 from 20 % to 50 % ${IF}`, 'throttle v2 from 20 % to 20 % of region=us'],
    [
      { ...everybody(100), phase: 'guard', stage: 'guard' },
      'ask for a promotion of v2, which is on the highest rung already',
      'throttle v2 from 100 % to 50 %',
    ],
    [
      { ...everybody(0), phase: 'rolled-back', stage: '' },
      'ask for a promotion of v2, whose rollout is rolled-back: there is no step to be taken yet',
      none,
    ],
    // Decisions of before name no stage, and a policy may have changed since.
    [{ ...everybody(30), stage: '' }, `promote v2 from 30 % to 50 % ${IF}`, 'throttle v2 from 30 % to 20 %'],
  ]
  for (const [after, promote, throttle] of cases) assert.deepEqual(await effects(after), [promote, throttle])
})

test('what the candidate is kept out of stays so', async () => {
  const apart: After = { ...everybody(20), segmentsAfter: [{ segment: 'region=eu', weights: { v1: 100, v2: 0 } }] }
  const [promote] = await effects(apart)
  assert.equal(promote, `promote v2 from 20 % without region=eu to 50 % without region=eu ${IF}`)
})

test('a rollout that begins in a cohort says so', async () => {
  const { layout } = parsePolicy(POLICY.replace('shadow, ', ''), 'flyball.yaml')
  const loaded = parsePolicy(POLICY, 'flyball.yaml')
  const log = new MemoryLog(new MemoryBroker(systemClock))
  const start = await effectOf('start', { loaded, log, topics: topicNames('x.') }, layout.models[0]!)
  assert.equal(start, 'begin the rollout of v2 at 10 % of region=eu')
})
