/** Arguments of options that several commands take; what cannot be one is a usage error. */
import { InvalidArgumentError } from 'commander'
import { ARTIFACT_WORDS, isArtifact, isDigest, isSegment } from '../kit/subject.ts'
import { DURATION, durationMs } from '../policy/units.ts'

/** Words that people will read. */
export function said(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('must not be empty.')
  return text
}

/** 0 or more, in digits alone. */
export function wholeNumber(text: string): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number)) throw new InvalidArgumentError('must be a whole number.')
  return number
}

export function positiveNumber(text: string): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('must be a whole number above 0.')
  return number
}

/** Milliseconds. */
export function duration(text: string): number {
  const ms = DURATION.test(text) ? durationMs(text) : 0
  if (ms < 1000) throw new InvalidArgumentError('must be a duration of a second or more, like 30s, 5m or 1h.')
  return ms
}

/** Of an artifact, as the policy's `rollout.artifacts` writes it. */
export function digest(text: string): string {
  if (!isDigest(text)) throw new InvalidArgumentError(`${ARTIFACT_WORDS}, as under rollout.artifacts in the policy.`)
  return text
}

export function artifact(text: string): string {
  if (!isArtifact(text)) throw new InvalidArgumentError(`${ARTIFACT_WORDS}, as under rollout.artifacts in the policy, or version:NAME.`)
  return text
}

export function segment(text: string): string {
  if (!/^[^=]+=./.test(text) || !isSegment(text)) throw new InvalidArgumentError('must be dimension=value, such as region=eu.')
  return text
}
