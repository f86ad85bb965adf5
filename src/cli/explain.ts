/** `flyball explain DECISION`: one decision with all that it stands on, in plain words first and in numbers after. */
import { type Command, InvalidArgumentError } from 'commander'
import type { Decision, NonInferiority, Reading, Verdict } from '../domain.ts'
import { strongestFirst } from '../judge/evidence/strongest.ts'
import { FlyballError } from '../kit/errors.ts'
import { timeText } from '../kit/iso-time.ts'
import { ALL_SCOPE, type ModelLayout } from '../policy/layout.ts'
import type { LoadedPolicy } from '../policy/load.ts'
import { readChains, type StoredDecision } from '../shell/topic-reads.ts'
import { type ConnectionOptions, connected, withConnectionOptions } from './connected.ts'
import { guardrailText, type PolicyText } from './explain-policy.ts'
import { type OtherProfile, otherProfiles } from './explain-profiles.ts'
import { brief, isOfSilence, nextSteps, overrides, questionOf, RULE_WORDS, sparkline } from './explain-words.ts'
import { cell, oneLine, printJson, printLine, table, weightsText } from './output.ts'

interface Options extends ConnectionOptions {
  readonly json?: true
}

export function register(program: Command): void {
  withConnectionOptions(program.command('explain'))
    .description('why a decision was taken: question, rule, evidence, probable cause, changes, other profiles, next steps')
    .argument(
      '<decision>',
      'its id (or the beginning of it), MODEL#NUMBER, or MODEL for the last one that is no mere note of an ack',
      notEmpty,
    )
    .option('--json', 'as JSON on stdout')
    .action((name: string, options: Options) =>
      connected(options, async ({ log, topics, loaded }) => {
        const decisions = await readChains(log, topics.decisions)
        const found = find(decisions, name)
        const surroundings = { decisions, loaded, file: options.policy }
        if (options.json) printJson({ ...found, explained: explained(found, surroundings) })
        else for (const line of explanation(found, surroundings)) printLine(line)
      }),
    )
}

function notEmpty(text: string): string {
  if (text === '') throw new InvalidArgumentError('must name a decision.')
  return text
}

/** Fewer signs would often be the beginning of a mistyped model. */
const PREFIX_LENGTH_MIN = 6

/** What became of a command, and what was only written down, would hide the decision that people ask about. */
const NOTES: readonly Verdict['kind'][] = ['acked', 'observed', 'recorded']

/** A model's name wins over an id that begins alike. */
export function find(decisions: readonly StoredDecision[], name: string): StoredDecision {
  const at = name.lastIndexOf('#')
  const [model, number] = [name.slice(0, at), name.slice(at + 1)]
  const isNumbered = at > 0 && /^\d+$/.test(number)
  const found =
    decisions.findLast(({ decision }) => decision.model === name && !NOTES.includes(decision.verdict.kind)) ??
    decisions.findLast(({ decision }) => decision.model === name) ??
    decisions.findLast(({ decision }) => isNumbered && decision.model === model && decision.number === Number(number)) ??
    decisions.find(({ decision }) => decision.id === name) ??
    decisions.find(({ decision }) => name.length >= PREFIX_LENGTH_MIN && decision.id.startsWith(name))
  if (found === undefined) throw new FlyballError('FLY-CLI-004', { decision: name })
  return found
}

// ── what is explained ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** What stands beside the decision; without the policy less can be said. */
export interface Surroundings {
  /** All there are; those of other models are passed over. */
  readonly decisions: readonly StoredDecision[]
  readonly loaded: LoadedPolicy | null
  /** The policy file. */
  readonly file: string
}

const ALONE: Surroundings = { decisions: [], loaded: null, file: '' }

interface Point {
  readonly number: number
  readonly judgeTimeMs: number
  readonly logEvidence: number
  readonly logLimit: number
}

interface SegmentShare {
  readonly scope: string
  /** Of the excess over the whole population; NaN: not known. */
  readonly share: number
  readonly reading: Reading
}

/** All that `explain` says beyond the record itself. */
export interface Explained {
  readonly question: string
  readonly rule: {
    readonly name: string
    readonly words: string
    readonly policy: PolicyText | null
    readonly isSamePolicy: boolean | null
  }
  /** The reading that the decision stands on, or that is nearest to its limit. */
  readonly leading: Reading | null
  readonly overTime: readonly Point[]
  readonly segments: readonly SegmentShare[]
  readonly features: readonly Reading[]
  readonly otherProfiles: readonly OtherProfile[]
  readonly nextSteps: readonly string[]
  readonly overrides: readonly string[]
}

