/** The policy's `rollout` with every default written out: stages in order, windows in minutes of the week. */
import type { FreezeWindow, RolloutPlan, Stage } from './layout.ts'
import type { PolicyModel } from './policy.ts'
import { PROFILES } from './profiles.ts'
import { DAYS, type PolicyRollout, type PolicyStage, rolloutSchema } from './rollout-schema.ts'

const DAY_MINUTES = 24 * 60

interface Defaults {
  readonly dwellMs: number
  readonly minimumRows: number
}

export function rolloutPlanOf(model: PolicyModel): RolloutPlan {
  const { rollout, ladder } = model
  const profile = PROFILES[ladder.profile]
  const defaults = { dwellMs: ladder.dwell ?? profile.dwellMs, minimumRows: ladder.minimumRows ?? profile.minimumRows }
  const stages = (rollout?.stages ?? ladder.steps ?? profile.steps).map((stage) => stageOf(stage, defaults))
  const { stages: _written, freezeWindows, guard, artifacts, ...rest } = rollout ?? NOTHING_SAID
  return {
    ...wordsOf(rest),
    start: rest.start,
    fourEyes: rest.fourEyes,
    preflight: rest.preflight,
    revertFlag: rest.revertFlag ?? null,
    isolate: rest.isolate ?? '',
    guardMs: guard,
    freezeWindows: freezeWindows.map(windowOf),
    artifacts,
    offline: stages.some(({ kind }) => kind === 'offline'),
    shadow: stages.find(({ kind }) => kind === 'shadow') ?? null,
    rungs: stages.filter(({ kind }) => kind === 'weight'),
  }
}

/** A policy that is nothing but a ladder: it begins by itself, asks nobody, and is done at 100 %. */
const NOTHING_SAID: PolicyRollout = { ...rolloutSchema.parse({ preflight: [], fourEyes: false }), guard: 0 }

function wordsOf(rollout: Partial<PolicyRollout>) {
  const { hypothesis, owner, contact, expectedBenefit, successCriteria = [], exitConditions = [], runbook } = rollout
  return {
    hypothesis: hypothesis ?? '',
    owner: owner ?? '',
    contact: contact ?? '',
    expectedBenefit: expectedBenefit ?? '',
    successCriteria,
    exitConditions,
    runbook: runbook ?? '',
  }
}

function stageOf(written: PolicyStage, defaults: Defaults): Stage {
  const told = typeof written === 'object' ? written : { stage: written, approval: false }
  const cohort = told.cohort ?? ''
  const whom = cohort === '' ? '' : ` of ${cohort}`
  const [kind, percent] = typeof told.stage === 'number' ? (['weight', told.stage] as const) : ([told.stage, 0] as const)
  return {
    name: kind === 'weight' ? `${percent} %${whom}` : kind,
    kind,
    percent,
    cohort,
    dwellMs: told.dwell ?? defaults.dwellMs,
    minimumRows: told.minimumRows ?? defaults.minimumRows,
    approval: told.approval,
  }
}

function windowOf(written: PolicyRollout['freezeWindows'][number]): FreezeWindow {
  if ('begin' in written) return { kind: 'once', name: written.name, beginMs: Date.parse(written.begin), endMs: Date.parse(written.end) }
  const [from, to] = [minutesOf(written.from), minutesOf(written.to)]
  const lengthMinutes = to > from ? to - from : to + DAY_MINUTES - from
  return {
    kind: 'weekly',
    name: written.name,
    beginMinutes: written.days.map((day) => DAYS.indexOf(day) * DAY_MINUTES + from),
    lengthMinutes,
  }
}

function minutesOf(clock: string): number {
  const [hours, minutes] = clock.split(':').map(Number)
  return hours! * 60 + minutes!
}
