/** Field mappings of the policy → FieldPaths of the layout: where a value lies, and what turns it into ours. */
import type { FieldPath } from './layout.ts'
import type { PolicyModel } from './policy.ts'
import { stepsOf, UNIT_SCALE } from './units.ts'

type Label = string | number | boolean

/** Any field of the policy as written: a path, a mapping, null (not mapped) or left out. */
export type FieldSpec =
  | string
  | null
  | undefined
  | {
      readonly path?: string | string[] | undefined
      readonly value?: string | number | undefined
      readonly default?: string | number | undefined
      readonly unit?: keyof typeof UNIT_SCALE | undefined
      readonly equals?: Label | undefined
      readonly atLeast?: number | undefined
    }

export type FieldRole = 'text' | 'time' | 'number' | 'truth'

/** `native` is the path taken when the policy says nothing; null: then the field is not mapped. */
export function fieldPath(spec: FieldSpec, role: FieldRole, native: string | null): FieldPath | null {
  if (spec === null || (spec === undefined && native === null)) return null
  const written = typeof spec === 'string' ? { path: spec } : (spec ?? {})
  const path = written.path ?? native
  if (path === null && written.value === undefined) return null
  return {
    path: written.value === undefined && path !== null ? stepsOf(path) : [],
    constant: written.value ?? null,
    default: written.default ?? null,
    scale: UNIT_SCALE[written.unit ?? 'ms'],
    test: role === 'truth' ? truthTest(written) : null,
    isTime: role === 'time',
  }
}

function truthTest(written: { readonly equals?: Label | undefined; readonly atLeast?: number | undefined }): FieldPath['test'] {
  if (written.equals !== undefined) return { kind: 'equals', text: String(written.equals) }
  if (written.atLeast !== undefined) return { kind: 'atLeast', limit: written.atLeast }
  return { kind: 'truthy' }
}

/**
 * The decision where no field tells it: the score at or above the threshold. Fields are read once for all models,
 * so models of one input share the threshold (`check.ts` sees to it).
 */
export function decisionFromScore(score: FieldPath | null, models: readonly PolicyModel[]): FieldPath | null {
  if (score === null) return null
  return { ...score, test: { kind: 'atLeast', limit: models[0]?.score.threshold ?? 0.5 } }
}
