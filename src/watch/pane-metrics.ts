/**
 * Flyball's own panes as series: the volume of each model, error rate and mean latency of each version.
 * Volume is the model's as a whole: that of a version moves whenever Flyball moves traffic, and that is no news.
 */
import type { Pane, PaneCell } from '../domain.ts'
import { ALL_SCOPE } from '../policy/layout.ts'
import type { Measured } from './measured.ts'

/** How far each chain of panes has been taken: a pane that was written again after a crash must not count twice. */
export type TakenThrough = Map<string, number>

/** Empty for panes of outcomes, and for panes that were taken before. */
export function measuredInPane(pane: Pane, taken: TakenThrough): readonly Measured[] {
  if (pane.chain !== 'exposure') return []
  const chain = JSON.stringify([pane.source, pane.model])
  if (pane.to <= (taken.get(chain) ?? 0)) return []
  taken.set(chain, pane.to)
  return pane.cells
    .filter(({ scope, population }) => scope === ALL_SCOPE && population === 'all')
    .flatMap((cell) => measuredInCell(pane, cell))
}

function measuredInCell(pane: Pane, cell: PaneCell): Measured[] {
  const { model, sliceStartMs: timeMs } = pane
  const requests = cell.blocks.get('requests')?.counts[0] ?? 0
  if (requests === 0) return []
  const rate = { model, key: cell.version, kind: 'ratio', group: model } as const
  const measured: Measured[] = [
    { series: { model, metric: 'volume', key: '', kind: 'sum', group: model }, timeMs, amount: requests / pane.sampleRate, weight: 1 },
  ]
  if (pane.blockHashes.has('errors')) {
    const errors = cell.blocks.get('errors')?.counts[0] ?? 0
    measured.push({ series: { ...rate, metric: 'error-rate' }, timeMs, amount: errors, weight: requests })
  }
  const latency = cell.blocks.get('latency')
  const timed = latency === undefined ? 0 : timedRequests(latency.counts)
  if (timed > 0) measured.push({ series: { ...rate, metric: 'latency' }, timeMs, amount: latency!.sums[0]!, weight: timed })
  return measured
}

/** All bins; the last two slots count those without a latency. */
function timedRequests(counts: Float64Array): number {
  return counts.subarray(0, counts.length - 2).reduce((sum, count) => sum + count, 0)
}