export function explained({ decision }: StoredDecision, { decisions, loaded, file }: Surroundings): Explained {
  const model = loaded?.layout.models.find(({ name }) => name === decision.model) ?? null
  const written = loaded?.policy.models[decision.model] ?? null
  const isSamePolicy = loaded === null ? null : loaded.layout.policyDigest === decision.policyDigest
  const leading = leadingOf(decision)
  const before = decisions
    .map((stored) => stored.decision)
    .filter(({ model: name, number }) => name === decision.model && number <= decision.number)
  const { rule } = decision.verdict
  const policy = leading && model && written ? guardrailText(file, model, written, leading.guardrail) : null
  return {
    question: questionOf(decision.verdict),
    rule: { name: rule, words: RULE_WORDS[rule] ?? '', policy, isSamePolicy },
    leading,
    overTime: leading === null ? [] : evidenceOverTime(before, leading, decision),
    segments: leading === null ? [] : segmentsOf(decision.readings, leading),
    features: featuresOf(decision, model),
    otherProfiles: otherProfiles({ decision, stageSinceMs: stageSince(before, decision), written: isSamePolicy ? written : null }),
    nextSteps: nextSteps(decision, model?.plan.rollout ?? null),
    overrides: overrides(decision),
  }
}

/** What it stands on; else what has moved around it; else what is nearest to its limit. */
function leadingOf({ verdict, readings, factors }: Decision): Reading | null {
  const fired = 'evidence' in verdict ? verdict.evidence : []
  const moved = readings.find(({ guardrail, scope }) => guardrail === factors[0]?.guardrail && scope === factors[0].scope)
  return fired[0] ?? moved ?? strongestFirst(readings)[0] ?? null
}

const POINTS_MAX = 40

/** Of the same candidate: evidence of another one is another story. */
function evidenceOverTime(before: readonly Decision[], { guardrail, scope }: Reading, { candidate }: Decision): readonly Point[] {
  return before
    .filter((decision) => decision.candidate === candidate)
    .flatMap(({ number, judgeTimeMs, readings }) => {
      const reading = readings.find((each) => each.guardrail === guardrail && each.scope === scope)
      return reading === undefined ? [] : [{ number, judgeTimeMs, logEvidence: reading.logEvidence, logLimit: reading.logLimit }]
    })
    .slice(-POINTS_MAX)
}

/** The last move at or before the decision; a move itself was decided in the stage before it. */
function stageSince(before: readonly Decision[], { number }: Decision): number | null {
  const moves = before.filter(
    (decision) => decision.number < number && JSON.stringify(decision.weightsBefore) !== JSON.stringify(decision.weightsAfter),
  )
  return moves.at(-1)?.judgeTimeMs ?? null
}

/** Below this evidence an excess is chance, and nobody's share of it means anything. */
const LOG_NOTABLE = Math.log(4)

/** Segments of the leading guardrail by what they add to the excess, else by evidence. */
function segmentsOf(readings: readonly Reading[], { guardrail }: Reading): readonly SegmentShare[] {
  const mine = readings.filter((reading) => reading.guardrail === guardrail)
  const whole = mine.find(({ scope }) => scope === ALL_SCOPE)
  const isNotable = mine.some(({ logEvidence }) => logEvidence >= LOG_NOTABLE)
  const excess = whole !== undefined && isNotable ? excessOf(whole) : Number.NaN
  const shareOf = (reading: Reading) =>
    reading.detail === whole?.detail ? Math.min(1, Math.max(0, excessOf(reading) / excess)) : Number.NaN
  return mine
    .filter(({ scope, candidateRows }) => scope !== ALL_SCOPE && candidateRows > 0)
    .map((reading) => ({ scope: reading.scope, share: excess > 0 ? shareOf(reading) : Number.NaN, reading }))
    .sort((one, other) => known(other.share) - known(one.share) || other.reading.logEvidence - one.reading.logEvidence)
}

function known(share: number): number {
  return Number.isNaN(share) ? Number.NEGATIVE_INFINITY : share
}

