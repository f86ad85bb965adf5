import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Command } from '../../src/domain.ts'
import { issuedLoop } from '../../src/judge/loop.ts'
import { NO_PEOPLE } from '../../src/judge/people.ts'
import { NO_SAFE_TARGET, RULES, ruleFor } from '../../src/judge/rules.ts'
import type { Situation } from '../../src/judge/situation.ts'
import type { Phase } from '../../src/judge/state.ts'
import { isolating, LOCATED, missing, model, NO_HARM, READING, STEADY_ALERT, situation } from './situations.ts'
import { modelLayout, rolloutOf } from './world.ts'

/** Everything is wrong at once; each row of the table takes the reason above it away. */
const EVERYTHING: Partial<Omit<Situation, 'ladder'>> = {
  harms: { rollback: [READING], throttle: [READING], hold: [READING] },
  silent: 'no predictions',
  blind: missing,
  blindForMs: model.plan.maxBlindMs + 1,
  assignment: missing,
  coverage: missing,
  notInForce: missing,
  lacking: missing,
}
const FROZEN = { frozen: { who: 'ada', reason: 'quarter end', untilMs: 1_700_000_000_000 } }
const HELD = { humanHold: { who: 'ada', reason: 'freeze' } }

interface Row {
  readonly says: string
  readonly given: Situation
  readonly rule: string
  readonly verdict: string
}

const without = (...names: readonly (keyof typeof EVERYTHING)[]) => {
  const left = { ...EVERYTHING }
  for (const name of names) delete left[name]
  return left
}
const throttleOnly = { harms: { rollback: [], throttle: [READING], hold: [READING] } }
const holdOnly = { harms: { rollback: [], throttle: [], hold: [READING] } }
const noHarm = { harms: NO_HARM }

const SHADOW = { name: 'shadow', kind: 'shadow', percent: 0, cohort: '', dwellMs: 1, minimumRows: 1, approval: false } as const
const GUARDED = modelLayout({ rollout: { guardMs: 500_000 } })
const WINDOW = { name: 'quarter end', endMs: 1_700_000_000_000 }
const SICK = { unsafeTarget: 'half of what the control gets fails' }
const QUARANTINE = [{ artifact: 'version:v2', who: 'ada', reason: 'a bad licence', sinceMs: 1, asked: true }]
const ASKING = modelLayout({ rollout: { rungs: rolloutOf({}).rungs.map((rung) => ({ ...rung, approval: true })) } })
const APPROVALS = [{ who: 'bob', stage: '25 %', requestId: 'a', atMs: 1 }]

