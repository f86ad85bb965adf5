/**
 * The detector over the benchmark: one threshold for all files, and the split that says what it is worth on files it was not chosen on.
 *
 * The split was fixed before any score was looked at: within each group the files in the order of their names, the first to the tuning
 * half, the second to the held-out half, and so on in turn. The threshold is the one of a fixed list with the best score on the tuning half
 * (the lower of two equal ones); the held-out half is scored with it once.
 */
import { advanceSeries, emptySeries } from '../../detectors/series.ts'
import { seededRandom } from '../../src/kit/random.ts'
import type { NabData, NabFile } from './files.ts'
import { type FileScore, type Profile, probationRows, scoreFile, type TotalScore, totalScore } from './score.ts'

export const THRESHOLDS: readonly number[] = Array.from({ length: 19 }, (_, index) => (90 + 5 * index) / 100)
const RESAMPLES = 2_000

export type NamedScore = FileScore & { readonly name: string }

/** Every file with one threshold. */
export function scoreAll(data: NabData, threshold: number): readonly NamedScore[] {
  return data.files.map((file) => ({
    name: file.name,
    ...scoreFile(file.points.length, alarmsOf(file, threshold), file.windows, data.standard),
  }))
}

/** Rows with an alarm. Probation and silence are the same rows. */
export function alarmsOf(file: NabFile, threshold: number): readonly number[] {
  const state = emptySeries()
  const rule = { threshold, silentPoints: probationRows(file.points.length) }
  return file.points.flatMap((point, row) => (advanceSeries(state, point, rule).alarm ? [row] : []))
}

/** True: the file belongs to the tuning half. */
export function tuningHalf(names: readonly string[]): ReadonlySet<string> {
  const inGroup = new Map<string, number>()
  const tuning = new Set<string>()
  for (const name of [...names].sort()) {
    const group = name.split('/')[0]!
    const position = inGroup.get(group) ?? 0
    inGroup.set(group, position + 1)
    if (position % 2 === 0) tuning.add(name)
  }
  return tuning
}

export interface SplitResult {
  readonly threshold: number
  readonly tuning: TotalScore
  readonly heldOut: TotalScore
}

export function splitScore(data: NabData): SplitResult {
  const tuningNames = tuningHalf(data.files.map((file) => file.name))
  const tuningData = { ...data, files: data.files.filter((file) => tuningNames.has(file.name)) }
  const heldOutData = { ...data, files: data.files.filter((file) => !tuningNames.has(file.name)) }
  const tried = THRESHOLDS.map((threshold) => ({ threshold, tuning: totalScore(scoreAll(tuningData, threshold), data.standard) }))
  const best = tried.reduce((left, right) => (right.tuning.score > left.tuning.score ? right : left))
  return { ...best, heldOut: totalScore(scoreAll(heldOutData, best.threshold), data.standard) }
}

/** Standard deviation of the total when files are drawn with replacement. */
export function bootstrapDeviation(files: readonly FileScore[], profile: Profile, seed: number): number {
  const random = seededRandom(seed)
  const scores = Array.from({ length: RESAMPLES }, () => {
    const drawn = files.map(() => files[Math.floor(random() * files.length)]!)
    return totalScore(drawn, profile).score
  }).filter((score) => Number.isFinite(score))
  const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length
  return Math.sqrt(scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / (scores.length - 1))
}
