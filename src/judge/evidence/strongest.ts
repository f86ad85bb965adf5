/** Readings in the order of how far beyond their limits they are, or how near. */
import type { Reading } from '../../domain.ts'

export function strongestFirst(readings: readonly Reading[]): readonly Reading[] {
  const beyond = ({ logEvidence, logLimit }: Reading) => logEvidence - logLimit
  return [...readings].sort((one, other) => beyond(other) - beyond(one))
}
