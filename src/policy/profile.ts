/**
 * Profiles: what `flyball baseline` recorded of healthy traffic, and how guardrails that need no control get their reference from it.
 * A profile is checked against the policy when the policy is loaded: bins that are not the policy's would compare unlike numbers.
 */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { FlyballError } from '../kit/errors.ts'
import { digestOf } from './canonical.ts'
import type { Layout, ModelLayout, SteadyGuardrail, SteadyReference } from './layout.ts'

const count = z.number().min(0)
const block = z.strictObject({
  id: z.string(),
  hash: z.string().describe('Of the block in the policy it was recorded with.'),
  counts: z.array(z.int().min(0)),
})
const version = z.strictObject({
  version: z.string().describe('`__all__`: every version together.'),
  rows: z.int().min(0),
  errors: z.int().min(0),
  errorRate: z.number().nullable(),
  blocks: z.array(block),
})
const suggestion = z.strictObject({
  feature: z.string(),
  rows: z.int().min(0),
  edges: z.array(z.number()).optional().describe('Quantiles: twenty bins of like size.'),
  values: z.array(z.string()).optional().describe('The most frequent ones.'),
})
const model = z.strictObject({
  model: z.string(),
  rows: z.int().min(0),
  hourOfWeek: z.array(count).length(168).describe('Median requests per hour, Monday 00:00 UTC first; 0: never seen whole.'),
  versions: z.array(version),
  suggestions: z.array(suggestion),
})

export const profileSchema = z.strictObject({
  format: z.literal('flyball-profile'),
  formatVersion: z.literal(1),
  policyDigest: z.string(),
  source: z.string(),
  rows: z.int().min(0),
  rejected: z.int().min(0),
  from: z.string().nullable().describe('Time of the first and of the last row.'),
  to: z.string().nullable(),
  models: z.array(model),
})

export type Profile = z.output<typeof profileSchema>
export type ProfileModel = Profile['models'][number]
export type ProfileVersion = ProfileModel['versions'][number]

export const EVERY_VERSION = '__all__'
/** Fewer rows say nothing about a distribution. */
const ROWS_MIN = 100

/** The layout with the references of its steady guardrails read. */
export function withProfiles(layout: Layout): Layout {
  if (!layout.models.some((each) => each.plan.steady?.some((guardrail) => guardrail.profile !== null))) return layout
  return Object.freeze({ ...layout, models: layout.models.map(modelWithProfiles) })
}

function modelWithProfiles(layout: ModelLayout): ModelLayout {
  const { steady } = layout.plan
  if (steady === undefined) return layout
  const read = steady.map((guardrail) =>
    guardrail.profile === null ? guardrail : { ...guardrail, reference: referenceOf(guardrail, layout) },
  )
  return { ...layout, plan: { ...layout.plan, steady: read } }
}

function referenceOf(guardrail: SteadyGuardrail, layout: ModelLayout): SteadyReference {
  const file = guardrail.profile!
  const refuse = (problem: string) => new FlyballError('FLY-POLICY-006', { file, guardrail: guardrail.name, problem })
  const recorded = readProfile(file, refuse).models.find((each) => each.model === layout.name)
  if (recorded === undefined) throw refuse(`it holds nothing of the model ${layout.name}`)
  const everybody = recorded.versions.find((each) => each.version === EVERY_VERSION)
  const counts: Record<string, readonly number[]> = {}
  for (const id of guardrail.blocks) {
    const wanted = layout.exposureBlocks.find((each) => each.id === id)!
    const found = everybody?.blocks.find((each) => each.id === id)
    if (found === undefined) throw refuse(`it holds nothing of ${id}`)
    if (found.hash !== wanted.hash || found.counts.length !== wanted.countSlots) throw refuse(`${id} has other bins in the policy`)
    const rows = found.counts.reduce((sum, each) => sum + each, 0)
    if (rows < ROWS_MIN) throw refuse(`${id} has ${rows} rows, at least ${ROWS_MIN} are needed`)
    counts[id] = found.counts
  }
  const reference = { rows: recorded.rows, counts, hourOfWeek: guardrail.kind === 'volume' ? recorded.hourOfWeek : [] }
  return { digest: digestOf(reference), ...reference }
}

function readProfile(file: string, refuse: (problem: string) => FlyballError): Profile {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw refuse((error as Error).message)
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw refuse(`it is not JSON: ${(error as Error).message}`)
  }
  const checked = profileSchema.safeParse(value)
  if (checked.success) return checked.data
  const [issue] = checked.error.issues
  throw refuse(`${issue!.path.map(String).join('.') || 'it'}: ${issue!.message}`)
}
