/** Situations by hand: what the rules look at, with nothing wrong and nothing missing unless it is said. */
import type { OpenAlert, Reading } from '../../src/domain.ts'
import { NO_PEOPLE } from '../../src/judge/people.ts'
import type { Situation } from '../../src/judge/situation.ts'
import { type Ladder, weightsFor } from '../../src/judge/state.ts'
import { modelLayout } from './world.ts'

export const model = modelLayout()

/** What its phase and rung command. */
function weightsOn({ phase, rung }: Pick<Ladder, 'phase' | 'rung'>): Ladder['weights'] {
  const isExposed = phase === 'climbing' || phase === 'guard' || phase === 'promoted'
  return weightsFor(model, isExposed ? model.plan.ladder[rung]! : 0)
}

export function ladder(changes: Partial<Ladder> = {}): Ladder {
  const stands = { phase: 'climbing', rung: 1, ...changes } as const
  return {
    control: 'v1',
    candidate: 'v2',
    phase: 'climbing',
    rung: 1,
    weights: weightsOn(stands),
    isolated: [],
    cohort: null,
    command: null,
    loop: null,
    epoch: 1,
    epochSeen: 0,
    sequence: 2,
    decisionNumber: 5,
    lastHash: '',
    stageSinceMs: 1,
    throttledRungs: 0,
    liftsUsed: 0,
    calmSinceMs: 1,
    blindSinceMs: 0,
    humanHold: null,
    frozen: null,
    aborted: null,
    gates: [],
    people: NO_PEOPLE,
    commandNumber: 0,
    lastVerdict: '',
    open: {},
    requestsSeen: [],
    panes: 0,
    rows: 0,
    judgedAtMs: 0,
    publishedWallMs: 0,
    drills: { sinceMs: 0, passedAtMs: 0, overdue: false, last: {} },
    anchor: { number: 0, hash: '', newsSinceMs: 0 },
    refusedCommand: '',
    ...changes,
  }
}

export const READING: Reading = {
  guardrail: 'errors',
  scope: '__all__',
  class: 'critical',
  action: 'rollback',
  logEvidence: 9,
  logLimit: 5,
  weight: 1,
  estimate: 0.02,
  intervalLow: 0.01,
  intervalHigh: 0.03,
  unit: 'points',
  margin: 0.005,
  candidateRows: 1000,
  controlRows: 3000,
  candidateEvents: 40,
  controlEvents: 60,
  strata: 20,
  detail: '',
}

export const STEADY_ALERT: OpenAlert = {
  incident: 'test/flights/v2/steady',
  environment: 'test',
  model: 'flights',
  version: 'v2',
  cause: 'steady',
  severity: 'warning',
  status: 'firing',
  summary: '',
  decisionId: '',
  judgeTimeMs: 1,
}

export const NO_HARM = { rollback: [], throttle: [], hold: [] }
export const missing = [{ kind: 'x', words: 'x is missing' }]
export const isolating = modelLayout({ rollout: { isolate: 'region' } })
export const LOCATED = { segment: 'region=eu', evidence: [READING], why: '' }

export function situation(changes: Partial<Omit<Situation, 'ladder'>> = {}, on: Partial<Ladder> = {}): Situation {
  return {
    nowMs: 1_000_000,
    model,
    ladder: ladder(on),
    harms: NO_HARM,
    located: { segment: '', evidence: [], why: '' },
    notKeptOut: '',
    cohort: [],
    silent: '',
    broken: '',
    unsafeTarget: '',
    window: null,
    blind: [],
    blindForMs: 0,
    assignment: [],
    coverage: [],
    notInForce: [],
    calmForMs: 0,
    lacking: [],
    firstLacking: changes.lacking?.[0],
    proofs: [],
    catchingUp: false,
    preflight: [],
    gate: [],
    ...changes,
  }
}
