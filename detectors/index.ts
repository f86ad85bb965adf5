/** The list of detectors. A line here enrols one in every suite of test/conformance. */
import { boundedMeanDetector } from './bounded-mean.ts'
import type { Detector } from './detector.ts'
import { distributionDetector } from './distribution.ts'
import { exceedanceDetector } from './exceedance.ts'
import { sampleRatioDetector } from './sample-ratio.ts'
import { silenceDetector } from './silence.ts'
import { twoArmDetector } from './two-arm.ts'

export const DETECTORS: readonly Detector<unknown, unknown>[] = [
  twoArmDetector,
  distributionDetector,
  exceedanceDetector,
  boundedMeanDetector,
  sampleRatioDetector,
  silenceDetector,
]
