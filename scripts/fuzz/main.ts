/**
 * Fuzzes one parser of outside bytes: `npm run fuzz -- --parser json --cases 1000000 --seed 7`.
 *
 * A difference ends the run with an error that shows the input. The last line of a clean run is one line of JSON.
 */
import { parseArgs } from 'node:util'
import { AVRO_PARSER } from './avro.ts'
import { JSON_PARSER } from './json.ts'
import type { Parser } from './parser.ts'

const PARSERS: readonly Parser[] = [JSON_PARSER, AVRO_PARSER]

const { values } = parseArgs({
  options: { parser: { type: 'string' }, cases: { type: 'string', default: '100000' }, seed: { type: 'string', default: '7' } },
})
const parser = PARSERS.find((one) => one.name === values.parser)
if (parser === undefined) throw new Error(`--parser must be one of ${PARSERS.map((one) => one.name).join(', ')}`)
const seed = Number(values.seed)
const { cases, used, refused } = await parser.run(Number(values.cases), seed)
console.log(`${used} read, ${refused} refused`)
console.log(JSON.stringify({ fuzz: parser.name, cases, seed, differences: 0 }))
