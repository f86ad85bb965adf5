/** What a request would do, in words that follow "would": for `--dry-run`, for the confirmation, and beside the answer. */
import type { Decision, OperatorRequest } from '../domain.ts'
import { apartIn, exposureOn, percentOf, percentWords, rungBelow, rungReached } from '../judge/segments.ts'
import { beginningWords } from '../judge/stages.ts'
import { candidateOf, type Ladder, weightsFor } from '../judge/state.ts'
import { isSegment } from '../kit/subject.ts'
import type { ModelLayout } from '../policy/layout.ts'
import { newestDecisions } from '../shell/newest-decisions.ts'
import type { Connected } from './connected.ts'
import { phaseAfter } from './rollout-view.ts'

type Verb = OperatorRequest['verb']

export async function effectOf(verb: Verb, { log, topics }: Connected, model: ModelLayout, subject?: string): Promise<string> {
  if (verb === 'release' && subject !== undefined && isSegment(subject))
    return `let ${model.versions[model.candidate]} into ${subject} again`
  if (verb === 'approve' || verb === 'quarantine' || verb === 'mode' || (verb === 'release' && subject !== undefined))
    return wordEffect(verb, model, subject)
  if (verb !== 'promote' && verb !== 'throttle') return lastingEffect(verb, model)
  const newest = await newestDecisions(log, topics.decisions, model.name, () => true)
  const stands = standsAfter(newest.at(-1), model)
  return verb === 'promote' ? promotion(model, stands) : throttling(model, stands)
}

function wordEffect(
  verb: 'approve' | 'quarantine' | 'mode' | 'release',
  { name, versions, candidate }: ModelLayout,
  subject?: string,
): string {
  switch (verb) {
    case 'approve':
      return `approve that ${versions[candidate]!} leaves ${subject === undefined ? 'its present stage' : `stage ${subject}`} of ${name}`
    case 'quarantine':
      return `quarantine ${subject ?? `the artifact of ${versions[candidate]!}`} for ${name}: it gets no exposure until it is released, and loses what it has`
    case 'release':
      return `end the quarantine of ${subject!} for ${name}; if it is the candidate's its rollout begins anew`
    case 'mode':
      return subject === 'observe'
        ? `command nothing for ${name} any more, and go on judging`
        : `command traffic for ${name} again, from where the command in force has it`
  }
}

function lastingEffect(verb: Exclude<Verb, 'promote' | 'throttle'>, model: ModelLayout): string {
  const [control, candidate] = [model.versions[model.control]!, model.versions[model.candidate]!]
  const all = `send all traffic of ${model.name} to ${control}, none to ${candidate}`
  switch (verb) {
    case 'rollback':
      return all
    case 'abort':
      return `${all}, and end the rollout without quarantine`
    case 'hold':
      return `hold the rollout of ${candidate}: nothing of it is raised, harm still takes it back`
    case 'resume':
      return `end the hold of ${candidate}; rolled back it would begin anew ${beginningWords(model)}`
    case 'release':
      return `end the quarantine of ${candidate} and begin its rollout anew ${beginningWords(model)}`
    case 'freeze':
      return `freeze ${model.name}: no exposure is raised, whatever the rollout; reductions pass`
    case 'unfreeze':
      return `end the freeze of ${model.name}`
    case 'start':
      return `begin the rollout of ${candidate} ${beginningWords(model)}`
    default:
      return `${verb} ${candidate}`
  }
}

type Stands = Pick<Ladder, 'phase' | 'rung' | 'weights' | 'cohort' | 'isolated'>

/** Where the last decision left the rollout: whether its throttle is still to be lifted only the judge knows. */
function standsAfter(last: Decision | undefined, model: ModelLayout): Stands {
  const candidate = candidateOf(model)
  if (last === undefined || last.weightsAfter[candidate] === undefined)
    return { phase: 'new', rung: 0, weights: weightsFor(model, 0), cohort: null, isolated: [] }
  const weights = last.weightsAfter
  const apart = apartIn({ segments: last.segmentsAfter, candidate })
  const named = model.plan.rollout.rungs.findIndex(({ name }) => name === last.stage)
  const percent = percentOf({ weights, cohort: apart.cohort }, model)
  const rung = named >= 0 ? named : rungReached(percent, apart.cohort?.segment ?? '', model)
  return { phase: phaseAfter(last, candidate), rung, weights, ...apart }
}

function promotion(model: ModelLayout, stands: Stands): string {
  const candidate = candidateOf(model)
  const { phase, rung, isolated } = stands
  if (phase === 'new' || phase === 'offline' || phase === 'rolled-back')
    return `ask for a promotion of ${candidate}, whose rollout is ${phase}: there is no step to be taken yet`
  const next = phase === 'shadow' ? 0 : rung + 1
  if (phase === 'guard' || phase === 'promoted' || next >= model.plan.ladder.length)
    return `ask for a promotion of ${candidate}, which is on the highest rung already`
  const to = percentWords({ ...exposureOn(next, model), isolated }, model)
  return `promote ${candidate} from ${percentWords(stands, model)} to ${to} now, if nothing but the dwell stands in the way`
}

function throttling(model: ModelLayout, stands: Stands): string {
  const candidate = candidateOf(model)
  const lower = rungBelow(stands, model)
  if (lower === null) return `leave ${candidate} at ${percentWords(stands, model)}: there is no lower rung`
  return `throttle ${candidate} from ${percentWords(stands, model)} to ${percentWords({ ...lower, isolated: stands.isolated }, model)}`
}
