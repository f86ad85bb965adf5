/**
 * The policy's `rollout`: how one candidate is released, stage by stage, and who may say what. Keys only; what they must agree on is in
 * `check-rollout.ts`, what they become in `rollout-plan.ts`.
 */
import { z } from 'zod'
import { ARTIFACT_WORDS, DIGEST } from '../kit/subject.ts'
import { count, duration } from './values.ts'

const words = z.string().min(1).max(2_000)
const list = z.array(words).max(50).default([])
const digest = z.string().regex(DIGEST, ARTIFACT_WORDS)

const stageKind = z.union([z.enum(['offline', 'shadow']), z.number().gt(0).max(100)])
const stage = z.union([
  stageKind,
  z.strictObject({
    stage: stageKind.describe('offline: wait for a passed gate. shadow: judge without exposure. A number: percent on the candidate.'),
    cohort: z.string().optional().describe('Only in this segment, as dimension=value: the others stay with the control.'),
    dwell: duration.optional().describe("Least time on the stage. Default: the ladder's."),
    minimumRows: count.optional().describe("Least requests of the candidate on the stage. Default: the ladder's."),
    approval: z.boolean().default(false).describe('A person must agree before the rollout leaves this stage.'),
  }),
])

const moment = z.iso.datetime({ offset: true, error: 'must be a time with its zone, such as 2030-12-20T00:00:00Z' })
const clock = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time of day, hh:mm')
/** As a week begins for freeze windows. */
export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
const freezeWindow = z.union([
  z.strictObject({
    name: words,
    days: z.array(z.enum(DAYS)).min(1).describe('Days on which it begins, UTC.'),
    from: clock.default('00:00').describe('UTC.'),
    to: clock.default('00:00').describe('UTC; at or before `from`: on the next day.'),
  }),
  z.strictObject({ name: words, begin: moment, end: moment }),
])

export const PREFLIGHT_CHECKS = ['gateways', 'control-warm', 'outcomes', 'baseline'] as const

export const rolloutSchema = z.strictObject({
  hypothesis: words.optional().describe('What the candidate is expected to do better, and why.'),
  owner: words.optional().describe('Who answers for it.'),
  contact: words.optional().describe('Where the owner is reached at night.'),
  expectedBenefit: words.optional(),
  successCriteria: list,
  exitConditions: list.describe('When the rollout is given up, in words for people.'),
  runbook: z
    .url('must be a URL, such as https://example.com/runbook')
    .optional()
    .describe('What to do, for whoever is woken. Named in alerts and by `explain`.'),
  start: z.enum(['automatic', 'request']).default('automatic').describe('request: it begins when `flyball rollout start` asks.'),
  stages: z.array(stage).min(1).max(50).optional().describe('In order; the last one is 100. Replaces ladder.steps.'),
  guard: duration.prefault('24h').describe('How long the last stage is watched before the rollout counts as promoted.'),
  fourEyes: z.boolean().default(true).describe('Who approves must be another than who asked for the rollout.'),
  artifacts: z.record(z.string(), digest).default({}).describe('Version → digest of its artifact. Quarantine and gates go by it.'),
  freezeWindows: z.array(freezeWindow).max(100).default([]).describe('While one is open nothing is raised; reductions pass.'),
  preflight: z
    .array(z.enum(PREFLIGHT_CHECKS))
    .default([...PREFLIGHT_CHECKS])
    .describe(
      'What must hold before it begins: gateways present, the control receiving traffic, outcomes arriving, a baseline for every feature that a guardrail compares with one.',
    ),
  revertFlag: z
    .strictObject({ flag: words, variant: words })
    .optional()
    .describe(
      'A feature flag that is to go back to this variant on a rollback. Flyball names it in the command and the alert, and does not set it.',
    ),
  isolate: z
    .string()
    .min(1)
    .optional()
    .describe('Dimension by which a candidate may be kept out of one segment alone, instead of being rolled back everywhere.'),
})

export type PolicyRollout = z.output<typeof rolloutSchema>
export type PolicyStage = NonNullable<PolicyRollout['stages']>[number]
