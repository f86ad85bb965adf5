/** Writes `test/golden/` anew: `npx tsx test/wire/write-golden.ts`. Only with a new schema version; see schemas/README.md. */
import { writeFileSync } from 'node:fs'
import { goldenFile, samples } from './records.ts'

for (const sample of samples) writeFileSync(goldenFile(sample.name), `${sample.encode().toString('hex').replace(/.{64}/g, '$&\n')}\n`)