const TABLE: readonly Row[] = [
  {
    says: 'a rollback that has no safe target becomes the lowest rung',
    given: situation({ ...EVERYTHING, ...SICK }, HELD),
    rule: 'no-safe-target',
    verdict: 'throttle',
  },
  {
    says: 'and on the lowest rung it holds there',
    given: situation({ ...EVERYTHING, ...SICK }, { ...HELD, rung: 0 }),
    rule: 'no-safe-target',
    verdict: 'hold:signal',
  },
  {
    says: 'a sick control stands in the way of nothing but a rollback',
    given: situation({ ...without('silent', 'blindForMs'), ...throttleOnly, ...SICK }),
    rule: 'throttle',
    verdict: 'throttle',
  },
  {
    says: 'an artifact in quarantine holds before anything else that holds',
    given: situation({ ...without('silent', 'blindForMs'), ...noHarm }, { ...HELD, people: { ...NO_PEOPLE, quarantine: QUARANTINE } }),
    rule: 'quarantined',
    verdict: 'hold:quarantined',
  },
  {
    says: 'a rollout of what is quarantined does not begin',
    given: situation({}, { phase: 'new', rung: 0, people: { ...NO_PEOPLE, quarantine: QUARANTINE } }),
    rule: 'quarantined',
    verdict: 'hold:quarantined',
  },
  {
    says: 'an open freeze window holds',
    given: situation({ ...without('silent', 'blindForMs'), ...noHarm, window: WINDOW }),
    rule: 'frozen',
    verdict: 'hold:frozen',
  },
  {
    says: 'a rollout does not begin while a freeze window is open',
    given: situation({ window: WINDOW }, { phase: 'new', rung: 0 }),
    rule: 'frozen',
    verdict: 'hold:frozen',
  },
  {
    says: 'a proof that is missing is told before an approval is asked for',
    given: situation({ model: ASKING, lacking: missing }),
    rule: 'insufficient',
    verdict: 'hold:insufficient',
  },
  {
    says: 'when nothing else is missing an approval is asked for',
    given: situation({ model: ASKING }),
    rule: 'approval',
    verdict: 'hold:approval',
  },
  {
    says: 'a throttle is not lifted without it either',
    given: situation({ model: ASKING, calmForMs: 1e9 }, { throttledRungs: 1 }),
    rule: 'approval',
    verdict: 'hold:approval',
  },
  {
    says: 'with it the candidate is promoted',
    given: situation({ model: ASKING }, { people: { ...NO_PEOPLE, approvals: APPROVALS } }),
    rule: 'promote',
    verdict: 'promote',
  },
  {
    says: 'a broken contract is a fact and comes before everything',
    given: situation({ ...EVERYTHING, broken: '5 of its 5 requests lack age' }, HELD),
    rule: 'contract',
    verdict: 'rollback',
  },
  {
    says: 'a candidate that comes back to where it was kept out is rolled back',
    given: situation({ ...EVERYTHING, notKeptOut: 'gateway-2 cannot route by region', model: isolating, located: LOCATED }, HELD),
    rule: 'not-kept-out',
    verdict: 'rollback',
  },
  {
    says: 'harm in one segment alone keeps the candidate out of it, where the plan asks for that',
    given: situation({ ...EVERYTHING, model: isolating, located: LOCATED }, HELD),
    rule: 'isolate',
    verdict: 'isolate',
  },
  {
    says: 'harm that is not in one segment alone rolls back, though the plan asks',
    given: situation({ ...EVERYTHING, model: isolating, located: { ...LOCATED, segment: '', why: 'everywhere' } }, HELD),
    rule: 'harm',
    verdict: 'rollback',
  },
  { says: 'harm rolls back, whatever else is wrong', given: situation(EVERYTHING, HELD), rule: 'harm', verdict: 'rollback' },
  {
    says: 'a silent candidate is rolled back before any throttle',
    given: situation({ ...EVERYTHING, ...throttleOnly }, HELD),
    rule: 'candidate-silent',
    verdict: 'rollback',
  },
  {
    says: 'a throttle comes before blindness and a human hold',
    given: situation({ ...without('silent'), ...throttleOnly }, HELD),
    rule: 'throttle',
    verdict: 'throttle',
  },
  {
    says: 'long blindness above the first rung steps down, though a person holds',
    given: situation({ ...without('silent'), ...noHarm }, HELD),
    rule: 'blind-too-long',
    verdict: 'step-down',
  },
  {
    says: 'a person holds',
    given: situation({ ...without('silent', 'blindForMs'), ...noHarm }, HELD),
    rule: 'human',
    verdict: 'hold:human',
  },
  {
    says: 'a freeze holds',
    given: situation({ ...without('silent', 'blindForMs'), ...noHarm }, FROZEN),
    rule: 'frozen',
    verdict: 'hold:frozen',
  },
  {
    says: 'blindness holds',
    given: situation({ ...without('silent', 'blindForMs'), ...noHarm }),
    rule: 'blind',
    verdict: 'hold:blind',
  },
  {
    says: 'long blindness on the first rung only holds',
    given: situation({ ...without('silent'), ...noHarm }, { rung: 0 }),
    rule: 'blind',
    verdict: 'hold:blind',
  },
  {
    says: 'a split that was not commanded holds',
    given: situation({ ...without('silent', 'blindForMs', 'blind'), ...noHarm }),
    rule: 'sample-ratio',
    verdict: 'hold:assignment',
  },
  {
    says: 'a throttle on the lowest rung holds there',
    given: situation({ ...without('silent', 'blindForMs', 'blind', 'assignment'), ...throttleOnly }, { rung: 0 }),
    rule: 'throttle-at-lowest',
    verdict: 'hold:signal',
  },
  {
    says: 'an open signal holds',
    given: situation({ ...without('silent', 'blindForMs', 'blind', 'assignment'), ...holdOnly }),
    rule: 'signal',
    verdict: 'hold:signal',
  },
  {
    says: 'outcomes that do not come hold',
    given: situation({ coverage: missing, notInForce: missing, lacking: missing }),
    rule: 'outcome-coverage',
    verdict: 'hold:blind',
  },
  {
    says: 'a cohort that a gateway cannot tell from the others holds',
    given: situation({ cohort: missing, notInForce: missing, lacking: missing }),
    rule: 'cohort',
    verdict: 'hold:insufficient',
  },
  {
    says: 'a command that is not in force holds, before a lift too',
    given: situation({ notInForce: missing, lacking: missing, calmForMs: 1e9 }, { throttledRungs: 1 }),
    rule: 'not-in-force',
    verdict: 'hold:insufficient',
  },
  {
    says: 'a throttle stays until it has been calm for long enough',
    given: situation({}, { throttledRungs: 1 }),
    rule: 'calming',
    verdict: 'hold:signal',
  },
  {
    says: 'after the last lift a throttle stays until a person comes',
    given: situation({ calmForMs: 1e9 }, { throttledRungs: 1, liftsUsed: 1 }),
    rule: 'lifts-used-up',
    verdict: 'hold:flapping',
  },
  {
    says: 'a proof that is missing holds',
    given: situation({ lacking: missing }),
    rule: 'insufficient',
    verdict: 'hold:insufficient',
  },
  {
    says: 'after promotion a guardrail without a control that may only hold is told',
    given: situation({ harms: { ...NO_HARM, hold: [{ ...READING, weight: 0, detail: 'errors: 9 %' }] } }, { phase: 'promoted', rung: 3 }),
    rule: 'steady',
    verdict: 'hold:signal',
  },
  {
    says: 'and so is that it speaks no more',
    given: situation(noHarm, { phase: 'promoted', rung: 3, open: { 'test/flights/v2/steady': STEADY_ALERT } }),
    rule: 'steady-over',
    verdict: 'hold:signal',
  },
  { says: 'a calm throttle lifts', given: situation({ calmForMs: 1e9 }, { throttledRungs: 1 }), rule: 'lift', verdict: 'lift' },
  { says: 'when nothing is missing the candidate is promoted', given: situation(), rule: 'promote', verdict: 'promote' },
  {
    says: 'what was aborted waits for a person',
    given: situation(EVERYTHING, { phase: 'rolled-back', aborted: { who: 'ada', reason: 'another plan' } }),
    rule: 'aborted',
    verdict: 'hold:human',
  },
  {
    says: 'what was rolled back is quarantined until a person resumes it',
    given: situation(EVERYTHING, { phase: 'rolled-back' }),
    rule: 'quarantined',
    verdict: 'hold:quarantined',
  },
  { says: 'a model without a command starts', given: situation({}, { phase: 'new', rung: 0 }), rule: 'start', verdict: 'start' },
  {
    says: 'a rollout that waits for a person says so',
    given: situation({ preflight: missing, model: modelLayout({ rollout: { start: 'request' } }) }, { phase: 'new', rung: 0 }),
    rule: 'start-request',
    verdict: 'hold:human',
  },
  {
    says: 'what must hold before a rollout begins keeps it from beginning',
    given: situation({ preflight: missing }, { phase: 'new', rung: 0 }),
    rule: 'preflight',
    verdict: 'hold:insufficient',
  },
  {
    says: 'without a passed gate nothing goes on',
    given: situation({ gate: missing }, { phase: 'offline', rung: 0 }),
    rule: 'gate',
    verdict: 'hold:insufficient',
  },
  {
    says: 'a gate taken back keeps a shadow from its first user',
    given: situation({ gate: missing, lacking: missing }, { phase: 'shadow', rung: 0 }),
    rule: 'gate',
    verdict: 'hold:insufficient',
  },
  {
    says: 'a gate taken back, or another artifact, raises nothing while it climbs',
    given: situation({ gate: missing, lacking: missing }),
    rule: 'gate',
    verdict: 'hold:insufficient',
  },
  {
    says: 'nor does a throttle lift then',
    given: situation({ gate: missing, calmForMs: 1e9 }, { throttledRungs: 1 }),
    rule: 'gate',
    verdict: 'hold:insufficient',
  },
  {
    says: 'nor does a guard end, and nothing is taken away by it',
    given: situation({ gate: missing, model: GUARDED }, { phase: 'guard', rung: 3, stageSinceMs: -1e9 }),
    rule: 'gate',
    verdict: 'hold:insufficient',
  },
  {
    says: 'between two rungs of another ladder a throttle leads to the lower one, though that is the first',
    given: situation(throttleOnly, { rung: 0, weights: { v1: 85, v2: 15 } }),
    rule: 'throttle',
    verdict: 'throttle',
  },
  {
    says: 'and so does long blindness',
    given: situation({ blind: missing, blindForMs: model.plan.maxBlindMs + 1 }, { rung: 0, weights: { v1: 85, v2: 15 } }),
    rule: 'blind-too-long',
    verdict: 'step-down',
  },
  {
    says: 'and harm without a safe target',
    given: situation({ ...EVERYTHING, ...SICK }, { rung: 0, weights: { v1: 85, v2: 15 } }),
    rule: 'no-safe-target',
    verdict: 'throttle',
  },
  {
    says: 'with less than the first rung commands there is nothing lower',
    given: situation(throttleOnly, { rung: 0, weights: { v1: 98, v2: 2 } }),
    rule: 'throttle-at-lowest',
    verdict: 'hold:signal',
  },
  {
    says: 'a passed gate leads into the shadow',
    given: situation({ model: modelLayout({ rollout: { shadow: SHADOW } }) }, { phase: 'offline', rung: 0 }),
    rule: 'offline',
    verdict: 'advance',
  },
  {
    says: 'or to the first rung, where there is no shadow',
    given: situation({}, { phase: 'offline', rung: 0 }),
    rule: 'gate-passed',
    verdict: 'promote',
  },
  {
    says: 'a shadow that does harm is rolled back',
    given: situation({ ...EVERYTHING, silent: '' }, { phase: 'shadow', rung: 0, ...HELD }),
    rule: 'harm',
    verdict: 'rollback',
  },
  {
    says: 'a shadow has no rung to be throttled to: it holds',
    given: situation(throttleOnly, { phase: 'shadow', rung: 0 }),
    rule: 'throttle-at-lowest',
    verdict: 'hold:signal',
  },
  {
    says: 'the split of a shadow is nobody’s command, and says nothing of silence: what it lacks is told',
    given: situation({ silent: 'no predictions', assignment: missing, lacking: missing }, { phase: 'shadow', rung: 0 }),
    rule: 'insufficient',
    verdict: 'hold:insufficient',
  },
  {
    says: 'a shadow that has shown enough gets its first users',
    given: situation({}, { phase: 'shadow', rung: 0 }),
    rule: 'promote',
    verdict: 'promote',
  },
  {
    says: 'a guard watches until its time is over',
    given: situation({ model: GUARDED }, { phase: 'guard', rung: 3, stageSinceMs: 900_000 }),
    rule: 'guarding',
    verdict: 'hold:insufficient',
  },
  {
    says: 'an open signal keeps a guard from its end',
    given: situation({ ...holdOnly, model: GUARDED }, { phase: 'guard', rung: 3, stageSinceMs: -1e9 }),
    rule: 'signal',
    verdict: 'hold:signal',
  },
  {
    says: 'a throttle takes a rung away under guard too',
    given: situation({ ...throttleOnly, model: GUARDED }, { phase: 'guard', rung: 3 }),
    rule: 'throttle',
    verdict: 'throttle',
  },
  {
    says: 'a guard that is over promotes, frozen or not',
    given: situation({ model: GUARDED }, { phase: 'guard', rung: 3, stageSinceMs: -1e9, ...FROZEN }),
    rule: 'guard',
    verdict: 'advance',
  },
  {
    says: 'harm that shows after promotion is rolled back',
    given: situation(EVERYTHING, { phase: 'promoted', rung: 3 }),
    rule: 'harm',
    verdict: 'rollback',
  },
]

