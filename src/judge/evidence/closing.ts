/** What a closed stratum adds: evidence of every guardrail of its chain, the stage's rows, what is learnt about the control. */
import type { ChainName, StreamTimeMs } from '../../domain.ts'
import { ALL_SCOPE, type Guardrail, type ModelLayout } from '../../policy/layout.ts'
import { addCoverage } from './coverage.ts'
import { blocksRead, latencyBlock, latencyCounts, latencyKey, scopesOf, thresholdBins } from './events.ts'
import { added, emptySeries, observeSeries } from './series.ts'
import { CONTROL, currentStage, type EvidenceState, type Series, seriesKey } from './state.ts'
import type { ClosedStratum } from './strata.ts'

/** The control's quantiles are read off its counts once it has served so many requests. */
const ROWS_FOR_QUANTILES = 200

export function addStratum(
  given: EvidenceState,
  chain: ChainName,
  stratum: ClosedStratum,
  model: ModelLayout,
  settlingUntilMs: StreamTimeMs,
): EvidenceState {
  const guardrails = model.plan.guardrails.filter((guardrail) => guardrail.chain === chain)
  const state = fixThresholds(given, guardrails, model)
  const inStage = stratum.stage === currentStage(state)
  const around = { state, model, inStage, settled: stratum.sinceMs >= settlingUntilMs }
  const series: Record<string, Series> = { ...state.series }
  for (const guardrail of guardrails) {
    for (const scope of scopesOf(guardrail)) {
      const rows = stratum.rows.get(scope)
      if (!rows) continue
      const key = seriesKey(guardrail.name, scope)
      series[key] = observeSeries(series[key] ?? emptySeries(guardrail, scope, model), guardrail, rows, around)
    }
  }
  return {
    ...state,
    series,
    controlLatency: addLatency(state, guardrails, stratum, model),
    coverage: addCoverage(state, chain, stratum, model),
    stageRows: inStage && countsStageRows(chain, model) ? addStageRows(state.stageRows, stratum) : state.stageRows,
  }
}

/** Thresholds of a stage are fixed before its first stratum is judged, from strata before: they cannot follow what they judge. */
function fixThresholds(state: EvidenceState, guardrails: readonly Guardrail[], model: ModelLayout): EvidenceState {
  const missing = guardrails.filter((guardrail) => guardrail.kind === 'latency' && !state.thresholdBins[guardrail.name])
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
  const latency = guardrails.filter((guardrail) => guardrail.kind === 'latency')
  if (latency.length === 0) return state.controlLatency
  const sums = { ...state.controlLatency }
  const scopes = new Set(latency.flatMap(scopesOf))
  const blocks = new Set(latency.flatMap((guardrail) => blocksRead(guardrail, model).filter((block) => block.kind === 'latency')))
  for (const block of blocks) {
    for (const scope of scopes) {
      const row = stratum.rows.get(scope)?.[CONTROL]
      const key = latencyKey(block, scope)
      if (row) sums[key] = sums[key] ? added(sums[key], latencyCounts(block, row)) : latencyCounts(block, row).slice()
    }
  }
  return sums
}

function countsStageRows(chain: ChainName, model: ModelLayout): boolean {
  return chain === (model.exposureBlocks.length > 0 ? 'exposure' : 'described')
}

function addStageRows(rows: EvidenceState['stageRows'], stratum: ClosedStratum): EvidenceState['stageRows'] {
  return { candidate: rows.candidate + stratum.candidate, control: rows.control + stratum.control, panes: rows.panes + stratum.panes }
}
