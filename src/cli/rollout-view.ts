/** Where a rollout stands, read from its decisions alone: whoever may read the audit log may know it, and the judge's state stays private. */
import type { Approval, Command, Decision, Reading, Restraint, RolloutPhase, SegmentWeights } from '../domain.ts'
import type { ModelLayout } from '../policy/layout.ts'

export interface RolloutView {
  readonly model: string
  readonly mode: string
  readonly control: string
  readonly candidate: string
  readonly phase: RolloutPhase
  readonly ladder: readonly number[]
  /** Of the plan, in order; at most one is where it stands. */
  readonly stages: readonly { readonly name: string; readonly isNow: boolean }[]
  /** Of the candidate, where it is tried: of the traffic, or of its cohort's. */
  readonly percent: number
  /** Weights inside segments that are kept apart. */
  readonly segments: readonly SegmentWeights[]
  readonly command: Command | null
  readonly restraints: readonly Restraint[]
  readonly approvals: readonly Approval[]
  /** What the last hold says is missing, in words; empty when nothing was held since the last move. */
  readonly waitsFor: readonly string[]
  readonly last: Decision | null
  readonly why: Decision | null
  /** How often a shadow decided otherwise than the control, as the last of these decisions that knew of pairs has it. */
  readonly disagreement: { readonly number: number; readonly reading: Reading } | null
}

/** One line of a rollout's history. */
export interface HistoryEntry {
  readonly number: number
  readonly judgeTimeMs: number
  readonly verdict: Decision['verdict']['kind']
  readonly rule: string
  /** After it; empty: none. */
  readonly stage: string
  readonly weightsBefore: Decision['weightsBefore']
  readonly weightsAfter: Decision['weightsAfter']
  readonly requestId: string | null
  readonly reason: string
}

type Kind = Decision['verdict']['kind']

/** What became of a command, and what was not done: neither moves nor holds. */
const BESIDE: ReadonlySet<Kind> = new Set(['acked', 'observed', 'not-effective', 'refused', 'recorded'])
const LOOP: ReadonlySet<Kind> = new Set(['acked', 'observed', 'not-effective'])

/** What a rollout waits for stands in it: a view needs nothing older. */
export function tellsWhy({ verdict }: Decision): boolean {
  return !BESIDE.has(verdict.kind)
}

/** The last that tells why it stands where it stands; what became of a command is news only where it has no effect, and as long. */
export function whyOf(decisions: readonly Decision[]): Decision | null {
  const told = decisions.findLast(tellsWhy)
  const effect = decisions.findLast(({ verdict: { kind } }) => kind === 'not-effective' || kind === 'observed')
  const isWithout = effect?.verdict.kind === 'not-effective' && effect.number > (told?.number ?? 0)
  return (isWithout ? effect : told) ?? decisions.at(-1) ?? null
}

/** `decisions`: of the model, in their order; those since the last that tells why suffice. */
export function rolloutView(decisions: readonly Decision[], command: Command | null, model: ModelLayout): RolloutView {
  const [control, candidate] = [model.versions[model.control]!, model.versions[model.candidate]!]
  const last = decisions.at(-1) ?? null
  const verdict = decisions.findLast(tellsWhy)?.verdict
  const phase = last === null ? 'new' : phaseAfter(last, candidate)
  const percent = last === null ? 0 : percentAfter(last, candidate)
  return {
    model: model.name,
    mode: modeNow(last, model),
    control,
    candidate,
    phase,
    ladder: model.plan.ladder,
    stages: stagesOf(phase, percent, last?.stage ?? '', model),
    percent,
    segments: last?.segmentsAfter ?? [],
    command,
    restraints: last?.restraints ?? [],
    approvals: standingApprovals(last),
    waitsFor: verdict?.kind === 'hold' ? verdict.missing : [],
    last,
    why: whyOf(decisions),
    disagreement: disagreementIn(decisions, model),
  }
}

