/**
 * The decision table against its order in words: harm, soundness, readiness, freeze, hold, quarantine, approval and mode in every stage, all
 * combinations of them. What is expected is written here a second time, as the order in which questions are asked, and not as rules.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NO_PEOPLE } from '../../src/judge/people.ts'
import { ruleFor } from '../../src/judge/rules.ts'
import type { Situation } from '../../src/judge/situation.ts'
import type { Ladder, Phase } from '../../src/judge/state.ts'
import { LOCATED, missing, NO_HARM, READING, situation } from './situations.ts'
import { modelLayout, rolloutOf } from './world.ts'

const HARMS = ['none', 'proven', 'proven, the control sick', 'in one segment', 'silent', 'contract', 'throttle', 'signal'] as const
const SOUND = ['sound', 'blind', 'blind too long', 'assignment', 'coverage'] as const
const READY = ['ready', 'lacking', 'not in force'] as const
const FREEZES = ['none', 'person', 'window'] as const
const APPROVALS = ['not asked', 'asked', 'given'] as const
const MODES = ['enforce', 'observe'] as const
const NO_OR_YES = [false, true] as const
/** Where it stands, and on which rung. */
const STANDS: readonly (readonly [Phase, number])[] = [
  ['new', 0],
  ['offline', 0],
  ['shadow', 0],
  ['climbing', 0],
  ['climbing', 1],
  ['guard', 3],
  ['promoted', 3],
  ['rolled-back', 0],
]

interface Case {
  readonly phase: Phase
  readonly rung: number
  readonly harm: (typeof HARMS)[number]
  readonly sound: (typeof SOUND)[number]
  readonly ready: (typeof READY)[number]
  readonly freeze: (typeof FREEZES)[number]
  readonly held: boolean
  readonly quarantined: boolean
  readonly approval: (typeof APPROVALS)[number]
  readonly mode: (typeof MODES)[number]
}

// ── what is expected ───────────────────────────────────────────────────────────────────────────────────────────────────────

type Question = (given: Case) => string | null

/** In this order; the first that has an answer decides. */
const QUESTIONS: readonly Question[] = [isThereHarm, isItLongBlind, isItOut, doPeopleSayNo, areInputsSound, isItReady, isItAgreed]

function expected(given: Case): string {
  for (const question of QUESTIONS) {
    const answer = question(given)
    if (answer !== null) return answer
  }
  return onward(given)
}

function isExposed({ phase }: Case): boolean {
  return phase === 'climbing' || phase === 'guard' || phase === 'promoted'
}

/** Before any gate, timer, freeze or hold. In a shadow nobody was routed to, so nobody can be silent, and nothing can be throttled. */
function isThereHarm(given: Case): string | null {
  const { phase, rung, harm } = given
  const exposed = isExposed(given)
  if (harm === 'proven, the control sick') {
    if (exposed) return rung > 0 ? 'throttle' : 'hold:signal'
    return phase === 'shadow' ? 'rollback' : null
  }
  if (harm === 'in one segment') return exposed ? 'isolate' : phase === 'shadow' ? 'rollback' : null
  if (harm === 'proven' || harm === 'contract') return exposed || phase === 'shadow' ? 'rollback' : null
  if (harm === 'silent') return exposed ? 'rollback' : null
  return harm === 'throttle' && exposed && rung > 0 ? 'throttle' : null
}

function isItLongBlind({ phase, rung, sound }: Case): string | null {
  return sound === 'blind too long' && phase === 'climbing' && rung > 0 ? 'step-down' : null
}

function isItOut({ phase, quarantined }: Case): string | null {
  if (phase === 'rolled-back') return 'hold:quarantined'
  return quarantined && phase !== 'guard' && phase !== 'promoted' ? 'hold:quarantined' : null
}

/** What has begun says that it is held; what has not begun does not begin, and only a window is worth a word. */
function doPeopleSayNo({ phase, held, freeze }: Case): string | null {
  if (phase === 'promoted') return null
  if (phase === 'new') {
    if (freeze === 'window' && !held) return 'hold:frozen'
    return held || freeze !== 'none' ? 'nothing' : null
  }
  if (held) return 'hold:human'
  return freeze !== 'none' && phase !== 'guard' ? 'hold:frozen' : null
}

function areInputsSound({ phase, rung, sound, harm }: Case): string | null {
  if (phase !== 'shadow' && phase !== 'climbing' && phase !== 'guard') return null
  if (sound === 'blind' || sound === 'blind too long') return 'hold:blind'
  if (sound === 'assignment' && phase === 'climbing') return 'hold:assignment'
  if (harm === 'signal' || (harm === 'throttle' && rung === 0)) return 'hold:signal'
  return sound === 'coverage' ? 'hold:blind' : null
}

function isItReady({ phase, ready }: Case): string | null {
  const asked: Readonly<Record<string, readonly Phase[]>> = {
    'not in force': ['shadow', 'climbing', 'guard'],
    lacking: ['new', 'offline', 'shadow', 'climbing', 'guard'],
  }
  return asked[ready]?.includes(phase) ? 'hold:insufficient' : null
}

