/** Outcome coverage: how many matured predictions have an outcome, per arm. Sums fade by a tenth a stratum, so that an outage shows. */
import { type Arms, DEFAULT_GRID, emptyTwoArm, logEvidenceTwoArm, observeTwoArm } from '../../../detectors/two-arm.ts'
import type { ChainName } from '../../domain.ts'
import { ALL_SCOPE, type Block, type ModelLayout } from '../../policy/layout.ts'
import { logMeanOf } from './series.ts'
import { CANDIDATE, CONTROL, type CoverageSums, type EvidenceState } from './state.ts'
import { blocksOf, type ClosedStratum, type SlotRow } from './strata.ts'

const KEPT = 0.9

const EMPTY: CoverageSums = {
  candidateMatured: 0,
  candidateKnown: 0,
  controlMatured: 0,
  controlKnown: 0,
  more: emptyTwoArm(DEFAULT_GRID),
  fewer: emptyTwoArm(DEFAULT_GRID),
}

export function addCoverage(state: EvidenceState, chain: ChainName, stratum: ClosedStratum, model: ModelLayout): EvidenceState['coverage'] {
  const outcomes = blocksOf(model, chain).filter((block) => block.kind === 'outcome')
  const rows = stratum.rows.get(ALL_SCOPE)
  if (outcomes.length === 0 || !rows) return state.coverage
  const coverage = { ...state.coverage }
  for (const block of outcomes) {
    const arms = armsIn(block, rows)
    const judged = model.hasUnits ? armsIn(block, stratum.first.get(ALL_SCOPE)) : arms
    coverage[keyOf(chain, block)] = fade(coverage[keyOf(chain, block)] ?? EMPTY, arms, judged)
  }
  return coverage
}

export function coverageNow(state: EvidenceState, model: ModelLayout) {
  const chains = [...model.horizons.map((horizon) => horizon.chain), 'described']
  return chains.flatMap((chain) => {
    const outcomes = blocksOf(model, chain).filter((block) => block.kind === 'outcome')
    return outcomes.map((block) => ({ outcome: block.outcome, chain, ...shares(state.coverage[keyOf(chain, block)] ?? EMPTY) }))
  })
}

function armsIn(block: Block, rows: readonly [SlotRow, SlotRow] | undefined): Arms {
  const counts = (arm: typeof CANDIDATE | typeof CONTROL, slot: number) => rows?.[arm].counts[block.countOffset + slot] ?? 0
  return {
    candidateRequests: counts(CANDIDATE, 0),
    controlRequests: counts(CONTROL, 0),
    candidateEvents: counts(CANDIDATE, 1),
    controlEvents: counts(CONTROL, 1),
  }
}

function keyOf(chain: ChainName, block: Block): string {
  return `${chain}|${block.id}|${block.hash}`
}

/** `judged`: first exposures where there are units, since repeated requests are not independent. */
function fade(sums: CoverageSums, arms: Arms, judged: Arms): CoverageSums {
  return {
    candidateMatured: sums.candidateMatured * KEPT + arms.candidateRequests,
    candidateKnown: sums.candidateKnown * KEPT + arms.candidateEvents,
    controlMatured: sums.controlMatured * KEPT + arms.controlRequests,
    controlKnown: sums.controlKnown * KEPT + arms.controlEvents,
    more: observeTwoArm(sums.more, judged, 0, 'more', DEFAULT_GRID),
    fewer: observeTwoArm(sums.fewer, judged, 0, 'fewer', DEFAULT_GRID),
  }
}

function shares(sums: CoverageSums) {
  const evidence = [sums.more, sums.fewer].map((side) => logEvidenceTwoArm(side, DEFAULT_GRID))
  return {
    candidate: sums.candidateMatured > 0 ? sums.candidateKnown / sums.candidateMatured : Number.NaN,
    control: sums.controlMatured > 0 ? sums.controlKnown / sums.controlMatured : Number.NaN,
    candidateMatured: sums.candidateMatured,
    controlMatured: sums.controlMatured,
    logEvidence: logMeanOf(evidence),
  }
}
