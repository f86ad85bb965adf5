/** Writes `schemas/policy.schema.json` and `schemas/versions.schema.json` from the zod schemas: `npx tsx scripts/policy-schema.ts`. A test fails when they are out of date. */
import { writeFileSync } from 'node:fs'
import { versionJsonSchema } from '../src/audit/version-record.ts'
import { policyJsonSchema } from '../src/policy/schema.ts'

const schemas = { policy: policyJsonSchema(), versions: versionJsonSchema() }
for (const [name, schema] of Object.entries(schemas)) {
  writeFileSync(new URL(`../schemas/${name}.schema.json`, import.meta.url), `${JSON.stringify(schema, null, 2)}\n`)
}
