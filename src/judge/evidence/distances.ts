/**
 * How far the candidate's distribution lies from the control's, by the numbers people know from elsewhere. For readers only: none of
 * them knows how many rows it was made from, so none of them is a limit here.
 */
import { hellinger } from '../../../detectors/distances/hellinger.ts'
import { ksDistanceOfCounts } from '../../../detectors/distances/kolmogorov-smirnov.ts'
import { populationStability } from '../../../detectors/distances/population-stability.ts'
import { spearmanOfCounts } from '../../../detectors/distances/spearman.ts'
import { type Block, PAIR_GROUPS } from '../../policy/layout.ts'
import { orderedBins } from './events.ts'
import type { ShapeEvidence } from './state.ts'
import { brief } from './words.ts'

/** e.g. `KS 0.12, PSI 0.14`; empty before both arms have rows. */
export function distancesInWords({ candidate, control }: ShapeEvidence, block: Block): string {
  if (isEmpty(candidate) || isEmpty(control)) return ''
  const index = `PSI ${brief(populationStability(candidate, control))}`
  if (block.kind === 'pair') return [index, ...correlations(candidate, control, block)].join(', ')
  const ordered = orderedBins(block)
  const [ours, theirs] = [candidate.subarray(0, ordered), control.subarray(0, ordered)]
  if (ordered === 0 || isEmpty(ours) || isEmpty(theirs)) return `Hellinger ${brief(hellinger(candidate, control))}, ${index}`
  return `KS ${brief(ksDistanceOfCounts(ours, theirs))}, ${index}`
}

/** Only of two numbers: the groups of a category have no order. */
function correlations(candidate: Float64Array, control: Float64Array, block: Block): readonly string[] {
  if (!block.pair?.every(({ edges }) => edges.length > 0)) return []
  const [ours, theirs] = [spearmanOfCounts(candidate, PAIR_GROUPS), spearmanOfCounts(control, PAIR_GROUPS)]
  return Number.isFinite(ours) && Number.isFinite(theirs) ? [`rank correlation ${brief(ours)} against ${brief(theirs)}`] : []
}

function isEmpty(counts: Float64Array): boolean {
  return counts.every((count) => count === 0)
}
