/** The releases of a model, told from its decisions. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { releases } from '../../src/audit/changelog.ts'
import type { Decision, Verdict } from '../../src/domain.ts'
import { decision } from '../wire/records.ts'

type Step = readonly [kind: Verdict['kind'], from: number, to: number, rule?: string]

/** Decisions of `candidate` against `control`, one a second, numbered from `first`. */
function steps(control: string, candidate: string, first: number, given: readonly Step[]): Decision[] {
  return given.map(([kind, from, to, rule = 'r'], index) => ({
    ...decision,
    number: first + index,
    judgeTimeMs: (first + index) * 1000,
    verdict: { kind, rule, note: '' } as unknown as Verdict,
    weightsBefore: { [control]: 100 - from, [candidate]: from },
    weightsAfter: { [control]: 100 - to, [candidate]: to },
    summary: `${kind} ${from} to ${to}`,
  }))
}

const climb: readonly Step[] = [
  ['start', 0, 1],
  ['acked', 1, 1],
  ['observed', 1, 1],
  ['promote', 1, 25],
  ['hold', 25, 25],
]

test('a release tells its steps with their times, and is not ended while it runs', () => {
  const [release, ...others] = releases(steps('v1', 'v2', 1, climb))
  assert.equal(others.length, 0)
  assert.deepEqual([release!.candidate, release!.control, release!.mode, release!.startedMs], ['v2', 'v1', 'enforce', 1000])
  assert.deepEqual(
    release!.rungs.map(({ number, kind, fromPercent, toPercent, judgeTimeMs }) => [number, kind, fromPercent, toPercent, judgeTimeMs]),
    [
      [1, 'start', 0, 1, 1000],
      [4, 'promote', 1, 25, 4000],
    ],
  )
  assert.deepEqual([release!.end, release!.endedMs, release!.because], ['running', null, ''])
  assert.deepEqual([release!.firstNumber, release!.lastNumber], [1, 5])
})

test('what is written before its start belongs to the release that then starts', () => {
  const found = releases(steps('v1', 'v2', 1, [['recorded', 0, 0], ['hold', 0, 0], ...climb]))
  assert.deepEqual(
    found.map(({ firstNumber, rungs, end }) => [firstNumber, rungs.length, end]),
    [[1, 2, 'running']],
  )
})

test('it ends by promotion to everything, by rollback, or because the policy names another candidate', () => {
  const all = releases([
    ...steps('v1', 'v2', 1, [...climb, ['rollback', 25, 0]]),
    ...steps('v1', 'v3', 7, climb),
    ...steps('v1', 'v4', 12, [...climb, ['promote', 25, 100]]),
    ...steps('v4', 'v5', 18, climb),
  ])
  assert.deepEqual(
    all.map(({ control, candidate, end, endedMs, because }) => [control, candidate, end, endedMs, because]),
    [
      ['v1', 'v2', 'rolled-back', 6000, 'rollback 25 to 0'],
      ['v1', 'v3', 'superseded', 12_000, 'the policy named v1 and v4'],
      ['v1', 'v4', 'promoted', 17_000, 'promote 25 to 100'],
      ['v4', 'v5', 'running', null, ''],
    ],
  )
})

test('a release that was promoted and rolled back afterwards ended by the rollback', () => {
  const [release] = releases(steps('v1', 'v2', 1, [...climb, ['promote', 25, 100], ['rollback', 100, 0]]))
  assert.deepEqual([release!.end, release!.endedMs], ['rolled-back', 7000])
})

test('the same two versions with their parts changed are another release', () => {
  const all = releases([...steps('v1', 'v2', 1, [...climb, ['promote', 25, 100]]), ...steps('v2', 'v1', 7, climb)])
  assert.deepEqual(
    all.map(({ control, candidate, end }) => `${control} ${candidate} ${end}`),
    ['v1 v2 promoted', 'v2 v1 running'],
  )
})

test('what people did is told, ends it when it takes everything back, and opens it again when they let it go on', () => {
  const byHand = [...climb, ['override', 25, 25], ['override', 25, 0]] as const
  const [ended] = releases(steps('v1', 'v2', 1, byHand))
  assert.deepEqual([ended!.end, ended!.endedMs, ended!.overrides.map(({ number }) => number)], ['rolled-back', 7000, [6, 7]])
  const [resumed] = releases(steps('v1', 'v2', 1, [...byHand, ['override', 0, 1]]))
  assert.deepEqual([resumed!.end, resumed!.endedMs, resumed!.overrides.length], ['running', null, 3])
  assert.equal(resumed!.overrides[1]!.note, 'override 25 to 0')
})

test('a command found in force is somebody else’s doing; one that gives the candidate nothing ends the release', () => {
  const [release] = releases(steps('v1', 'v2', 1, [...climb, ['adopt', 25, 0, 'found-in-force']]))
  assert.deepEqual([release!.end, release!.overrides.length], ['rolled-back', 1])
  const [ahead] = releases(steps('v1', 'v2', 1, [...climb, ['adopt', 25, 25, 'gateway-ahead']]))
  assert.deepEqual([ahead!.end, ahead!.overrides.length], ['running', 0])
})

test('a model that nothing was decided for has no release', () => {
  assert.deepEqual(releases([]), [])
})

test('what is said before a release begins belongs to it, and one under guard has not ended', () => {
  const at = (phase: Decision['phase'], given: Decision[]) => given.map((one) => ({ ...one, phase }))
  const early = at('new', steps('v1', 'v2', 1, [['recorded', 0, 0]]))
  const begun = at('shadow', steps('v1', 'v2', 2, [['start', 0, 0]]))
  const guarded = at('guard', steps('v1', 'v2', 3, [['promote', 0, 100]]))
  const [running, ...others] = releases([...early, ...begun, ...guarded])
  assert.deepEqual([others.length, running!.firstNumber, running!.end, running!.rungs.length], [0, 1, 'running', 1])
  const over = at('promoted', steps('v1', 'v2', 4, [['advance', 100, 100]]))
  const [ended] = releases([...early, ...begun, ...guarded, ...over])
  assert.deepEqual([ended!.end, ended!.because], ['promoted', 'advance 100 to 100'])
})
