/**
 * What to keep when more predictions or outcomes wait than memory is meant for: a sample by the hash of the id, the same ids on both sides.
 *
 * Level n keeps one id in 2ⁿ. Each further level is a part of the one before, so what waits can be thinned out at any time and is still
 * a fair sample. The outcomes' level falls first: outcomes read before the predictions' level falls would be missing otherwise.
 */
export const SAMPLE_LEVEL_MAX = 20

export interface SampleState {
  predictionLevel: number
  outcomeLevel: number
  /** The predictions' level may follow the outcomes' once the predictions clock is past this. */
  followAfterMs: number
}

export function newSample(): SampleState {
  return { predictionLevel: 0, outcomeLevel: 0, followAfterMs: 0 }
}

/** The table uses the low bits of the first lane; these are the high bits of the second. */
export function inSample(id2: number, level: number): boolean {
  return level === 0 || id2 >>> (32 - level) === 0
}

export function raiseLevel(sample: SampleState): void {
  const level = Math.min(SAMPLE_LEVEL_MAX, Math.max(sample.predictionLevel, sample.outcomeLevel) + 1)
  sample.predictionLevel = level
  sample.outcomeLevel = level
}

/** At the start of a slice: one level down when little waits. */
export function relaxLevel(
  sample: SampleState,
  waiting: number,
  waitingMax: number,
  predictionsMs: number,
  outcomesMs: number,
  maxEarlyMs: number,
): void {
  if (sample.outcomeLevel < sample.predictionLevel) {
    if (predictionsMs > sample.followAfterMs) sample.predictionLevel = sample.outcomeLevel
  } else if (sample.outcomeLevel > 0 && waiting < waitingMax / 4) {
    sample.outcomeLevel--
    sample.followAfterMs = outcomesMs + maxEarlyMs
  }
}
