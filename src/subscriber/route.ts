/**
 * Which version answers a unit. Deterministic: every gateway, in whatever language, gives the same answer (docs/control-topic.md).
 *
 * A unit is a point on [0, 100). The candidate owns [0, its weight), so its interval only ever grows or shrinks at one end: raising the
 * weight moves units from control to the candidate and no other way, lowering it moves units back. Further versions are stacked from
 * the top downwards in order of name; control owns what is left between.
 */
import { createHash } from 'node:crypto'
import type { SegmentWeights, Weights } from '../domain.ts'

/** The point of a unit: 48 bits of SHA-256. The candidate's name is mixed in, so each rollout tries itself on other units first. */
export function unitPoint(model: string, candidate: string, unit: string): number {
  const digest = createHash('sha256').update(`${model}\n${candidate}\n${unit}`).digest()
  return (digest.readUIntBE(0, 6) / 2 ** 48) * 100
}

export function versionAt(point: number, weights: Weights, control: string, candidate: string): string {
  if (point < (weights[candidate] ?? 0)) return candidate
  let low = 100
  for (const version of Object.keys(weights).sort()) {
    if (version === control || version === candidate) continue
    low -= weights[version]!
    if (point >= low) return version
  }
  return control
}

/** A request's values by dimension, as they stand in the prediction record too. */
export type Attributes = Readonly<Record<string, string | number | boolean | null | undefined>>

/** The first segment, in the command's order, that a request lies in. A request without the attribute lies in none. */
export function segmentOf(segments: readonly SegmentWeights[], attributes: Attributes): SegmentWeights | null {
  return segments.find(({ segment }) => isIn(segment, attributes)) ?? null
}

function isIn(segment: string, attributes: Attributes): boolean {
  const at = segment.indexOf('=')
  const value = attributes[segment.slice(0, at)]
  return value !== undefined && value !== null && String(value) === segment.slice(at + 1)
}

/** Why the segments of a command cannot be obeyed; empty when they can. */
export function segmentsProblem(segments: readonly SegmentWeights[]): string {
  for (const { segment, weights } of segments) {
    if (segment.indexOf('=') < 1) return `${segment} is no segment`
    const problem = weightsProblem(weights)
    if (problem !== '') return `in ${segment} ${problem}`
  }
  return ''
}

/** Why weights cannot be obeyed; empty when they can. */
export function weightsProblem(weights: Weights): string {
  const values = Object.values(weights)
  if (!values.every((weight) => Number.isFinite(weight) && weight >= 0)) return 'a weight is negative or not a number'
  const sum = values.reduce((total, weight) => total + weight, 0)
  return Math.abs(sum - 100) < 0.01 ? '' : `weights sum to ${sum}, not 100`
}
