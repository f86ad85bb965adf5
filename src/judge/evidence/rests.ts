/**
 * The rest of the population, once for each segment that the candidate may be kept out of: every guardrail on everybody else, from the
 * first stratum on. It says whether harm lies in the segment alone, and it is what goes on as the whole population when the segment is
 * kept out: evidence that has always been about others neither begins anew nor remembers what is gone.
 */
import { ALL_SCOPE, type ModelLayout } from '../../policy/layout.ts'
import { isBinned, latencyKey, scopesOf } from './events.ts'
import { difference, dimensionOf, narrowedStrata, populationNow, populationOf } from './population.ts'
import { emptySeries } from './series.ts'
import { type EvidenceState, type Series, seriesKey } from './state.ts'
import { type ArmRows, blocksOf, type ClosedStratum, type SlotRow } from './strata.ts'
import { isTempered } from './units.ts'

export interface Rest {
  readonly segment: string
  /** Its scope: everybody but the segment. */
  readonly scope: string
}

const RESTS = new WeakMap<ModelLayout, readonly Rest[]>()
const OTHER = '=__other__'

/** Segments that the candidate may be kept out of. What the policy does not list no gateway could tell. */
export function restsOf(model: ModelLayout): readonly Rest[] {
  const known = RESTS.get(model)
  if (known !== undefined) return known
  const { isolate } = model.plan.rollout
  const mine = model.scopes.filter(({ name }) => isolate !== '' && dimensionOf(name) === isolate && !name.endsWith(OTHER))
  const rests = mine.map(({ name }): Rest => ({ segment: name, scope: scopeOfRest(name) }))
  RESTS.set(model, rests)
  return rests
}

export function scopeOfRest(segment: string): string {
  return `not ${segment}`
}

export function emptyRests(model: ModelLayout): EvidenceState['rests'] {
  const series: Record<string, Series> = {}
  const tempered: Record<string, Series> = {}
  for (const { scope } of restsOf(model)) {
    for (const guardrail of model.plan.guardrails) {
      const key = seriesKey(guardrail, scope)
      series[key] = emptySeries(guardrail, scope, model)
      if (isTempered(guardrail, model)) tempered[key] = series[key]
    }
  }
  return { series, tempered }
}

/** The stratum with the rows of each rest beside those of the segments. In a cohort there is no rest. */
export function withRests(stratum: ClosedStratum, state: EvidenceState, model: ModelLayout): ClosedStratum {
  const rests = restsOf(model)
  if (rests.length === 0) return stratum
  const { without } = populationNow(state)
  if (populationOf(state, stratum.stage).cohort !== '') return stratum
  const open = rests.filter(({ segment }) => !without.includes(segment))
  return { ...stratum, rows: rowsWithRests(stratum.rows, open), first: rowsWithRests(stratum.first, open) }
}

function rowsWithRests(rows: ArmRows, rests: readonly Rest[]): ArmRows {
  const whole = rows.get(ALL_SCOPE)
  if (whole === undefined) return rows
  const more = new Map(rows)
  for (const { segment, scope } of rests) {
    const part = rows.get(segment)
    more.set(scope, part === undefined ? whole : [rowMinus(whole[0], part[0]), rowMinus(whole[1], part[1])])
  }
  return more
}

function rowMinus(whole: SlotRow, part: SlotRow): SlotRow {
  return { counts: difference(whole.counts, part.counts), sums: difference(whole.sums, part.sums) }
}

/** The candidate is kept out of a segment from now on: what was known of everybody else is now what is known of everybody judged. */
export function evidenceWithout(state: EvidenceState, segment: string, model: ModelLayout): EvidenceState {
  const whole = (series: EvidenceState['series'], rests: EvidenceState['series']) => {
    const next = { ...series }
    for (const guardrail of model.plan.guardrails) {
      const key = seriesKey(guardrail, ALL_SCOPE)
      const rest = rests[seriesKey(guardrail, scopeOfRest(segment))]
      if (next[key] !== undefined) next[key] = rest ? { ...rest, scope: ALL_SCOPE } : emptySeries(guardrail, ALL_SCOPE, model)
    }
    return next
  }
  return {
    ...state,
    series: whole(state.series, state.rests.series),
    tempered: whole(state.tempered, state.rests.tempered),
    controlLatency: latencyWithout(state.controlLatency, segment, model),
    rests: emptyRests(model),
  }
}

/** To be called when the new stage has begun: panes that wait in open strata are of those who are judged now. */
export function withNarrowedStrata(state: EvidenceState, model: ModelLayout): EvidenceState {
  return { ...state, chains: narrowedStrata(state, state.chains, model) }
}

function latencyWithout(sums: EvidenceState['controlLatency'], segment: string, model: ModelLayout): EvidenceState['controlLatency'] {
  const blocks = ['exposure', 'described', ...model.horizons.map((horizon) => horizon.chain)].flatMap((chain) => blocksOf(model, chain))
  const kept = { ...sums }
  for (const block of blocks.filter(isBinned)) {
    const rest = kept[latencyKey(block, scopeOfRest(segment))]
    delete kept[latencyKey(block, ALL_SCOPE)]
    if (rest !== undefined) kept[latencyKey(block, ALL_SCOPE)] = rest
    for (const { scope } of restsOf(model)) delete kept[latencyKey(block, scope)]
  }
  return kept
}

/** The segment comes back: what was found in it has been dealt with, and is not held against it again. */
export function evidenceWithAgain(state: EvidenceState, segment: string, model: ModelLayout): EvidenceState {
  const series = { ...state.series }
  const tempered = { ...state.tempered }
  for (const guardrail of model.plan.guardrails.filter((each) => scopesOf(each).includes(segment))) {
    const key = seriesKey(guardrail, segment)
    series[key] = emptySeries(guardrail, segment, model)
    if (tempered[key] !== undefined) tempered[key] = series[key]
  }
  return { ...state, series, tempered, rests: emptyRests(model) }
}
