/** Where a rollout stands, read from its decisions: those of this version, and those of the one before, which said less. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { historyOf, quarantineOf, rolloutView, whyOf } from '../../src/cli/rollout-view.ts'
import type { Decision, Restraint, RolloutPhase, Verdict } from '../../src/domain.ts'
import { guardrail, modelLayout } from '../judge/world.ts'
import { decision } from '../wire/records.ts'

const model = modelLayout()

function decided(
  number: number,
  verdict: Verdict,
  percent: number,
  phase: RolloutPhase | null,
  restraints: readonly Restraint[] = [],
): Decision {
  const weightsAfter = { v1: 100 - percent, v2: percent }
  return { ...decision, model: 'flights', number, verdict, weightsAfter, phase, restraints, summary: `summary ${number}` }
}

const START: Verdict = { kind: 'start', rule: 'start', note: '' }
const ACKED: Verdict = { kind: 'acked', rule: 'quorum', note: '' }
const ROLLBACK: Verdict = { kind: 'rollback', rule: 'harm', evidence: [] }
const HOLD: Verdict = { kind: 'hold', because: 'insufficient', rule: 'insufficient', missing: ['20 of 200 rows'] }
const REFUSED: Verdict = { kind: 'refused', rule: 'frozen', note: '' }
const FREEZE: Restraint = { kind: 'freeze', who: 'ada', reason: 'quarter end', untilMs: null }
const ABORT: Restraint = { kind: 'abort', who: 'ada', reason: 'another plan', untilMs: null }

test('a rollout waits for what its last hold misses; acks and refusals say nothing about that, a move does', () => {
  const held = [
    decided(1, START, 5, 'climbing'),
    decided(2, HOLD, 5, 'climbing'),
    decided(3, ACKED, 5, 'climbing'),
    decided(4, REFUSED, 5, 'climbing', [FREEZE]),
  ]
  const view = rolloutView(held, null, model)
  assert.deepEqual([view.phase, view.percent, view.waitsFor, view.restraints], ['climbing', 5, ['20 of 200 rows'], [FREEZE]])
  assert.deepEqual(rolloutView([...held, decided(5, ROLLBACK, 0, 'rolled-back')], null, model).waitsFor, [])
  assert.deepEqual(rolloutView([], null, model).phase, 'new')
  assert.deepEqual(
    historyOf(held).map(({ number, verdict }) => [number, verdict]),
    [
      [1, 'start'],
      [2, 'hold'],
      [4, 'refused'],
    ],
  )
})

test('how often a shadow disagrees is told by the last decision that knew of pairs', () => {
  const reading = { ...decision.readings[0]!, guardrail: 'disagreement', estimate: 0.06, candidateRows: 900 }
  const named = guardrail({ name: 'disagreement', kind: 'disagreement' })
  const mirrored = modelLayout({ guardrails: [guardrail(), named] })
  const told = [
    decided(1, START, 0, 'shadow'),
    { ...decided(2, HOLD, 0, 'shadow'), readings: [reading] },
    { ...decided(3, START, 5, 'climbing'), readings: [{ ...reading, candidateRows: 0 }] },
  ]
  assert.deepEqual(rolloutView(told, null, mirrored).disagreement, { number: 2, reading })
  assert.equal(rolloutView(told, null, model).disagreement, null)
})

test('quarantined is what was rolled back and not aborted, since the decision that did it, in records of before too', () => {
  for (const told of [true, false]) {
    const as = (phase: RolloutPhase) => (told ? phase : null)
    const climbing = decided(1, START, 5, as('climbing'))
    const first = decided(2, ROLLBACK, 0, as('rolled-back'))
    const second = decided(3, ACKED, 0, as('rolled-back'))
    assert.equal(quarantineOf([climbing, first, second], model)?.number, 2)
    assert.equal(quarantineOf([climbing, first, second, decided(4, START, 5, as('climbing'))], model), null)
  }
  assert.equal(quarantineOf([decided(1, START, 5, 'climbing'), decided(2, ROLLBACK, 0, 'rolled-back', [ABORT])], model), null)
  assert.equal(quarantineOf([], model), null)
})

test('decisions about another candidate than the one of the policy say nothing about its rollout', () => {
  const other = { ...decided(9, ROLLBACK, 0, 'rolled-back'), weightsAfter: { v0: 100, v1: 0 } }
  assert.equal(rolloutView([other], null, model).phase, 'new')
  assert.equal(quarantineOf([other], model), null)
})

test('a plan shows its stages in order and where the rollout stands; each entry of the history names the stage after it', () => {
  const shadow = { name: 'shadow', kind: 'shadow', percent: 0, cohort: '', dwellMs: 1, minimumRows: 1, approval: false } as const
  const staged = modelLayout({ ladder: [5, 100], rollout: { offline: true, shadow, guardMs: 60_000 } })
  const at = (number: number, phase: RolloutPhase, stage: string, percent: number) => ({ ...decided(number, START, percent, phase), stage })
  const shown = (last: Decision) =>
    rolloutView([last], null, staged)
      .stages.map(({ name, isNow }) => (isNow ? `[${name}]` : name))
      .join(' ')
  assert.equal(shown(at(1, 'offline', 'offline', 0)), '[offline] shadow 5 % 100 % guard promoted')
  assert.equal(shown(at(2, 'shadow', 'shadow', 0)), 'offline [shadow] 5 % 100 % guard promoted')
  assert.equal(shown(at(3, 'climbing', '5 %', 5)), 'offline shadow [5 %] 100 % guard promoted')
  assert.equal(shown(at(4, 'guard', 'guard', 100)), 'offline shadow 5 % 100 % [guard] promoted')
  assert.equal(shown(at(5, 'promoted', '', 100)), 'offline shadow 5 % 100 % guard [promoted]')
  assert.equal(shown(at(6, 'rolled-back', '', 0)), 'offline shadow 5 % 100 % guard promoted')
  assert.equal(shown(at(7, 'climbing', '', 5)), 'offline shadow [5 %] 100 % guard promoted', 'a decision of before there were stages')
  assert.deepEqual(
    historyOf([at(2, 'shadow', 'shadow', 0)]).map(({ stage }) => stage),
    ['shadow'],
  )
})

test('a gate recorded after a hold leaves what the hold waits for', () => {
  const recorded: Verdict = { kind: 'recorded', rule: 'gate', note: '' }
  const view = rolloutView([decided(1, HOLD, 0, 'offline'), decided(2, recorded, 0, 'offline')], null, model)
  assert.deepEqual(view.waitsFor, ['20 of 200 rows'])
})

test("segments that are kept apart are shown, and in a cohort the percent is the cohort's", () => {
  const apart = [{ segment: 'region=eu', weights: { v1: 100, v2: 0 } }]
  const kept = rolloutView([{ ...decided(1, START, 25, 'climbing'), segmentsAfter: apart }], null, model)
  assert.deepEqual([kept.percent, kept.segments], [25, apart])
  const cohort = [{ segment: 'region=us', weights: { v1: 90, v2: 10 } }]
  assert.equal(rolloutView([{ ...decided(1, START, 0, 'climbing'), segmentsAfter: [...apart, ...cohort] }], null, model).percent, 10)
})

test('why a rollout stands where it stands: not that its command was seen, but that a command has no effect, until it has', () => {
  const without: Verdict = { kind: 'not-effective', rule: 'not-effective', note: '' }
  const observed: Verdict = { kind: 'observed', rule: 'share', note: '' }
  const numberOf = (...verdicts: readonly Verdict[]) =>
    whyOf(verdicts.map((verdict, index) => decided(index + 1, verdict, 5, 'climbing')))?.number ?? null
  assert.equal(numberOf(), null)
  assert.equal(numberOf(ACKED), 1, 'better than nothing')
  assert.equal(numberOf(START, ROLLBACK, ACKED, observed, REFUSED), 2)
  assert.equal(numberOf(START, ROLLBACK, ACKED, without, REFUSED), 4)
  assert.equal(numberOf(START, ROLLBACK, ACKED, without, observed), 2)
  assert.equal(numberOf(START, ACKED, without, HOLD), 4)
})
