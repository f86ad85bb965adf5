/**
 * Quarantine: what was rolled back gets no exposure again until a person says so. It goes by the artifact's digest, and so holds under
 * another version name and in the next rollout too; without a digest it goes by the version's name. The list is the model's own.
 */
import { artifactOf, type ModelLayout } from '../policy/layout.ts'
import type { Answer, Quarantined } from './people.ts'
import type { Missing } from './situation.ts'
import { candidateOf, type JudgeState, type Ladder } from './state.ts'

/** More than that and the oldest is forgotten, those that a person asked for last and the candidate's own never. */
const QUARANTINE_MAX = 64

/** What lets a candidate begin again that was rolled back, as people type it before the model: alerts and `flyball explain` say it too. */
export const WAY_BACK = 'quarantine release'

/** Under what name the candidate is put on the list. */
export function nameOnList(model: ModelLayout): string {
  return artifactOf(model) || byName(model)
}

/** Whether it is the candidate that bears this name. */
export function isCandidate(artifact: string, model: ModelLayout): boolean {
  return artifact === byName(model) || (artifact !== '' && artifact === artifactOf(model))
}

/** The candidate's entry on the list, whether it stands there by its digest or by its name. */
export function quarantinedNow({ people }: Ladder, model: ModelLayout): Quarantined | null {
  return people.quarantine.find(({ artifact }) => isCandidate(artifact, model)) ?? null
}

export function quarantineMissing(ladder: Ladder, model: ModelLayout): readonly Missing[] {
  const entry = quarantinedNow(ladder, model)
  if (entry === null) return []
  const way = `flyball ${WAY_BACK} ${model.name}`
  return [{ kind: 'artifact', words: `${entry.artifact} is quarantined by ${entry.who} (${entry.reason}); a person releases it: ${way}` }]
}

/** Another artifact than the candidate's is taken off the list and nothing moves. Null: it is the candidate's, or is not there. */
export function releasedOther(state: JudgeState, subject: string | null, model: ModelLayout): Answer<JudgeState> | null {
  const { quarantine: list } = state.ladder.people
  if (subject === null || isCandidate(subject, model) || !list.some(({ artifact }) => artifact === subject)) return null
  const next = withList(
    state,
    list.filter(({ artifact }) => artifact !== subject),
  )
  return { next, moves: false, key: state.ladder.lastVerdict, note: `Released ${subject} from quarantine` }
}

/** The candidate is off the list. */
export function withoutCandidate(state: JudgeState, model: ModelLayout): JudgeState {
  return withList(
    state,
    state.ladder.people.quarantine.filter(({ artifact }) => !isCandidate(artifact, model)),
  )
}

/** Whatever rolls a candidate back quarantines it, unless the rollout was merely ended. */
export function quarantineAfter(
  before: Ladder,
  after: Ladder,
  model: ModelLayout,
  told: { who: string; why: string; nowMs: number },
): Ladder {
  const goesBack = after.phase === 'rolled-back' && after.aborted === null && (before.phase !== 'rolled-back' || before.aborted !== null)
  if (!goesBack || quarantinedNow(after, model) !== null) return after
  const entry = { artifact: nameOnList(model), who: told.who, reason: told.why, sinceMs: told.nowMs, asked: false }
  return { ...after, people: { ...after.people, quarantine: added(after.people.quarantine, entry, model) } }
}

/** What a decision changes of the list, as JSON for those who read decisions; empty: nothing. */
export function quarantineTold(before: Ladder, after: Ladder): string {
  const [was, is] = [before.people.quarantine, after.people.quarantine]
  if (was === is) return ''
  const quarantined = is.filter((entry) => !was.includes(entry))
  const released = was.filter(({ artifact }) => !is.some((entry) => entry.artifact === artifact)).map(({ artifact }) => artifact)
  return quarantined.length + released.length === 0 ? '' : JSON.stringify({ quarantined, released })
}

function byName(model: ModelLayout): string {
  return `version:${candidateOf(model)}`
}

export function withEntry(state: JudgeState, entry: Quarantined, model: ModelLayout): JudgeState {
  return withList(state, added(state.ladder.people.quarantine, entry, model))
}

/** To be forgotten is to be released without a word: so it falls on what is needed least. */
function added(list: readonly Quarantined[], entry: Quarantined, model: ModelLayout): readonly Quarantined[] {
  const all = [...list.filter(({ artifact }) => artifact !== entry.artifact), entry]
  if (all.length <= QUARANTINE_MAX) return all
  const others = all.filter(({ artifact }) => artifact !== entry.artifact && !isCandidate(artifact, model))
  const forgotten = others.find(({ asked }) => !asked) ?? others[0]
  return all.filter((each) => each !== forgotten)
}

function withList(state: JudgeState, list: readonly Quarantined[]): JudgeState {
  return { ...state, ladder: { ...state.ladder, people: { ...state.ladder.people, quarantine: list } } }
}