function disagreementIn(decisions: readonly Decision[], { plan }: ModelLayout): RolloutView['disagreement'] {
  const name = plan.guardrails.find(({ kind }) => kind === 'disagreement')?.name
  if (name === undefined) return null
  for (const { number, readings } of decisions.toReversed()) {
    const reading = readings.find(({ guardrail, candidateRows }) => guardrail === name && candidateRows > 0)
    if (reading !== undefined) return { number, reading }
  }
  return null
}

/** Decisions before schema 3 name no stage: the weight tells it. */
function stagesOf(phase: RolloutPhase, percent: number, stage: string, { plan }: ModelLayout): RolloutView['stages'] {
  const { shadow, rungs } = plan.rollout
  const climbing = stage || rungs.find((rung) => rung.percent === percent)?.name
  const now = phase === 'climbing' ? climbing : phase === 'shadow' ? shadow?.name : phase
  return [...stageNames(plan), 'promoted'].map((name) => ({ name, isNow: name === now }))
}

/** In the order of the plan. */
export function stageNames({ rollout: { offline, shadow, rungs, guardMs } }: ModelLayout['plan']): readonly string[] {
  const before = [...(offline ? ['offline'] : []), ...(shadow === null ? [] : [shadow.name])]
  return [...before, ...rungs.map(({ name }) => name), ...(guardMs > 0 ? ['guard'] : [])]
}

/** In a cohort's stage everybody else is with the control, and the candidate's weight is the one in its segment. */
export function percentAfter({ weightsAfter, segmentsAfter }: Decision, candidate: string): number {
  const cohort = segmentsAfter.find(({ weights }) => (weights[candidate] ?? 0) > 0)
  return (cohort?.weights ?? weightsAfter)[candidate] ?? 0
}

/** A person may have set another than the policy's; the last decision tells, unless the policy says `observe` itself. */
function modeNow(last: Decision | null, { plan }: ModelLayout): string {
  return plan.mode === 'enforce' ? (last?.mode ?? plan.mode) : plan.mode
}

/** What a raise was taken on does not stand after it. */
function standingApprovals(last: Decision | null): readonly Approval[] {
  return last === null ? [] : last.approvals.filter(({ stage }) => stage === last.stage)
}

/** The decision that put the candidate into quarantine, where it is; null: it is not quarantined. */
export function quarantineOf(decisions: readonly Decision[], model: ModelLayout): Decision | null {
  const candidate = model.versions[model.candidate]!
  const quarantined = (decision: Decision) => phaseAfter(decision, candidate) === 'rolled-back' && !isAborted(decision)
  const free = decisions.findLastIndex((decision) => !quarantined(decision))
  return decisions[free + 1] ?? null
}

/** Every decision that moved, held or answered somebody, with its reason. */
export function historyOf(decisions: readonly Decision[]): readonly HistoryEntry[] {
  return decisions
    .filter((decision) => !LOOP.has(decision.verdict.kind))
    .map(({ number, judgeTimeMs, verdict, stage, weightsBefore, weightsAfter, requestId, summary }) => ({
      number,
      judgeTimeMs,
      verdict: verdict.kind,
      rule: verdict.rule,
      stage,
      weightsBefore,
      weightsAfter,
      requestId,
      reason: summary,
    }))
}

export function isAborted({ restraints }: Pick<Decision, 'restraints'>): boolean {
  return restraints.some((restraint) => restraint.kind === 'abort')
}

/** Decisions of schema 1 do not say the phase: a candidate at nothing after any decision had been rolled back, for only then is it told. */
export function phaseAfter({ phase, weightsAfter }: Decision, candidate: string): RolloutPhase {
  const percent = weightsAfter[candidate]
  // The policy names another candidate than the one decided on: a rollout that has not begun.
  if (percent === undefined) return 'new'
  if (phase !== null) return phase
  return percent === 0 ? 'rolled-back' : percent >= 100 ? 'promoted' : 'climbing'
}
