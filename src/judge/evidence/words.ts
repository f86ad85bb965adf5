/** Bins, shares and counts in words. */
import { strongestBias } from '../../../detectors/calibration-residual.ts'
import { strongestEvent } from '../../../detectors/distribution.ts'
import { EVEN_GRID } from '../../../detectors/two-arm.ts'
import { type Block, type Guardrail, type ModelLayout, PAIR_GROUPS, type PairSide } from '../../policy/layout.ts'
import { blocksRead, featureName, orderedBins } from './events.ts'
import type { CalibrationSeries, ShapeEvidence } from './state.ts'

/** What moved in a distribution, e.g. `departure_hour: more in [0, 3) (12 % against 4 %)`. */
export function shapeInWords(shape: ShapeEvidence, guardrail: Guardrail, model: ModelLayout): string {
  const block = blocksRead(guardrail, model).find((each) => each.id === shape.block)
  if (!block) return featureName(shape.block)
  const ordered = orderedBins(block)
  const event = strongestEvent(shape.evidence, block.countSlots, ordered, EVEN_GRID)
  const holds = (bin: number) => (event.kind === 'bin' ? bin === event.index : bin > event.index && bin < ordered)
  const place = placeInWords(block, event)
  const shares = `(${percent(shareOf(shape.candidate, holds))} against ${percent(shareOf(shape.control, holds))})`
  return `${featureName(block.id)}: ${event.direction} ${place} ${shares}`
}

/** A bin, or all ordered ones above it. */
export function placeInWords(block: Block, { kind, index }: { readonly kind: 'bin' | 'above'; readonly index: number }): string {
  return kind === 'bin' ? binInWords(block, index) : `at or above ${edgeAfter(block, index)}`
}

function binInWords(block: Block, bin: number): string {
  if (block.kind === 'feature') return numericBin(block, bin)
  if (block.kind === 'score') return scoreBin(block, bin)
  if (block.kind === 'pair') return pairCell(block, bin)
  const known = block.countSlots - 3
  if (bin >= known) return ['unseen values', 'missing', 'of a wrong type'][bin - known]!
  // Labels are not part of the compiled model: the place in the policy's list has to do.
  return `value no. ${bin + 1} of the list`
}

/** [under, bin 0 … n-1, over, missing, wrong type, not finite]. */
function numericBin(block: Block, bin: number): string {
  const { edges } = block
  const bins = edges.length - 1
  if (bin === 0) return `below ${brief(edges[0]!)}`
  if (bin <= bins) return `in [${brief(edges[bin - 1]!)}, ${brief(edges[bin]!)}${bin === bins ? ']' : ')'}`
  if (bin === bins + 1) return `above ${brief(edges[bins]!)}`
  return ['missing', 'of a wrong type', 'not finite'][bin - bins - 2]!
}

function scoreBin(block: Block, bin: number): string {
  if (bin === block.bins) return 'missing'
  if (bin > block.bins) return 'out of range'
  return `in [${brief(bin / block.bins)}, ${brief((bin + 1) / block.bins)}${bin === block.bins - 1 ? ']' : ')'}`
}

/** The groups of both features, e.g. `age in [30, 40) with income above 90`. */
function pairCell(block: Block, cell: number): string {
  const [first, second] = block.pair!
  if (cell === PAIR_GROUPS ** 2) return 'with one of the two not usable'
  return `where ${groupInWords(first, Math.floor(cell / PAIR_GROUPS))} and ${groupInWords(second, cell % PAIR_GROUPS)}`
}

function groupInWords({ name, edges, values }: PairSide, group: number): string {
  if (edges.length === 0) {
    const isRest = group === PAIR_GROUPS - 1
    return isRest || group >= values ? `${name} is another value` : `${name} is value no. ${group + 1} of the list`
  }
  const bins = edges.length - 1
  const inner = Array.from({ length: bins }, (_, bin) => bin).filter((bin) => Math.floor((bin * PAIR_GROUPS) / bins) === group)
  if (inner.length === 0) return `${name} is above ${brief(edges[bins]!)}`
  const [low, high] = [edges[inner[0]!]!, edges[inner.at(-1)! + 1]!]
  if (group === 0) return `${name} is below ${brief(high)}`
  return group === PAIR_GROUPS - 1 ? `${name} is at or above ${brief(low)}` : `${name} is in [${brief(low)}, ${brief(high)})`
}

/** What the scores of the loudest bin (or of all) said, and what happened. */
export function biasOf({ evidence, rows, positives, scoreSums }: CalibrationSeries) {
  const { bin } = strongestBias(evidence)
  const of = (values: Float64Array) => (bin >= 0 ? values[bin]! : values.reduce((sum, value) => sum + value, 0))
  const count = of(rows)
  return { bin, rows: count, positives: of(positives), said: of(scoreSums) / count, happened: of(positives) / count }
}

/** e.g. `scores in [0.3, 0.4): 52 % happened, 36 % was said`. */
export function biasInWords(series: CalibrationSeries): string {
  const { bin, said, happened } = biasOf(series)
  const bins = series.rows.length
  const which = bin < 0 ? 'all scores' : `scores in [${brief(bin / bins)}, ${brief((bin + 1) / bins)}${bin === bins - 1 ? ']' : ')'}`
  return `${which}: ${percent(happened)} happened, ${percent(said)} was said`
}

/** The upper edge of an ordered bin. */
function edgeAfter(block: Block, bin: number): string {
  return block.kind === 'score' ? brief((bin + 1) / block.bins) : brief(block.edges[bin]!)
}

function shareOf(counts: Float64Array, holds: (bin: number) => boolean): number {
  let events = 0
  let rows = 0
  counts.forEach((count, bin) => {
    rows += count
    if (holds(bin)) events += count
  })
  return events / rows
}

export function percent(share: number): string {
  return `${brief(share * 100)} %`
}

export function brief(value: number): string {
  return String(Number(value.toPrecision(3)))
}

/** 1,240: three digits are enough for an expectation. */
export function about(count: number): string {
  return Math.round(Number(count.toPrecision(3))).toLocaleString('en-US')
}
