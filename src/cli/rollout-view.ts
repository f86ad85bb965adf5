/** Where a rollout stands, read from its decisions alone: whoever may read the audit log may know it, and the judge's state stays private. */
import type { Command, Decision, Restraint, RolloutPhase } from '../domain.ts'
import type { ModelLayout } from '../policy/layout.ts'

export interface RolloutView {
  readonly model: string
  readonly mode: string
  readonly control: string
  readonly candidate: string
  readonly phase: RolloutPhase
  readonly ladder: readonly number[]
  readonly percent: number
  readonly command: Command | null
  readonly restraints: readonly Restraint[]
  /** What the last hold says is missing, in words; empty when nothing was held since the last move. */
  readonly waitsFor: readonly string[]
  readonly last: Decision | null
}

/** One line of a rollout's history. */
export interface HistoryEntry {
  readonly number: number
  readonly judgeTimeMs: number
  readonly verdict: Decision['verdict']['kind']
  readonly rule: string
  readonly weightsBefore: Decision['weightsBefore']
  readonly weightsAfter: Decision['weightsAfter']
  readonly requestId: string | null
  readonly reason: string
}

type Kind = Decision['verdict']['kind']

/** What became of a command, and what was not done: neither moves nor holds. */
const BESIDE: ReadonlySet<Kind> = new Set(['acked', 'observed', 'not-effective', 'refused'])
const LOOP: ReadonlySet<Kind> = new Set(['acked', 'observed', 'not-effective'])

/** `decisions`: of the model, in their order. */
export function rolloutView(decisions: readonly Decision[], command: Command | null, model: ModelLayout): RolloutView {
  const [control, candidate] = [model.versions[model.control]!, model.versions[model.candidate]!]
  const last = decisions.at(-1) ?? null
  const verdict = decisions.findLast((decision) => !BESIDE.has(decision.verdict.kind))?.verdict
  return {
    model: model.name,
    mode: model.plan.mode,
    control,
    candidate,
    phase: last === null ? 'new' : phaseAfter(last, candidate),
    ladder: model.plan.ladder,
    percent: last?.weightsAfter[candidate] ?? 0,
    command,
    restraints: last?.restraints ?? [],
    waitsFor: verdict?.kind === 'hold' ? verdict.missing : [],
    last,
  }
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
    .map(({ number, judgeTimeMs, verdict, weightsBefore, weightsAfter, requestId, summary }) => ({
      number,
      judgeTimeMs,
      verdict: verdict.kind,
      rule: verdict.rule,
      weightsBefore,
      weightsAfter,
      requestId,
      reason: summary,
    }))
}

function isAborted({ restraints }: Decision): boolean {
  return restraints.some((restraint) => restraint.kind === 'abort')
}

/** Decisions of schema 1 do not say the phase: a candidate at nothing after any decision had been rolled back, for only then is it told. */
function phaseAfter({ phase, weightsAfter }: Decision, candidate: string): RolloutPhase {
  const percent = weightsAfter[candidate]
  // The policy names another candidate than the one decided on: a rollout that has not begun.
  if (percent === undefined) return 'new'
  if (phase !== null) return phase
  return percent === 0 ? 'rolled-back' : percent >= 100 ? 'promoted' : 'climbing'
}