function isItAgreed({ phase, approval }: Case): string | null {
  return approval === 'asked' && (phase === 'shadow' || phase === 'climbing') ? 'hold:approval' : null
}

function onward({ phase }: Case): string {
  switch (phase) {
    case 'new':
      return 'start'
    case 'offline':
    case 'guard':
      return 'advance'
    case 'shadow':
    case 'climbing':
      return 'promote'
    default:
      return 'nothing'
  }
}

// ── the same as a situation ────────────────────────────────────────────────────────────────────────────────────────────────

const GUARD_MS = 500_000
const NOW_MS = 1_000_000

function modelOf({ approval, mode, harm }: Case): Situation['model'] {
  const asks = approval !== 'not asked'
  const shadow = { name: 'shadow', kind: 'shadow', percent: 0, cohort: '', dwellMs: 1, minimumRows: 1, approval: asks } as const
  const rungs = rolloutOf({}).rungs.map((rung) => ({ ...rung, approval: asks }))
  const isolate = harm === 'in one segment' ? 'region' : ''
  return modelLayout({ mode, rollout: { offline: true, shadow, rungs, guardMs: GUARD_MS, isolate, artifacts: { v2: 'sha256:1' } } })
}

function harmsOf({ harm }: Case): Partial<Omit<Situation, 'ladder'>> {
  const proven = { ...NO_HARM, rollback: [READING] }
  switch (harm) {
    case 'proven':
      return { harms: proven }
    case 'proven, the control sick':
      return { harms: proven, unsafeTarget: 'the control fails' }
    case 'in one segment':
      return { harms: proven, located: LOCATED }
    case 'silent':
      return { silent: 'no predictions' }
    case 'contract':
      return { broken: 'age is missing' }
    case 'throttle':
      return { harms: { ...NO_HARM, throttle: [READING] } }
    case 'signal':
      return { harms: { ...NO_HARM, hold: [READING] } }
    case 'none':
      return {}
  }
}

function soundnessOf({ sound }: Case, maxBlindMs: number): Partial<Omit<Situation, 'ladder'>> {
  switch (sound) {
    case 'sound':
      return {}
    case 'blind':
      return { blind: missing, blindForMs: 1 }
    case 'blind too long':
      return { blind: missing, blindForMs: maxBlindMs + 1 }
    case 'assignment':
      return { assignment: missing }
    case 'coverage':
      return { coverage: missing }
  }
}

function readinessOf({ ready }: Case): Partial<Omit<Situation, 'ladder'>> {
  if (ready === 'not in force') return { notInForce: missing }
  return ready === 'lacking' ? { lacking: missing, firstLacking: missing[0], gate: missing, preflight: missing } : {}
}

function ladderOf({ phase, rung, ready, freeze, held, quarantined, approval }: Case): Partial<Ladder> {
  const word = { who: 'ada', reason: 'why', untilMs: null }
  const stage = phase === 'shadow' ? 'shadow' : `${[5, 25, 50, 100][rung]} %`
  return {
    phase,
    rung,
    stageSinceMs: phase === 'guard' && ready === 'lacking' ? NOW_MS - 1 : 1,
    humanHold: held ? word : null,
    frozen: freeze === 'person' ? word : null,
    people: {
      ...NO_PEOPLE,
      approvals: approval === 'given' ? [{ who: 'bob', stage, requestId: 'a', atMs: 1 }] : [],
      quarantine: quarantined ? [{ artifact: 'sha256:1', who: 'ada', reason: 'why', sinceMs: 1, asked: true }] : [],
    },
  }
}

function situationFor(given: Case): Situation {
  const model = modelOf(given)
  const window = given.freeze === 'window' ? { name: 'quarter end', endMs: 2_000_000 } : null
  const parts = { ...harmsOf(given), ...soundnessOf(given, model.plan.maxBlindMs), ...readinessOf(given) }
  return situation({ nowMs: NOW_MS, model, window, ...parts }, ladderOf(given))
}

function decided(given: Case): string {
  const found = situationFor(given)
  const rule = ruleFor(found)
  if (rule === undefined) return 'nothing'
  const verdict = rule.verdict(found)
  return verdict.kind === 'hold' ? `hold:${verdict.because}` : verdict.kind
}

function* cases(phase: Phase, rung: number, harm: Case['harm']): Generator<Case> {
  for (const sound of SOUND)
    for (const ready of READY)
      for (const freeze of FREEZES)
        for (const held of NO_OR_YES)
          for (const quarantined of NO_OR_YES)
            for (const approval of APPROVALS)
              for (const mode of MODES) yield { phase, rung, harm, sound, ready, freeze, held, quarantined, approval, mode }
}

for (const [phase, rung] of STANDS) {
  for (const harm of HARMS) {
    test(`${phase}${phase === 'climbing' ? `, rung ${rung}` : ''}, harm ${harm}: 1,080 combinations of everything else`, () => {
      let count = 0
      for (const given of cases(phase, rung, harm)) {
        assert.equal(decided(given), expected(given), JSON.stringify(given))
        count++
      }
      assert.equal(count, 1080)
    })
  }
}
