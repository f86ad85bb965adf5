/** The numbers docs/method.md works with: small cases put through the product's own functions. */
import { logMarginFromPoints } from '../../detectors/margin.ts'
import { deviationOfRate, promotionProof, rowsNeeded } from '../../detectors/risk-budget.ts'
import { type Arms, DEFAULT_GRID, emptyTwoArm, logEvidenceTwoArm, observeTwoArm } from '../../detectors/two-arm.ts'
import type { Section, SectionOptions } from './section.ts'

/** 2,000 requests, 100 of them the candidate's; errors at 2 % where nothing is wrong. */
const STRATUM = { candidateRequests: 100, controlRequests: 1_900 } as const
const MARGIN_POINTS = 0.005
const PROMOTION_ALPHA = 0.05
const BASE_RATE = 0.02

export async function worked({ log }: SectionOptions): Promise<Section> {
  log('worked numbers')
  const json = { worked: { ...evidenceFigures(), ...marginFigures(), ...rowFigures() } }
  const lines = Object.entries(json.worked).map(([name, value]) => `| ${name} | ${Number(value.toPrecision(4))} |`)
  const markdown = `Small cases put through the product's own functions, for docs/method.md.\n\n| | |\n|---|---|\n${lines.join('\n')}\n`
  return { title: 'Worked numbers', markdown, json, plots: [] }
}

function evidenceFigures() {
  const quiet = strata(1, { candidateEvents: 2, controlEvents: 38 })
  const loud = strata(1, { candidateEvents: 8, controlEvents: 38 })
  const lasting = Array.from({ length: 10 }, (_, index) => strata(index + 1, { candidateEvents: 6, controlEvents: 38 }))
  return {
    evidenceAfterQuietStratum: quiet,
    evidenceAfterLoudStratum: loud,
    evidenceAfterThreeOfSix: lasting[2]!,
    strataOfSixUntilActs: lasting.findIndex((evidence) => evidence >= 100) + 1,
  }
}

/** Evidence after so many equal strata. */
function strata(count: number, events: Pick<Arms, 'candidateEvents' | 'controlEvents'>): number {
  let state = emptyTwoArm(DEFAULT_GRID)
  for (let stratum = 0; stratum < count; stratum += 1) {
    state = observeTwoArm(state, { ...STRATUM, ...events }, logMarginFromPoints(MARGIN_POINTS, 380, 19_000), 'more', DEFAULT_GRID)
  }
  return Math.exp(logEvidenceTwoArm(state, DEFAULT_GRID))
}

function marginFigures() {
  const oddsRatio = (rate: number) => Math.exp(logMarginFromPoints(MARGIN_POINTS, rate * 100_000, 100_000))
  return { oddsRatioAtTwoPercent: oddsRatio(0.02), oddsRatioAtThirtyPercent: oddsRatio(0.3) }
}

/** Rows of both arms until an equal candidate's step is proven, at the split it stands at. */
function rowFigures() {
  const rows = (share: number, nextWeight: number) => {
    const { allowed } = promotionProof({ nextWeight, intervalHigh: 0, margin: MARGIN_POINTS, riskFactor: 1 })
    return rowsNeeded({ deviation: deviationOfRate(BASE_RATE, share), halfWidth: allowed / nextWeight, alpha: PROMOTION_ALPHA })
  }
  return {
    rowsFromOneToFive: rows(0.01, 0.05),
    rowsFromFiveToTwentyFive: rows(0.05, 0.25),
    rowsFromTwentyFiveToFifty: rows(0.25, 0.5),
    rowsFromFiftyToAll: rows(0.5, 1),
    rowsFromOneToFiveAtFullMargin: rows(0.01, 1),
  }
}