for (const row of TABLE) {
  test(`decision table: ${row.says}`, () => {
    const rule = ruleFor(row.given)
    assert.equal(rule?.name, row.rule)
    const verdict = rule!.verdict(row.given)
    const kind = verdict.kind === 'hold' ? `hold:${verdict.because}` : verdict.kind
    assert.equal(rule!.kind, verdict.kind, 'a rule says beforehand what kind of verdict it gives')
    assert.equal(kind, row.verdict)
    assert.equal(verdict.rule, row.rule, 'the verdict names its rule')
    assert.notEqual(rule!.ground(row.given), '')
  })
}

test('every rule has a row in the decision table', () => {
  const covered = new Set(TABLE.map((row) => row.rule))
  assert.deepEqual(
    RULES.map((rule) => rule.name).filter((name) => !covered.has(name)),
    [],
  )
})

test('the order of rules is rollback, throttle, step-down, hold, lift, advance, promote, start', () => {
  // What is done in place of a rollback stands in its place.
  const kinds = RULES.map(({ name, kind }) => (name === NO_SAFE_TARGET || kind === 'isolate' ? 'rollback' : kind))
  const order = ['rollback', 'throttle', 'step-down', 'hold', 'lift', 'advance', 'promote', 'start']
  const ranks = kinds.map((kind) => order.indexOf(kind))
  assert.deepEqual(
    ranks,
    [...ranks].sort((one, other) => one - other),
  )
})

