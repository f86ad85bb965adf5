/** What a closed stratum adds: evidence of every guardrail of its chain, the stage's rows, what is learnt about the control. */
import type { ChainName, StreamTimeMs } from '../../domain.ts'
import { ALL_SCOPE, type Block, type Guardrail, type ModelLayout } from '../../policy/layout.ts'
import { addCoverage } from './coverage.ts'
import { driftsOf } from './environment.ts'
import { blocksRead, hasThresholds, isBinned, latencyBlock, latencyCounts, latencyKey, scopesOf, thresholdBins } from './events.ts'
import { NO_MEMORY, remember } from './memory.ts'
import { isMirrored, isPaired } from './paired.ts'
import { restsOf, withRests } from './rests.ts'
import { added, emptySeries, observeSeries, type Surroundings } from './series.ts'
import { CONTROL, currentStage, type EvidenceState, type Series, seriesKey } from './state.ts'
import type { ArmRows, ClosedStratum } from './strata.ts'
import { addUnits, isTempered, placeboFired, type Temper, temperOf } from './units.ts'

/** The control's quantiles are read off its counts once it has served so many requests. */
const ROWS_FOR_QUANTILES = 200

export function addStratum(
  given: EvidenceState,
  chain: ChainName,
  closed: ClosedStratum,
  model: ModelLayout,
  settlingUntilMs: StreamTimeMs,
): EvidenceState {
  const ofChain = model.plan.guardrails.filter((guardrail) => guardrail.chain === chain)
  const guardrails = ofChain.filter((guardrail) => !isPaired(guardrail))
  const state = fixThresholds(given, guardrails, model)
  const stratum = withRests(closed, state, model)
  const inStage = stratum.stage === currentStage(state)
  const around = { state, model, inStage, settled: stratum.sinceMs >= settlingUntilMs }
  return withMemory(
    {
      ...state,
      series: withPairs(observePlain(state, guardrails, chain, stratum, around), ofChain.filter(isPaired), stratum, around),
      tempered: observeTempered(state.tempered, guardrails, chain, stratum, around),
      rests: restsAfter(guardrails, chain, stratum, around),
      units: addUnits(state, guardrails, chain, stratum, model, inStage),
      controlLatency: addLatency(state, guardrails, stratum, model),
      coverage: addCoverage(state, chain, stratum, model),
      stageRows: inStage && countsStageRows(chain, model) ? addStageRows(state.stageRows, stratum) : state.stageRows,
    },
    chain,
    stratum,
    model,
  )
}

/** What has moved is asked once a span: rules look far more often than the answer can change. */
function withMemory(state: EvidenceState, chain: ChainName, stratum: ClosedStratum, model: ModelLayout): EvidenceState {
  const { memory, isNewSpan } = remember(state.memory[chain] ?? NO_MEMORY, stratum)
  const drifts = isNewSpan ? driftsOf(memory.spans, chain, state, model) : memory.drifts
  return { ...state, memory: { ...state.memory, [chain]: { ...memory, drifts } } }
}

/**
 * Who is seen first speaks once. Of a mirrored request both versions are seen, and which of them first depends on which was faster: that
 * says nothing of who is worse, so there all requests are judged, their bets divided as those of repeated requests are.
 */
function observePlain(
  state: EvidenceState,
  guardrails: readonly Guardrail[],
  chain: ChainName,
  stratum: ClosedStratum,
  around: Surroundings,
): EvidenceState['series'] {
  if (!around.model.hasUnits) return observeAll(state.series, guardrails, stratum.rows, around)
  if (stratum.stage !== state.mirroredStage) return observeAll(state.series, guardrails, stratum.first, around)
  const tempers = tempersOf(state, chain, around.model)
  const temperFor = (guardrail: Guardrail) => (isTempered(guardrail, around.model) ? tempers(guardrail) : () => 1)
  return observeAll(state.series, guardrails, stratum.rows, around, temperFor)
}

/** Pairs of a mirrored stage, all requests of it; what matures when the stage is over is of no use any more. */
function withPairs(
  series: EvidenceState['series'],
  guardrails: readonly Guardrail[],
  stratum: ClosedStratum,
  around: Surroundings,
): EvidenceState['series'] {
  return around.inStage && isMirrored(around.state) ? observeAll(series, guardrails, stratum.rows, around) : series
}

