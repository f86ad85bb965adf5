/**
 * What requests use: GPU time, memory, money. A mean alone hides a candidate that is cheap as a rule and ruinous at times, a tail alone
 * one that is a little dearer always, so each resource has both: a value within bounds, and bins in which exceedances are counted.
 */
import type { GuardrailKind } from './layout.ts'
import type { PolicyGuardrail, PolicyModel, PolicyResource } from './policy.ts'

export const RESOURCE_KINDS: readonly GuardrailKind[] = ['resource', 'resource-tail']

/** Logarithmic, four to the octave; the last one begins at the upper bound, so that a limit may be named there. */
const TAIL_BINS = 64
const TAIL_PER_OCTAVE = 4

export function tailBins({ high }: PolicyResource['bounds']): PolicyModel['latency'] {
  return { firstMs: high / 2 ** ((TAIL_BINS - 1) / TAIL_PER_OCTAVE), perOctave: TAIL_PER_OCTAVE, bins: TAIL_BINS }
}

export function resourceNames({ resources = {} }: PolicyModel): readonly string[] {
  return Object.keys(resources)
}

/** The resource it judges: the one named, or the only one; null: it judges none. */
export function resourceName(written: PolicyGuardrail, model: PolicyModel): string | null {
  if (!RESOURCE_KINDS.includes(written.kind)) return null
  return written.resource ?? resourceNames(model)[0] ?? null
}
