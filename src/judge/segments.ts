/**
 * Exposure that is not the same for everybody: segments that the candidate is kept out of, and a cohort that it is tried in alone.
 * Both travel as `segments` of a command, complete in every one of them, so only gateways that say so can be counted on to obey.
 */
import type { Command, Pane, SegmentWeights } from '../domain.ts'
import type { ModelLayout } from '../policy/layout.ts'
import { dimensionOf, type Judged } from './evidence/population.ts'
import { restsOf } from './evidence/rests.ts'
import { present } from './loop.ts'
import { isUnexposed } from './stages.ts'
import { candidateOf, type JudgeState, type Ladder, obeyed, weightsFor } from './state.ts'

interface Setting {
  readonly wallMs: number
  readonly model: ModelLayout
}

type Exposure = Pick<Ladder, 'weights' | 'cohort'>

/** As a command says them: the first that a request lies in counts, so what is kept out comes first. */
export function segmentsOf({ isolated, cohort }: Pick<Ladder, 'isolated' | 'cohort'>, model: ModelLayout): readonly SegmentWeights[] {
  const apart = isolated.map((segment) => ({ segment, weights: weightsFor(model, 0) }))
  return cohort === null ? apart : [...apart, cohort]
}

/** The candidate's percent where it is tried: of the cohort, or of everybody who is not kept out. */
export function percentOf({ weights, cohort }: Pick<Ladder, 'weights' | 'cohort'>, model: ModelLayout): number {
  return (cohort?.weights ?? weights)[candidateOf(model)] ?? 0
}

/** "5 %", "5 % of region=eu", "25 % without region=eu" */
export function percentWords(ladder: Pick<Ladder, 'weights' | 'cohort' | 'isolated'>, model: ModelLayout): string {
  const { cohort, isolated } = ladder
  const whom = cohort === null ? '' : ` of ${cohort.segment}`
  return `${percentOf(ladder, model)} %${whom}${isolated.length === 0 ? '' : ` without ${isolated.join(', ')}`}`
}

/** What a rung commands. In a cohort's, everybody else stays with the control. */
export function exposureOn(rung: number, model: ModelLayout): Exposure {
  const weights = weightsFor(model, model.plan.ladder[rung]!)
  const segment = cohortOn(rung, model)
  return segment === '' ? { weights, cohort: null } : { weights: weightsFor(model, 0), cohort: { segment, weights } }
}

/**
 * Where a way down leads: to the nearest rung with less than what is exposed, which is its own one where more is exposed than that says,
 * after a change of policy. Null: there is none.
 */
export function rungBelow(ladder: Exposure & Pick<Ladder, 'rung'>, model: ModelLayout): (Exposure & Pick<Ladder, 'rung'>) | null {
  for (let rung = ladder.rung; rung >= 0; rung--) {
    const lower = exposureWithin(ladder, rung, model)
    if (isLess(lower, ladder, model)) return { rung, ...lower }
  }
  return null
}

/**
 * What a rung commands of those who meet the candidate now, and no more percent of them than now. For a way down raises nobody: where the
 * rung is another cohort's, or everybody's, a cohort stays among itself.
 */
export function exposureWithin(present: Exposure, rung: number, model: ModelLayout): Exposure {
  const there = exposureOn(rung, model)
  const weights = weightsFor(model, Math.min(percentOf(present, model), percentOf(there, model)))
  const segment = (present.cohort ?? there.cohort)?.segment
  return segment === undefined ? { weights, cohort: null } : { weights: weightsFor(model, 0), cohort: { segment, weights } }
}

/** At the same percent a cohort is less than everybody. */
function isLess(lower: Exposure, present: Exposure, model: ModelLayout): boolean {
  const [less, more] = [percentOf(lower, model), percentOf(present, model)]
  return less < more - 1e-9 || (less > 0 && present.cohort === null && lower.cohort !== null)
}

/** The highest rung whose exposure lies within this one. */
export function rungReached(percent: number, cohort: string, model: ModelLayout): number {
  const { ladder } = model.plan
  const reached = ladder.findLastIndex((weight, rung) => weight <= percent + 1e-9 && (cohort === '' || cohortOn(rung, model) === cohort))
  return Math.max(0, reached)
}

export function cohortOn(rung: number, { plan }: ModelLayout): string {
  return plan.rollout.rungs[rung]?.cohort ?? ''
}