/** Every guardrail of the chain in every scope that has rows. */
function observeAll(
  before: EvidenceState['series'],
  guardrails: readonly Guardrail[],
  rows: ArmRows,
  around: Surroundings,
  temperFor?: (guardrail: Guardrail) => Temper,
  scopes: (guardrail: Guardrail) => readonly string[] = scopesOf,
): EvidenceState['series'] {
  const series: Record<string, Series> = { ...before }
  for (const guardrail of guardrails) {
    const surroundings = temperFor ? { ...around, temper: temperFor(guardrail) } : around
    for (const scope of scopes(guardrail)) {
      const arms = rows.get(scope)
      if (!arms) continue
      const key = seriesKey(guardrail, scope)
      series[key] = observeSeries(series[key] ?? emptySeries(guardrail, scope, around.model), guardrail, arms, surroundings)
    }
  }
  return series
}

function restsAfter(
  guardrails: readonly Guardrail[],
  chain: ChainName,
  stratum: ClosedStratum,
  around: Surroundings,
): EvidenceState['rests'] {
  const { state, model } = around
  const scopes = restsOf(model).map(({ scope }) => scope)
  if (scopes.length === 0) return state.rests
  return {
    series: observeAll(state.rests.series, guardrails, model.hasUnits ? stratum.first : stratum.rows, around, undefined, () => scopes),
    tempered: observeTempered(state.rests.tempered, guardrails, chain, stratum, around, () => scopes),
  }
}

/** All requests of a model with units: bets divided by the design effect known before this stratum; none once a placebo has fired. */
function observeTempered(
  before: EvidenceState['tempered'],
  guardrails: readonly Guardrail[],
  chain: ChainName,
  stratum: ClosedStratum,
  around: Surroundings,
  scopes?: (guardrail: Guardrail) => readonly string[],
): EvidenceState['tempered'] {
  const { state, model } = around
  const judged = guardrails.filter((guardrail) => isTempered(guardrail, model))
  if (judged.length === 0) return before
  return observeAll(before, judged, stratum.rows, around, tempersOf(state, chain, model), scopes)
}

function tempersOf(state: EvidenceState, chain: ChainName, model: ModelLayout): (guardrail: Guardrail) => Temper {
  const cache = new Map<string, number>()
  const hasFired = placeboFired(state, chain) !== null
  return (guardrail) => (hasFired ? () => Number.POSITIVE_INFINITY : temperOf(guardrail, state, model, cache))
}

/** Thresholds of a stage are fixed before its first stratum is judged, from strata before: they cannot follow what they judge. */
function fixThresholds(state: EvidenceState, guardrails: readonly Guardrail[], model: ModelLayout): EvidenceState {
  const missing = guardrails.filter((guardrail) => hasThresholds(guardrail) && !state.thresholdBins[guardrail.name])
  if (missing.length === 0) return state
  const bins = { ...state.thresholdBins }
  for (const guardrail of missing) {
    const block = latencyBlock(guardrail, model)
    const control = block && state.controlLatency[latencyKey(block, ALL_SCOPE)]
    const found = block && thresholdBins(guardrail, block, control, ROWS_FOR_QUANTILES)
    if (found) bins[guardrail.name] = found
  }
  return { ...state, thresholdBins: bins }
}

function addLatency(
  state: EvidenceState,
  guardrails: readonly Guardrail[],
  stratum: ClosedStratum,
  model: ModelLayout,
): EvidenceState['controlLatency'] {
  const limited = guardrails.filter(hasThresholds)
  if (limited.length === 0) return state.controlLatency
  const sums = { ...state.controlLatency }
  for (const [block, scopes] of scopesOfBinned(limited, model)) {
    for (const scope of scopes) {
      const row = stratum.rows.get(scope)?.[CONTROL]
      const key = latencyKey(block, scope)
      if (row) sums[key] = sums[key] ? added(sums[key], latencyCounts(block, row)) : latencyCounts(block, row).slice()
    }
  }
  return sums
}

/** Where a guardrail reads each block: of another block's segments nothing of it is known, and no row holds its slots there. */
function scopesOfBinned(limited: readonly Guardrail[], model: ModelLayout): ReadonlyMap<Block, ReadonlySet<string>> {
  const rests = restsOf(model).map(({ scope }) => scope)
  const found = new Map<Block, Set<string>>()
  for (const guardrail of limited) {
    for (const block of blocksRead(guardrail, model).filter(isBinned)) {
      const known = found.get(block) ?? new Set(rests)
      found.set(block, new Set([...known, ...scopesOf(guardrail)]))
    }
  }
  return found
}

function countsStageRows(chain: ChainName, model: ModelLayout): boolean {
  return chain === (model.exposureBlocks.length > 0 ? 'exposure' : 'described')
}

function addStageRows(rows: EvidenceState['stageRows'], stratum: ClosedStratum): EvidenceState['stageRows'] {
  return { candidate: rows.candidate + stratum.candidate, control: rows.control + stratum.control, panes: rows.panes + stratum.panes }
}
