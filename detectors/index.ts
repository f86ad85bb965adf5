/** The list of detectors. A line here enrols one in every suite of test/conformance. */
import { boundedMeanDetector } from './bounded-mean.ts'
import { calibrationResidualDetector } from './calibration-residual.ts'
import type { Detector } from './detector.ts'
import { distributionDetector } from './distribution.ts'
import { exceedanceDetector } from './exceedance.ts'
import { pairedDetector } from './paired.ts'
import { pairedScoresDetector } from './paired-scores.ts'
import { sampleRatioDetector } from './sample-ratio.ts'
import { silenceDetector } from './silence.ts'
import { twoArmDetector } from './two-arm.ts'

export const DETECTORS: readonly Detector<unknown, unknown>[] = [
  twoArmDetector,
  distributionDetector,
  exceedanceDetector,
  boundedMeanDetector,
  calibrationResidualDetector,
  sampleRatioDetector,
  silenceDetector,
  pairedDetector,
  pairedScoresDetector,
]
