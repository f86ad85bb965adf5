/**
 * What a user publishes about a version of a model: data, features, training run, artifact, parent, plan. JSON on the `versions` topic,
 * keyed by model; the last record about a version counts. Names follow OpenLineage (job, run, datasets with namespace and name); further
 * facets pass through untouched. `schemas/versions.schema.json` is derived from here.
 */
import { z } from 'zod'
import { FlyballError } from '../kit/errors.ts'
import { ARTIFACT_WORDS, DIGEST } from '../kit/subject.ts'

const text = z.string().min(1).max(500)
const digest = z.string().regex(DIGEST, ARTIFACT_WORDS)

const dataset = z.strictObject({
  namespace: text.describe('Where it lives, as OpenLineage names it: s3://bucket, postgres://host:port, …'),
  name: text,
  version: text.optional(),
  digest: digest.optional(),
})

const versionSchema = z.strictObject({
  model: text.describe('As the policy names it.'),
  version: text.describe('As predictions name it.'),
  artifact: digest.optional().describe('Digest of what is served. The same as under rollout.artifacts in the policy.'),
  parent: text.optional().describe('Version of the same model that it was made from.'),
  trainingRun: z
    .strictObject({
      runId: text,
      job: z.strictObject({ namespace: text, name: text }).optional(),
      code: text.optional().describe('Commit, or image, that trained it.'),
      startedAt: z.iso.datetime({ offset: true }).optional(),
    })
    .optional(),
  datasets: z.array(dataset).max(200).default([]).describe('What it was trained on.'),
  featureSet: z.strictObject({ name: text, version: text.optional(), features: z.array(text).max(2_000).default([]) }).optional(),
  plan: text.optional().describe('Where its release is planned: a link, or the name of a document.'),
  createdBy: text.optional(),
  createdAt: z.iso.datetime({ offset: true }).optional(),
  facets: z.record(z.string(), z.unknown()).optional().describe('Further OpenLineage facets; kept, and shown as JSON.'),
})

export type VersionRecord = z.output<typeof versionSchema>

const BYTES_MAX = 500_000

/** For whoever writes such records without `flyball lineage --publish`. */
export function versionJsonSchema(): Readonly<Record<string, unknown>> {
  const { $schema, ...body } = z.toJSONSchema(versionSchema, { target: 'draft-7', io: 'input' })
  return { $schema, $id: 'flyball-version', title: 'A version of a model, as published on the versions topic', ...body }
}

/** Throws what is wrong with it, and where. */
export function versionRecordOf(bytes: Buffer, source: string): VersionRecord {
  const refuse = (problem: string) => new FlyballError('FLY-LINEAGE-002', { source, problem })
  if (bytes.length > BYTES_MAX) throw refuse(`it is larger than ${BYTES_MAX} bytes`)
  let found: unknown
  try {
    found = JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    throw refuse(`it is no JSON (${(error as Error).message})`)
  }
  const checked = versionSchema.safeParse(found)
  if (checked.success) return checked.data
  const [issue] = checked.error.issues
  throw refuse(`${issue!.path.join('.') || 'the record'}: ${wordsOf(issue!)}`)
}

/** Zod's own words are for programmers. */
function wordsOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') return `unknown key ${issue.keys.join(', ')}`
  if (issue.code === 'invalid_type') return `is missing, or no ${issue.expected}`
  return issue.message
}