/** Events of the candidate beyond what the control's rate would have given. */
function excessOf({ candidateEvents, candidateRows, controlEvents, controlRows }: Reading): number {
  return controlRows === 0 ? Number.NaN : candidateEvents - (candidateRows * controlEvents) / controlRows
}

const OF_INPUTS: readonly string[] = ['missing', 'unseen', 'feature-drift', 'pair-drift', 'score-drift', 'stale']

/** Readings of guardrails on inputs that name what moved, strongest evidence first, then the larger effect. */
function featuresOf({ readings }: Decision, model: ModelLayout | null): readonly Reading[] {
  const kindOf = (name: string) => model?.plan.guardrails.find((guardrail) => guardrail.name === name)?.kind ?? name
  const told = readings.filter(
    ({ guardrail, detail, logEvidence }) => detail !== '' && logEvidence > 0 && OF_INPUTS.includes(kindOf(guardrail)),
  )
  const effect = ({ estimate }: Reading) => (Number.isFinite(estimate) ? Math.abs(estimate) : 0)
  const beyond = ({ logEvidence, logLimit }: Reading) => logEvidence - logLimit
  return [...told].sort((one, other) => beyond(other) - beyond(one) || effect(other) - effect(one))
}

// ── in lines ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Lines for people. */
export function explanation(stored: StoredDecision, surroundings: Surroundings = ALONE): readonly string[] {
  const { decision } = stored
  const told = explained(stored, surroundings)
  const lines = [
    decision.summary,
    '',
    `question   ${told.question}`,
    ...causeLines(decision),
    '',
    ...recordLines(stored),
    ...ruleLines(told),
    ...reasons(decision),
    ...leadingLines(told),
    ...section('segments', told.segments.slice(0, LISTED_MAX).map(segmentLine)),
    ...section('features', told.features.slice(0, LISTED_MAX).map(featureLine)),
    ...changeLines(decision),
    ...section(
      'profiles',
      told.otherProfiles.map(({ profile, words }) => `${profile}: ${words.join('; ')}`),
    ),
    ...section('next steps', told.nextSteps),
    ...section('override', told.overrides),
    '',
  ]
  return [...lines.map(oneLine), evidenceTable(decision.readings)]
}

const LISTED_MAX = 8

/** The first line has the title, the others stand below it. */
function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.map((line, at) => `${(at === 0 ? title : '').padEnd(10)} ${line}`)
}

function causeLines({ cause, factors }: Decision): readonly string[] {
  if (factors.length === 0) return [`cause      ${cause === '' ? 'none named' : cause}`]
  const [first, ...others] = factors.map(({ kind, words }) => (words.startsWith(kind) ? words : `${kind}: ${words}`))
  return [
    `cause      ${first}`,
    ...section(
      '',
      others.map((words) => `then: ${words}`),
    ),
  ]
}

function recordLines({ decision, partition, offset, hash }: StoredDecision): readonly string[] {
  const { verdict, previousHash } = decision
  return [
    `decision   ${decision.model}#${decision.number}  ${decision.id}`,
    `verdict    ${verdict.kind} by rule ${verdict.rule}, mode ${decision.mode}`,
    `weights    ${weightsText(decision.weightsBefore)} → ${weightsText(decision.weightsAfter)}`,
    `time       ${timeText(decision.judgeTimeMs)} (record time)`,
    `seen       ${decision.rows} rows in ${decision.panes} panes`,
    `policy     ${decision.policyDigest}`,
    `record     partition ${partition}, offset ${offset}, hash ${hash.slice(0, 16)}, previous ${previousHash.slice(0, 16) || 'none'}`,
  ]
}

function ruleLines({ rule, leading }: Explained): readonly string[] {
  const words = rule.words === '' ? [] : [`rule       ${rule.words}`]
  if (leading === null || rule.isSamePolicy === null) return words
  const changed = rule.isSamePolicy ? '' : ' (the policy has changed since; this is what stands there now)'
  if (rule.policy === null) return [...words, `guardrail  ${leading.guardrail}: not in the policy at hand`]
  const where = rule.policy.line === 0 ? 'not written in the policy, so' : `line ${rule.policy.line}:`
  const [first, ...others] = rule.policy.lines
  return [...words, `guardrail  ${leading.guardrail}, ${where} ${first}${changed}`, ...section('', others)]
}

