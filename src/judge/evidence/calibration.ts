/**
 * Probability quality in words, from sums per score bin: for people who read a reading, never for a verdict.
 *
 * Kept per arm for the whole population only, over all strata since the pair began: what a bin says is slow to learn.
 */
import { corpDecomposition } from '../../../detectors/calibration/corp.ts'
import { expectedCalibrationError, expectedErrorByChance } from '../../../detectors/calibration/expected-error.ts'
import { brierOfGroup, logScoreOfGroup } from '../../../detectors/calibration/proper-scores.ts'
import { reliabilityDiagram, worstBin } from '../../../detectors/calibration/reliability.ts'
import { addScoreBins, type ForecastGroup, groupsOf, rowsOf, type ScoreBins } from '../../../detectors/calibration/score-bins.ts'
import { smoothCalibrationError } from '../../../detectors/calibration/smooth-error.ts'
import { debiasedSquaredError } from '../../../detectors/calibration/squared-error.ts'
import { aucOfBins } from '../../../detectors/distances/auc.ts'
import { estimatedPerformance } from '../../../detectors/estimated-performance.ts'
import type { Block } from '../../policy/layout.ts'
import { type ArmBins, CANDIDATE, CONTROL } from './state.ts'
import type { SlotRow } from './strata.ts'
import { about, brief, percent } from './words.ts'

/** Of one bin's interval: one bin in twenty or so lies outside by chance. */
const ALPHA = 0.005
/** Fewer rows say nothing about ten bins. */
const ROWS_SHOWN = 100

/** Adds a stratum's rows, positives and Σ score per bin of both arms. */
export function withScoreBins(bins: ArmBins | undefined, block: Block, rows: readonly [SlotRow, SlotRow]): ArmBins {
  const candidate = scoreBinsOf(block, rows[CANDIDATE])
  const control = scoreBinsOf(block, rows[CONTROL])
  return bins ? [addScoreBins(bins[CANDIDATE], candidate), addScoreBins(bins[CONTROL], control)] : [candidate, control]
}

/** Counts: rows, then positives, per bin. Sums: Σ score per bin stands last. */
function scoreBinsOf(block: Block, row: SlotRow): ScoreBins {
  const { bins, countOffset } = block
  return {
    rows: numbersOf(row.counts, countOffset, bins),
    positives: numbersOf(row.counts, countOffset + bins, bins),
    scoreSums: numbersOf(row.sums, block.sumOffset + block.sumSlots - bins, bins),
  }
}

function numbersOf(numbers: Float64Array, from: number, length: number): number[] {
  const found = new Array<number>(length)
  for (let at = 0; at < length; at++) found[at] = numbers[from + at]!
  return found
}

/**
 * e.g. `scores in [0.7, 0.8): 61 % happened, 72 % was said; calibration error 0.031 (control 0.012), MCB 0.012 (0.004), …`.
 * Empty before there are rows enough. `floor` clips what the log score is split at.
 */
export function calibrationInWords([candidate, control]: ArmBins, kind: 'log-score' | 'brier', floor: number): string {
  const groups = groupsOf(candidate)
  if (rowsOf(groups) < ROWS_SHOWN) return ''
  const [ours, theirs] = [groups, groupsOf(control)].map((each) => qualityOf(each, kind, floor))
  const both = (name: keyof Quality) => `${brief(ours![name])} (${theirs && Number.isFinite(theirs[name]) ? brief(theirs[name]) : '–'})`
  const numbers = [
    `calibration error ${both('error')}`,
    `MCB ${both('miscalibration')}`,
    `DSC ${both('discrimination')}`,
    `UNC ${both('uncertainty')}`,
    `smECE ${both('smooth')}`,
    `ECE ${brief(ours!.expected)}, of which a perfect model shows ${brief(ours!.byChance)}`,
    `AUC ${brief(aucOfBins(candidate.rows, candidate.positives))} (${brief(aucOfBins(control.rows, control.positives))})`,
  ]
  return `${worstInWords(candidate)}; ${numbers.join(', ')}; in brackets the control`
}

interface Quality {
  /** Root of the debiased square; zero where chance alone explains the gaps. */
  readonly error: number
  readonly miscalibration: number
  readonly discrimination: number
  readonly uncertainty: number
  readonly smooth: number
  readonly expected: number
  readonly byChance: number
}

function qualityOf(groups: readonly ForecastGroup[], kind: 'log-score' | 'brier', floor: number): Quality | undefined {
  if (groups.length === 0) return undefined
  const clipped = groups.map((group) => ({ ...group, score: Math.min(1 - floor, Math.max(floor, group.score)) }))
  const { miscalibration, discrimination, uncertainty } =
    kind === 'brier' ? corpDecomposition(groups, brierOfGroup) : corpDecomposition(clipped, logScoreOfGroup)
  return {
    error: Math.sqrt(Math.max(0, debiasedSquaredError(groups))),
    miscalibration,
    discrimination,
    uncertainty,
    smooth: smoothCalibrationError(groups),
    expected: expectedCalibrationError(groups),
    byChance: expectedErrorByChance(groups),
  }
}

function worstInWords(bins: ScoreBins): string {
  const worst = worstBin(reliabilityDiagram(bins, ALPHA))
  if (!worst) return 'scores as a whole'
  const { from, to, said, happened } = worst
  return `scores in [${brief(from)}, ${brief(to)}${to === 1 ? ']' : ')'}: ${percent(happened)} happened, ${percent(said)} was said`
}

/** What the scores seen so far let expect, recalibrated on what has matured: an early warning and no proof. Empty when nothing has. */
export function performanceInWords(candidate: Float64Array, control: Float64Array, matured: ArmBins): string {
  const [ours, theirs] = [estimatedPerformance(candidate, matured[CANDIDATE]), estimatedPerformance(control, matured[CONTROL])]
  if (ours.matured < ROWS_SHOWN || theirs.matured < ROWS_SHOWN) return ''
  const expected = `${percent(ours.wrong)} ± ${percent(2 * ours.standardError)} wrong expected from the scores (control ${percent(theirs.wrong)})`
  return `${expected}, going by ${about(ours.matured)} outcomes: a warning, no proof`
}
