/** Writes `test/golden/sinks/` anew: `npx tsx test/act/write-golden.ts`. What changes in them is what receivers will see: read the difference. */
import { writeFileSync } from 'node:fs'
import { goldenFile, goldenTexts } from './golden-bodies.ts'

for (const [name, text] of await goldenTexts()) writeFileSync(goldenFile(name), text)