test('while a throttle is on its way to the gateways there is no second one', () => {
  const command = { kind: 'throttle' } as Command
  const loop = issuedLoop(1, 1)
  const given = (acked: number) => situation({ ...throttleOnly, notInForce: missing }, { command, loop: { ...loop, ackedAtMs: acked } })
  assert.equal(ruleFor(given(0))?.verdict(given(0)).kind, 'hold')
  assert.equal(ruleFor(given(5))?.name, 'throttle')
})

test('with a backlog before it, held or frozen by a person, a rollout does not start', () => {
  assert.equal(ruleFor(situation({ catchingUp: true }, { phase: 'new' })), undefined)
  assert.equal(ruleFor(situation({}, { phase: 'new', ...HELD })), undefined)
  assert.equal(ruleFor(situation({}, { phase: 'new', ...FROZEN })), undefined)
  const waits = { model: modelLayout({ rollout: { start: 'request' } }), preflight: missing }
  assert.equal(ruleFor(situation({ ...waits, catchingUp: true }, { phase: 'new', ...HELD })), undefined)
})

test('a candidate that serves everything and does no harm is left alone', () => {
  assert.equal(ruleFor(situation(without('harms', 'silent'), { phase: 'promoted', rung: 3 })), undefined)
})

test('harm is looked for first in every phase in which the candidate has traffic', () => {
  const exposed: readonly Phase[] = ['climbing', 'guard', 'promoted']
  for (const phase of exposed) assert.equal(ruleFor(situation(EVERYTHING, { phase, ...HELD }))?.name, 'harm')
})