function reasons({ verdict, readings }: Decision): readonly string[] {
  if (verdict.kind === 'hold') return verdict.missing.map((missing) => `missing    ${missing}`)
  if (verdict.kind !== 'promote' && verdict.kind !== 'advance') return []
  return verdict.proofs.map((proof) => `proof      ${proof.guardrail}: ${proofWords(proof, readings)}, ${proof.rows} rows`)
}

function proofWords(proof: NonInferiority, readings: readonly Reading[]): string {
  const { upperEnd, allowed } = proof
  if (isOfSilence(proof, readings)) return `no signal: evidence ${brief(upperEnd)}, a signal from ${brief(allowed)}`
  const { unit = '' } = readings.find(({ guardrail }) => guardrail === proof.guardrail) ?? {}
  const inUnit = (value: number) => (unit === '' || unit.startsWith('share') ? brief(value) : `${brief(value)} ${unit}`)
  return `harm at most ${inUnit(upperEnd)}, allowed ${inUnit(allowed)}`
}

const POINTS_LISTED = 5

function leadingLines({ leading, overTime }: Explained): readonly string[] {
  if (leading === null) return []
  const { guardrail, scope, estimate, intervalLow, intervalHigh, unit, logEvidence, logLimit } = leading
  const effect = Number.isFinite(estimate) ? `${brief(estimate)} (${brief(intervalLow)} … ${brief(intervalHigh)}) ${unit}` : 'has no number'
  const listed = overTime.slice(-POINTS_LISTED).map((point) => `#${point.number} e^${point.logEvidence.toFixed(1)}`)
  return [
    `estimate   ${guardrail} in ${scope}: ${effect}`,
    `evidence   e^${logEvidence.toFixed(1)} against a limit of e^${logLimit.toFixed(1)}`,
    `samples    candidate ${leading.candidateEvents} of ${leading.candidateRows}, control ${leading.controlEvents} of ${leading.controlRows}, ${leading.strata} strata`,
    ...(overTime.length > 1 ? [`over time  ${sparkline(overTime)}  ${listed.join(', ')}`] : []),
  ]
}

function segmentLine({ scope, share, reading }: SegmentShare): string {
  const part = Number.isNaN(share) ? `evidence e^${reading.logEvidence.toFixed(1)}` : `${brief(100 * share)} % of the excess`
  return `${scope}: ${part}, candidate ${reading.candidateEvents}/${reading.candidateRows}, control ${reading.controlEvents}/${reading.controlRows}`
}

function featureLine({ guardrail, scope, detail, estimate, logEvidence, logLimit }: Reading): string {
  const where = scope === ALL_SCOPE ? '' : ` in ${scope}`
  const effect = Number.isFinite(estimate) ? `, effect ${brief(estimate)}` : ''
  return `${guardrail}${where}: ${detail} (e^${logEvidence.toFixed(1)} of e^${logLimit.toFixed(1)}${effect})`
}

function changeLines({ changes, judgeTimeMs }: Decision): readonly string[] {
  const ago = (atMs: number) => `${Math.round((judgeTimeMs - atMs) / 60_000)} min before`
  const lines = changes.map(({ kind, what, who, atMs }) => `${ago(atMs)}: ${kind}, ${what}${who === '' ? '' : `, by ${who}`}`)
  return section('changes', lines.length === 0 ? ['none on record in the 24 h before'] : lines)
}

function evidenceTable(readings: readonly Reading[]): string {
  const rows = strongestFirst(readings).map((reading) => [
    reading.logEvidence >= reading.logLimit ? '!' : ' ',
    reading.guardrail,
    reading.scope,
    reading.logEvidence.toFixed(2),
    reading.logLimit.toFixed(2),
    brief(reading.estimate),
    `${brief(reading.intervalLow)} … ${brief(reading.intervalHigh)}`,
    reading.unit,
    `${reading.candidateEvents}/${reading.candidateRows}`,
    `${reading.controlEvents}/${reading.controlRows}`,
    reading.detail,
  ])
  return table(
    ['', 'GUARDRAIL', 'SCOPE', 'LN E', 'LIMIT', 'EFFECT', 'INTERVAL', 'UNIT', 'CANDIDATE', 'CONTROL', 'DETAIL'],
    rows.map((cells) => cells.map(cell)),
  )
}
