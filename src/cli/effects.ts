/** What a request would do, in words that follow "would": for `--dry-run`, for the confirmation, and beside the answer. */
import type { OperatorRequest } from '../domain.ts'
import { beginningWords } from '../judge/stages.ts'
import { isSegment } from '../kit/subject.ts'
import type { ModelLayout } from '../policy/layout.ts'
import { readDecisions } from '../shell/topic-reads.ts'
import type { Connected } from './connected.ts'
import { percentAfter } from './rollout-view.ts'

type Verb = OperatorRequest['verb']

export async function effectOf(verb: Verb, { log, topics }: Connected, model: ModelLayout, subject?: string): Promise<string> {
  if (verb === 'release' && subject !== undefined && isSegment(subject))
    return `let ${model.versions[model.candidate]} into ${subject} again`
  if (verb === 'approve' || verb === 'quarantine' || verb === 'mode' || (verb === 'release' && subject !== undefined))
    return wordEffect(verb, model, subject)
  if (verb !== 'promote' && verb !== 'throttle') return lastingEffect(verb, model)
  const candidate = model.versions[model.candidate]!
  const decisions = (await readDecisions(log, topics.decisions)).filter(({ decision }) => decision.model === model.name)
  const last = decisions.at(-1)?.decision
  const percent = last === undefined ? 0 : percentAfter(last, candidate)
  return verb === 'promote' ? promotion(model, candidate, percent) : throttling(model, candidate, percent)
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

function promotion(model: ModelLayout, candidate: string, percent: number): string {
  const next = model.plan.ladder.find((rung) => rung > percent)
  if (next === undefined) return `ask for a promotion of ${candidate}, which is on the highest rung already`
  return `promote ${candidate} from ${percent} % to ${next} % now, if nothing but the dwell stands in the way`
}

function throttling(model: ModelLayout, candidate: string, percent: number): string {
  const lower = model.plan.ladder.findLast((rung) => rung < percent)
  if (lower === undefined) return `leave ${candidate} at ${percent} %: there is no lower rung`
  return `throttle ${candidate} from ${percent} % to ${lower} %`
}