/** What a command found on the control topic says of segments. */
export function apartIn({ segments, candidate }: Pick<Command, 'segments' | 'candidate'>): Pick<Ladder, 'isolated' | 'cohort'> {
  const share = ({ weights }: SegmentWeights) => weights[candidate] ?? 0
  const isolated = segments.filter((each) => share(each) === 0).map(({ segment }) => segment)
  return { isolated, cohort: segments.find((each) => share(each) > 0) ?? null }
}

/** On the wire an isolation is a throttle, for gateways know no other word: no rung is taken by it. */
export function isThrottle(command: Command | null): boolean {
  return command?.kind === 'throttle' && command.rule !== 'isolate'
}

/** Whom the commanded split is drawn among. */
export function judgedBy({ isolated, cohort }: Pick<Ladder, 'isolated' | 'cohort'>): Judged {
  return { cohort: cohort?.segment ?? '', without: isolated }
}

/** Requests of an exposure pane in segments that the candidate is kept out of, and those of them that it has answered all the same. */
export function apartOf(pane: Pane, { isolated }: Ladder, model: ModelLayout): { readonly apart: number; readonly stray: number } {
  if (isolated.length === 0 || pane.chain !== 'exposure') return { apart: 0, stray: 0 }
  let [apart, stray] = [0, 0]
  for (const { scope, population, version, blocks } of pane.cells) {
    if (population !== 'all' || !isolated.includes(scope)) continue
    const requests = blocks.get('requests')?.counts[0] ?? 0
    apart += requests
    if (version === candidateOf(model)) stray += requests
  }
  return { apart, stray }
}

/** Gateways present that cannot obey weights in segments of this dimension, by name. */
export function unableGateways({ gateways }: JudgeState, dimension: string, { wallMs, model }: Setting): readonly string[] {
  const able = (features: readonly string[]) => features.includes('segments') || features.includes(`segments:${dimension}`)
  return present(gateways, wallMs, model.plan)
    .filter(([, { features }]) => !able(features ?? []))
    .map(([name]) => name)
    .sort()
}

/** Why nobody could be kept out of a segment of this dimension; empty: it can be done. */
export function cannotKeepOut(state: JudgeState, dimension: string, setting: Setting): string {
  if (!obeyed(setting.model)) return 'no gateway obeys this judge'
  if (present(state.gateways, setting.wallMs, setting.model.plan).length === 0) return 'no gateway is present'
  const unable = unableGateways(state, dimension, setting)
  return unable.length === 0 ? '' : `${named(unable)} cannot route by ${dimension}`
}

/** Why what is kept out is not safely so any more; empty: it is. Then the candidate serves where its harm is known, and must go. */
export function noLongerKeptOut(state: JudgeState, setting: Setting): string {
  const { isolated } = state.ladder
  if (isolated.length === 0 || !obeyed(setting.model)) return ''
  const lost = isolated.filter((segment) => !restsOf(setting.model).some((rest) => rest.segment === segment))
  if (lost.length > 0) return `the policy does not count ${lost.join(', ')} any more, from which the candidate is kept out`
  const unable = unableGateways(state, dimensionOf(isolated[0]!), setting)
  return unable.length === 0 ? '' : `${named(unable)} cannot route by ${dimensionOf(isolated[0]!)}, and sends it ${isolated.join(', ')} too`
}

/** Why a cohort, the one in force or the next one, cannot be tried; empty: there is none, or it can. */
export function cohortInTheWay(state: JudgeState, setting: Setting): string {
  const { model } = setting
  const { phase, rung, cohort, isolated } = state.ladder
  if (!obeyed(model)) return ''
  // What follows a stage without exposure is the first rung.
  for (const segment of [cohort?.segment ?? '', cohortOn(isUnexposed(phase) ? 0 : rung + 1, model)]) {
    if (segment === '') continue
    if (isolated.includes(segment)) return `the candidate is kept out of ${segment}, the cohort it is to be tried in`
    const unable = unableGateways(state, dimensionOf(segment), setting)
    if (unable.length > 0) return `${named(unable)} cannot route by ${dimensionOf(segment)}, and the cohort is ${segment}`
  }
  return ''
}

function named(gateways: readonly string[]): string {
  const shown = gateways.slice(0, 3).join(', ')
  return gateways.length > 3 ? `${shown} and ${gateways.length - 3} more gateways` : shown
}
