/** Writes `schemas/policy.schema.json` from the zod schema: `npx tsx scripts/policy-schema.ts`. A test fails when it is out of date. */
import { writeFileSync } from 'node:fs'
import { policyJsonSchema } from '../src/policy/schema.ts'

writeFileSync(new URL('../schemas/policy.schema.json', import.meta.url), `${JSON.stringify(policyJsonSchema(), null, 2)}\n`)
