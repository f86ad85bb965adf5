/**
 * What a detector is, on one screen.
 *
 * A detector turns strata of counts into evidence against "no harm". It is plain-data state and pure functions: no clock, no chance,
 * no packages. Each file of this folder says in prose what it looks for, its formula, what it promises, what it costs and what it is
 * blind to, exports its functions, and describes itself as a Detector. A line in index.ts enrols it in every suite of
 * test/conformance: sample streams below are what it is examined on.
 */
import type { Random } from './math/random.ts'

/** `healthy`: the stream on which it must stay silent, at the edge of what it allows. `harmful`: what it must find. */
export type Truth = 'healthy' | 'harmful'

export interface Detector<State, Observation> {
  readonly name: string
  /** State before anything was seen. */
  empty(): State
  /** Adds one stratum. Never changes what it is given. */
  observe(state: State, stratum: Observation): State
  /** Natural logarithm of the evidence: P(ever ≥ ln 1/α) ≤ α on healthy streams. */
  logEvidence(state: State): number
  /** Stratum number `index` of a sample stream. */
  sample(random: Random, truth: Truth, index: number): Observation
  /** A stratum that lacks an arm or has no rows: it must change nothing. */
  readonly nothing: Observation
  /** Harmful streams of `sample` must be found at 1 % within so many strata, nine times in ten. */
  readonly findsWithin: number
  /** False when the state holds typed arrays, for speed: it is stored by its owner, not as JSON. */
  readonly stateIsJson: boolean
}
