/** The releases of one model, told from its decisions: which candidate was rolled out, by which steps, how it ended and why. */
import type { Decision } from '../domain.ts'

/** `running`: nothing has ended it. `superseded`: the policy named other versions before it had ended. */
export type ReleaseEnd = 'running' | 'promoted' | 'rolled-back' | 'superseded'

/** The candidate's share was changed. */
export interface Rung {
  readonly number: number
  readonly judgeTimeMs: number
  readonly kind: string
  readonly fromPercent: number
  readonly toPercent: number
}

/** A person decided, or their command was found in force. */
export interface Override {
  readonly number: number
  readonly judgeTimeMs: number
  readonly note: string
}

export interface Release {
  readonly candidate: string
  readonly control: string
  readonly mode: Decision['mode']
  readonly startedMs: number
  readonly firstNumber: number
  readonly lastNumber: number
  readonly rungs: readonly Rung[]
  readonly overrides: readonly Override[]
  readonly end: ReleaseEnd
  /** Null while it runs. */
  readonly endedMs: number | null
  /** Why it ended, in the words of the decision that ended it. */
  readonly because: string
}

/** `decisions`: of one model, in their order. */
export function releases(decisions: readonly Decision[]): readonly Release[] {
  const all: Release[] = []
  for (const decision of decisions) {
    const open = all.at(-1)
    if (open !== undefined && continues(open, decision)) all[all.length - 1] = after(open, decision)
    else {
      if (open?.end === 'running') all[all.length - 1] = superseded(open, decision)
      all.push(after(begun(decision), decision))
    }
  }
  return all
}

/** Only a new rollout starts; the same two versions otherwise belong to the one that is open, what was said before it began too. */
function continues({ candidate, control, rungs, end }: Release, { verdict, weightsAfter }: Decision): boolean {
  const versions = Object.keys(weightsAfter)
  const isBegun = rungs.length > 0 || end !== 'running'
  return !(verdict.kind === 'start' && isBegun) && versions.length === 2 && versions.includes(candidate) && versions.includes(control)
}

/** Before a rollout begins its control has everything. */
function begun({ weightsBefore, mode, judgeTimeMs, number }: Decision): Release {
  const [control, candidate] = Object.entries(weightsBefore).sort(([, a], [, b]) => b - a)
  return {
    candidate: candidate?.[0] ?? '',
    control: control?.[0] ?? '',
    mode,
    startedMs: judgeTimeMs,
    firstNumber: number,
    lastNumber: number,
    rungs: [],
    overrides: [],
    end: 'running',
    endedMs: null,
    because: '',
  }
}

function after(release: Release, decision: Decision): Release {
  const { number, judgeTimeMs, verdict, weightsBefore, weightsAfter, mode } = decision
  const [fromPercent, toPercent] = [weightsBefore[release.candidate] ?? 0, weightsAfter[release.candidate] ?? 0]
  const rung = { number, judgeTimeMs, kind: verdict.kind, fromPercent, toPercent }
  const byPerson = verdict.kind === 'override' || (verdict.kind === 'adopt' && verdict.rule === 'found-in-force')
  const seen = {
    ...release,
    mode,
    lastNumber: number,
    rungs: fromPercent === toPercent ? release.rungs : [...release.rungs, rung],
    overrides: byPerson ? [...release.overrides, { number, judgeTimeMs, note: decision.summary }] : release.overrides,
  }
  return { ...seen, ...ending(release, decision, fromPercent, toPercent) }
}

/** A rollback ends it even after the promotion; a step up from nothing opens it again, for a person has let it go on. */
function ending(release: Release, { verdict, judgeTimeMs, summary, phase }: Decision, from: number, to: number) {
  const ended = (end: ReleaseEnd) => ({ end, endedMs: judgeTimeMs, because: summary })
  const isFound = verdict.kind === 'adopt' && verdict.rule === 'found-in-force'
  if (verdict.kind === 'rollback' || (isFound && to === 0)) return ended('rolled-back')
  if (verdict.kind === 'advance' && phase === 'promoted') return ended('promoted')
  if (from === to) return {}
  // The last rung is watched where the plan has a guard: it has not ended.
  if (to >= 100 && phase !== 'guard') return ended('promoted')
  if (to === 0 && verdict.kind === 'override') return ended('rolled-back')
  return release.end === 'running' ? {} : { end: 'running' as const, endedMs: null, because: '' }
}

function superseded(release: Release, { judgeTimeMs, weightsAfter }: Decision): Release {
  const because = `the policy named ${Object.keys(weightsAfter).join(' and ')}`
  return { ...release, end: 'superseded', endedMs: judgeTimeMs, because }
}
