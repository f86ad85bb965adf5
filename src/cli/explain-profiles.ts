/**
 * What the other profiles (`rapid`, `standard`, `conservative`) would have made of the same moment, as far as the decision holds what that
 * takes. What it does not hold is said to be unknown, and never worked out from something else.
 */
import { promotionProof } from '../../detectors/risk-budget.ts'
import type { Decision, NonInferiority } from '../domain.ts'
import { ALL_SCOPE } from '../policy/layout.ts'
import type { PolicyModel } from '../policy/policy.ts'
import { PROFILES, type Profile, type ProfileName } from '../policy/profiles.ts'
import { durationText } from '../policy/units.ts'
import { brief, isOfSilence } from './explain-words.ts'

export interface OtherProfile {
  readonly profile: string
  readonly words: readonly string[]
}

export interface ProfileQuestion {
  readonly decision: Decision
  /** When the stage began, judge time; null: not on the log. */
  readonly stageSinceMs: number | null
  /** The model as the policy has it, if it is the policy that the decision was taken under. */
  readonly written: PolicyModel | null
}

const UNKNOWN = 'not known from this record'

export function otherProfiles(question: ProfileQuestion): readonly OtherProfile[] {
  const { decision, written } = question
  const { verdict } = decision
  const asks = verdict.kind === 'promote' || (verdict.kind === 'hold' && verdict.because === 'insufficient')
  const names = (Object.keys(PROFILES) as ProfileName[]).filter((name) => name !== written?.ladder.profile)
  if (!asks) {
    const same = ['rollback', 'throttle', 'isolate'].includes(verdict.kind)
      ? 'the same: evidence of harm, its limit and what follows do not depend on the profile'
      : 'the same: what this decision stands on does not depend on the profile'
    return names.map((profile) => ({ profile, words: [same] }))
  }
  return names.map((profile) => ({ profile, words: underProfile(PROFILES[profile], question) }))
}

function underProfile(profile: Profile, { decision, stageSinceMs, written }: ProfileQuestion): readonly string[] {
  if (written === null) return [`${UNKNOWN}: the policy at hand is not the one it was taken under`]
  const { dwell, minimumRows } = written.ladder
  // Where the policy writes a number itself the profile has no say in it.
  const dwellMs = dwell ?? profile.dwellMs
  const rowsMin = minimumRows ?? profile.minimumRows
  return [
    nextStep(profile, decision, written),
    dwellWords(dwellMs, stageSinceMs === null ? null : decision.judgeTimeMs - stageSinceMs),
    rowsWords(rowsMin, candidateRows(decision)),
    ...proofWords(profile, decision, written),
  ]
}

function nextStep(profile: Profile, decision: Decision, written: PolicyModel): string {
  const next = nextPercent(profile, decision, written)
  return next === null ? 'next step: none, it is at its last' : `next step: ${next} %`
}

function nextPercent(profile: Profile, { candidate, weightsBefore }: Decision, { ladder, rollout }: PolicyModel): number | null {
  const stages = rollout?.stages?.map((stage) => (typeof stage === 'object' ? stage.stage : stage))
  const steps = stages?.filter((stage) => typeof stage === 'number') ?? ladder.steps ?? profile.steps
  return steps.find((step) => step > (weightsBefore[candidate] ?? 0) + 1e-9) ?? null
}

function dwellWords(dwellMs: number, stoodMs: number | null): string {
  if (stoodMs === null) return `dwell: ${durationText(dwellMs)} asked; how long the stage had lasted is ${UNKNOWN}`
  const leftMs = dwellMs - stoodMs
  return leftMs <= 0
    ? `dwell: ${durationText(dwellMs)} asked, reached`
    : `dwell: would still wait for ${Math.ceil(leftMs / 1000)} s of ${durationText(dwellMs)}`
}

function rowsWords(rowsMin: number, rows: number | null): string {
  if (rows === null) return `rows: ${rowsMin} asked; how many the stage had is ${UNKNOWN}`
  return rows >= rowsMin ? `rows: ${rowsMin} asked, reached` : `rows: would still wait for ${rowsMin - rows} of ${rowsMin} candidate rows`
}

/** Rates are read off the stage's own requests: the guardrail with the most of them saw the whole stage. */
function candidateRows({ readings }: Decision): number | null {
  const ofRequests = readings.filter(({ scope, unit }) => scope === ALL_SCOPE && unit === 'share of requests')
  return ofRequests.length === 0 ? null : Math.max(...ofRequests.map((reading) => reading.candidateRows))
}

function proofWords(profile: Profile, decision: Decision, written: PolicyModel): readonly string[] {
  const { verdict, candidate, weightsAfter } = decision
  if (verdict.kind !== 'promote') return [`proofs: ${UNKNOWN}, a hold does not carry its proofs`]
  const next = nextPercent(profile, decision, written)
  if (next === null) return []
  const taken = { weight: (weightsAfter[candidate] ?? 0) / 100, riskFactor: PROFILES[written.ladder.profile].riskFactor }
  const other = { weight: next / 100, riskFactor: profile.riskFactor }
  return verdict.proofs.map((proof) => proofUnder(proof, isOfSilence(proof, decision.readings), taken, other))
}

interface Step {
  readonly weight: number
  readonly riskFactor: number
}

/** Upper end and margin stay; what a step may put at risk, and its size, are the profile's. */
function proofUnder({ guardrail, upperEnd, allowed }: NonInferiority, isSilence: boolean, taken: Step, other: Step): string {
  // No profile moves the limit of a signal.
  if (isSilence || taken.weight <= 0) return `proof ${guardrail}: the same`
  const perMargin = ({ weight, riskFactor }: Step) =>
    promotionProof({ nextWeight: weight, intervalHigh: 0, margin: 1, riskFactor }).allowed / weight
  const allowedThere = (allowed / perMargin(taken)) * perMargin(other)
  const words = `harm at most ${brief(upperEnd)}, allowed ${brief(allowedThere)}`
  return `proof ${guardrail}: ${upperEnd <= allowedThere ? 'holds' : 'would still be missing'} (${words})`
}
