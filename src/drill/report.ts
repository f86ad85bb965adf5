/** What came of a drill: each step against its objective, and whether all of them kept it. */
import type { DrillPlan } from '../policy/layout.ts'
import type { Scenario } from './scenario.ts'

export const STEPS = ['begin', 'detect', 'command', 'ack', 'observed', 'restore'] as const
export type StepName = (typeof STEPS)[number]

export interface DrillStep {
  readonly step: StepName
  /** Null: it has to be reached, however long it takes. */
  readonly objectiveMs: number | null
  /** Null: it was never reached. */
  readonly measuredMs: number | null
  readonly ok: boolean
}

/** The body of the request that records it. */
export interface DrillReport {
  readonly format: 1
  readonly model: string
  readonly shadow: string
  readonly scenario: Scenario
  /** Name of this drill: its records' ids begin with it. */
  readonly run: string
  /** Wall clock of whoever drilled. */
  readonly startedAtMs: number
  readonly endedAtMs: number
  readonly passed: boolean
  readonly steps: readonly DrillStep[]
  /** The decision that saw the harm, and its rule; empty: none did. */
  readonly decisionId: string
  readonly rule: string
  /** Why a step was not reached, in words. */
  readonly notes: readonly string[]
}

export type Measured = Partial<Record<StepName, number>>

export function stepsOf(measured: Measured, plan: DrillPlan, scenario: Scenario): readonly DrillStep[] {
  const objectives = objectivesOf(plan, scenario)
  return STEPS.map((step) => {
    const measuredMs = measured[step] ?? null
    const objectiveMs = objectives[step] ?? null
    return { step, objectiveMs, measuredMs, ok: measuredMs !== null && (objectiveMs === null || measuredMs <= objectiveMs) }
  })
}

/** Silence has to last before it is one: the policy itself says how long. */
function objectivesOf({ objective, silentAfterMs }: DrillPlan, scenario: Scenario): Measured {
  const detect = objective.detectMs + (scenario === 'silent' ? silentAfterMs : 0)
  return { detect, command: objective.commandMs, ack: objective.ackMs, observed: objective.observedMs }
}

/** Cells for people. */
export function rowsOf(steps: readonly DrillStep[]): readonly (readonly string[])[] {
  return steps.map(({ step, objectiveMs, measuredMs, ok }) => [
    step,
    objectiveMs === null ? 'reached' : timeWords(objectiveMs),
    measuredMs === null ? 'missing' : timeWords(measuredMs),
    ok ? 'yes' : 'NO',
  ])
}

/** Which steps missed, and by how much. */
export function missedWords(steps: readonly DrillStep[]): string {
  const missed = steps.filter(({ ok }) => !ok)
  return missed
    .map(({ step, objectiveMs, measuredMs }) =>
      measuredMs === null ? `${step} never came` : `${step} took ${timeWords(measuredMs)} of ${timeWords(objectiveMs ?? 0)}`,
    )
    .join(', ')
}

function timeWords(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`
}
