/**
 * Does harm lie in one segment alone? Then the candidate need not leave the others.
 *
 * It does when the segment has convicted itself (its own reading has reached its limit; or, where only the whole population's has, the
 * segment's evidence has come as far as that one needs) AND everybody else is calm: no guardrail that acts is within a quarter of its
 * limit on the rest, and what is seen of the guilty one there is less than half of what is seen in the segment. The rest has its own
 * evidence from the first stratum on, which goes on when the segment is kept out: were the rest harmed after all, only too little seen
 * as yet, it is rolled back as soon as that evidence suffices.
 */
import { meanDifference } from '../../../detectors/effects.ts'
import type { Reading } from '../../domain.ts'
import { ALL_SCOPE, type Guardrail, type ModelLayout } from '../../policy/layout.ts'
import { placesOf } from './asked.ts'
import { dimensionOf, populationNow } from './population.ts'
import { lambdasOf, readingOf, type Strength, strengthsOf } from './readings.ts'
import { restsOf, scopeOfRest } from './rests.ts'
import { isScore, logEvidenceOf, logEvidenceOfEvent, logMeanOf } from './series.ts'
import { type EvidenceState, type Series, seriesKey } from './state.ts'
import { isSteadyReading } from './steady/readings.ts'
import { placeboFired } from './units.ts'

export interface Located {
  /** Empty: harm is not in one segment alone, and `why` says what speaks against it. */
  readonly segment: string
  readonly evidence: readonly Reading[]
  readonly why: string
}

/** A quarter of the evidence that acts is near enough. */
const LOG_NEAR = Math.log(4)
/** Rows of the candidate in the rest, as a share of those in the segment and at least: fewer would be calm whatever it does there. */
const REST_ROWS_SHARE = 0.5
const REST_ROWS_MIN = 20
const REST_EFFECT_MAX = 0.5

/** `acting`: the readings that call for a rollback, strongest first. */
export function locate(state: EvidenceState, model: ModelLayout, acting: readonly Reading[]): Located {
  const { isolate } = model.plan.rollout
  const { cohort, without } = populationNow(state)
  if (cohort !== '') return nowhere(`the candidate is tried in ${cohort} alone`)
  const alien = acting.find((reading) => isSteadyReading(reading, model) || !isOf(isolate, reading.scope))
  if (alien !== undefined) return nowhere(`${alien.guardrail} speaks in ${placeWords(alien.scope)}`)
  const guilty = guiltyOf(state, model, acting)
  if (guilty === undefined) return nowhere(`no ${isolate} stands out`)
  const segment = guilty.series.scope
  const most = Math.floor(restsOf(model).length / 2)
  if (without.length + 1 > most) return nowhere(`it may be kept out of ${most} of ${restsOf(model).length} ${isolate} segments at most`)
  const unrest = unrestWithout(state, model, guilty)
  if (unrest !== '') return nowhere(unrest)
  const own = readingOf(guilty, state, model)
  const others = acting.filter((reading) => reading.scope !== segment || reading.guardrail !== own.guardrail)
  return { segment, evidence: [own, ...others], why: '' }
}

function nowhere(why: string): Located {
  return { segment: '', evidence: [], why }
}

function isOf(dimension: string, scope: string): boolean {
  return scope === ALL_SCOPE || dimensionOf(scope) === dimension
}

function placeWords(scope: string): string {
  return scope === ALL_SCOPE ? 'the whole population' : scope
}

/** The segment whose evidence is furthest beyond what acts there; where none acts, the one that would as the whole population. */
function guiltyOf(state: EvidenceState, model: ModelLayout, acting: readonly Reading[]): Strength | undefined {
  const segments = new Set(restsOf(model).map(({ segment }) => segment))
  const spoke = acting.map(({ scope }) => scope).filter((scope) => scope !== ALL_SCOPE)
  if (spoke.some((scope) => !segments.has(scope))) return undefined
  const strengths = model.plan.guardrails
    .filter((guardrail) => acting.some((reading) => reading.guardrail === guardrail.name))
    .flatMap((guardrail) => strengthsOf(guardrail, state, model))
    .filter(({ series, ...strength }) => {
      if (spoke.length > 0) return acting.some((reading) => reading.scope === series.scope && reading.guardrail === strength.guardrail.name)
      return strength.logEvidence >= limitOfWhole(strength.guardrail, model)
    })
  const ordered = strengths.filter(({ series }) => segments.has(series.scope)).sort((one, other) => beyond(other) - beyond(one))
  return ordered[0]
}

