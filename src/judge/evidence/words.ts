/** Bins, shares and counts in words. */
import { strongestEvent } from '../../../detectors/distribution.ts'
import { DEFAULT_GRID } from '../../../detectors/two-arm.ts'
import type { Block, Guardrail, ModelLayout } from '../../policy/layout.ts'
import { blocksRead, featureName, orderedBins } from './events.ts'
import type { ShapeEvidence } from './state.ts'

/** What moved in a distribution, e.g. `departure_hour: more in [0, 3) (12 % against 4 %)`. */
export function shapeInWords(shape: ShapeEvidence, guardrail: Guardrail, model: ModelLayout): string {
  const block = blocksRead(guardrail, model).find((each) => each.id === shape.block)
  if (!block) return featureName(shape.block)
  const ordered = orderedBins(block)
  const event = strongestEvent(shape.evidence, block.countSlots, ordered, DEFAULT_GRID)
  const holds = (bin: number) => (event.kind === 'bin' ? bin === event.index : bin > event.index && bin < ordered)
  const place = event.kind === 'bin' ? binInWords(block, event.index) : `at or above ${edgeAfter(block, event.index)}`
  const shares = `(${percent(shareOf(shape.candidate, holds))} against ${percent(shareOf(shape.control, holds))})`
  return `${featureName(block.id)}: ${event.direction} ${place} ${shares}`
}

function binInWords(block: Block, bin: number): string {
  if (block.kind === 'feature') return numericBin(block, bin)
  if (block.kind === 'score') return scoreBin(block, bin)
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
