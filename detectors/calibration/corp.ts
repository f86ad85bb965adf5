/**
 * CORP: a proper score split into miscalibration, discrimination and uncertainty, without bins chosen by hand.
 *
 * Idea. The best forecaster who keeps the order of the scores says, for each, the frequency found by isotonic regression (pool adjacent
 * violators: neighbours that stand in the wrong order are merged until none do). What the scores lose against him is miscalibration
 * (MCB), what he gains over saying the base rate always is discrimination (DSC), and what the base rate itself scores is uncertainty
 * (UNC): score = MCB − DSC + UNC.
 * Guarantee. MCB and DSC are never negative, and the identity is exact for any proper score. Displays: no interval, no trigger. MCB is
 * above zero by chance too, for isotonic regression fits noise; over ten bins only a little.
 * Cost. A sort and one pass. Blind to: differences of scores within a bin.
 * Source. Dimitriadis, Gneiting & Jordan (PNAS 2021); Ayer et al. (1955) for the pooling.
 */
import { brierOfGroup, type GroupScore } from './proper-scores.ts'
import { type ForecastGroup, rowsOf } from './score-bins.ts'

export interface Decomposition {
  readonly score: number
  readonly miscalibration: number
  readonly discrimination: number
  readonly uncertainty: number
  /** What the best order-keeping forecaster says, per group as given. */
  readonly fit: readonly number[]
}

export function corpDecomposition(groups: readonly ForecastGroup[], scoreOf: GroupScore = brierOfGroup): Decomposition {
  const rows = rowsOf(groups)
  const rate = groups.reduce((sum, { positives }) => sum + positives, 0) / rows
  const fit = isotonicFit(groups)
  const mean = (forecast: (index: number) => number) => groups.reduce((sum, group, i) => sum + scoreOf(forecast(i), group), 0) / rows
  const score = mean((i) => groups[i]!.score)
  const best = mean((i) => fit[i]!)
  const uncertainty = mean(() => rate)
  return { score, miscalibration: score - best, discrimination: uncertainty - best, uncertainty, fit }
}

interface Pool {
  rows: number
  positives: number
  readonly members: number[]
}

function isotonicFit(groups: readonly ForecastGroup[]): readonly number[] {
  const order = groups.map((_, index) => index).sort((one, other) => groups[one]!.score - groups[other]!.score)
  const pools: Pool[] = []
  order.forEach((index, place) => {
    const { score, rows, positives } = groups[index]!
    const isTie = place > 0 && groups[order[place - 1]!]!.score === score
    if (isTie) absorb(pools.at(-1)!, { rows, positives, members: [index] })
    else pools.push({ rows, positives, members: [index] })
  })
  const fit = new Array<number>(groups.length).fill(0)
  for (const { rows, positives, members } of pooled(pools)) for (const index of members) fit[index] = positives / rows
  return fit
}

/** Neighbours whose rates do not rise become one. */
function pooled(pools: readonly Pool[]): readonly Pool[] {
  const done: Pool[] = []
  for (const pool of pools) {
    done.push(pool)
    while (done.length > 1 && rateOf(done.at(-2)!) >= rateOf(done.at(-1)!)) absorb(done.at(-2)!, done.pop()!)
  }
  return done
}

function absorb(pool: Pool, other: Pool): void {
  pool.rows += other.rows
  pool.positives += other.positives
  pool.members.push(...other.members)
}

function rateOf(pool: Pool): number {
  return pool.positives / pool.rows
}