function beyond({ logEvidence, logLimit }: Strength): number {
  return logEvidence - logLimit
}

function limitOfWhole(guardrail: Guardrail, model: ModelLayout): number {
  return placesOf(guardrail, model)[0]!.logLimit
}

/** What speaks against everybody but the guilty segment being well; empty: nothing. */
function unrestWithout(state: EvidenceState, model: ModelLayout, { guardrail: guilty, series }: Strength): string {
  const scope = scopeOfRest(series.scope)
  let rows = 0
  for (const guardrail of model.plan.guardrails) {
    const rest = restIn(state, guardrail, scope)
    if (rest === undefined) continue
    rows = Math.max(rows, rowsOf(rest))
    if (guardrail.action !== 'rollback') continue
    if (!(evidenceOfRest(state, guardrail, scope, model) < limitOfWhole(guardrail, model) - LOG_NEAR))
      return `${guardrail.name} speaks outside ${series.scope} too`
  }
  if (rows < Math.max(REST_ROWS_MIN, REST_ROWS_SHARE * rowsOf(series)))
    return `outside ${series.scope} only ${rows} requests of the candidate are known`
  const rest = restIn(state, guilty, scope)
  const [there, here] = [rest ? effectOf(rest) : Number.NaN, effectOf(series)]
  if (there * here > 0 && Math.abs(there) > REST_EFFECT_MAX * Math.abs(here))
    return `outside ${series.scope} ${guilty.name} looks no better by half`
  return ''
}

function restIn({ rests }: EvidenceState, guardrail: Guardrail, scope: string): Series | undefined {
  const key = seriesKey(guardrail, scope)
  return rests.tempered[key] ?? rests.series[key]
}

/** As `evidenceIn` has it of a scope. */
function evidenceOfRest(state: EvidenceState, guardrail: Guardrail, scope: string, model: ModelLayout): number {
  const key = seriesKey(guardrail, scope)
  const lambdas = isScore(guardrail) ? lambdasOf(guardrail, model) : []
  const [plain, tempered] = [state.rests.series[key], state.rests.tempered[key]]
  const logPlain = plain ? logEvidenceOf(plain, lambdas) : 0
  if (tempered === undefined) return logPlain
  return placeboFired(state, guardrail.chain) === null ? logMeanOf([logPlain, logEvidenceOf(tempered, lambdas)]) : logPlain - Math.LN2
}

/** Of the candidate, over all strata. */
function rowsOf(series: Series): number {
  if (series.kind === 'score') return series.candidateRows
  if (series.kind === 'paired') return series.tally.pairs
  if (series.kind === 'paired-scores') return series.pairs
  if (series.kind === 'events') return Math.max(0, ...series.events.map(({ whole }) => whole.candidateRequests))
  const counts = series.kind === 'shape' ? series.blocks.map(({ candidate }) => candidate) : [series.rows]
  return Math.max(0, ...counts.map((each) => each.reduce((sum, count) => sum + count, 0)))
}

/** Candidate minus control, of the event that speaks loudest; NaN where there is no such number. */
function effectOf(series: Series): number {
  if (series.kind === 'score') return meanDifference(series.effect).estimate
  if (series.kind !== 'events') return Number.NaN
  const logs = series.events.map(logEvidenceOfEvent)
  const whole = series.events[logs.indexOf(Math.max(...logs))]?.whole
  if (whole === undefined || whole.candidateRequests === 0 || whole.controlRequests === 0) return Number.NaN
  return whole.candidateEvents / whole.candidateRequests - whole.controlEvents / whole.controlRequests
}
