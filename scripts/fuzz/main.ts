/**
 * Fuzzes one parser of outside bytes: `npm run fuzz -- --parser json --cases 1000000 --seed 7`, or by time: `--parser wire --seconds 300`.
 * By time, seeds are counted up from the one given, with as many cases each as fit a round.
 *
 * A difference ends the run with an error that shows the input. The last line of a clean run is one line of JSON.
 */
import { parseArgs } from 'node:util'
import { AVRO_PARSER } from './avro.ts'
import { CONFLUENT_PARSER } from './confluent.ts'
import { FETCH_REPLY_PARSER } from './fetch-reply.ts'
import { HTTP_PARSER } from './http.ts'
import { JSON_PARSER } from './json.ts'
import type { FuzzReport, Parser } from './parser.ts'
import { POLICY_PARSER } from './policy.ts'
import { RECORD_BATCH_PARSER } from './record-batch.ts'
import { WIRE_PARSER } from './wire.ts'

const PARSERS: readonly Parser[] = [
  JSON_PARSER,
  AVRO_PARSER,
  CONFLUENT_PARSER,
  RECORD_BATCH_PARSER,
  FETCH_REPLY_PARSER,
  POLICY_PARSER,
  HTTP_PARSER,
  WIRE_PARSER,
]
const CASES_PER_ROUND = 2_000

async function runFor(parser: Parser, seconds: number, firstSeed: number): Promise<FuzzReport & { readonly seeds: number }> {
  const sum = { cases: 0, used: 0, refused: 0, seeds: 0 }
  for (const endMs = performance.now() + seconds * 1_000; performance.now() < endMs; sum.seeds++) {
    const { cases, used, refused } = await parser.run(CASES_PER_ROUND, firstSeed + sum.seeds)
    sum.cases += cases
    sum.used += used
    sum.refused += refused
  }
  return sum
}

const { values } = parseArgs({
  options: {
    parser: { type: 'string' },
    cases: { type: 'string', default: '100000' },
    seconds: { type: 'string' },
    seed: { type: 'string', default: '7' },
  },
})
const parser = PARSERS.find((one) => one.name === values.parser)
if (parser === undefined) throw new Error(`--parser must be one of ${PARSERS.map((one) => one.name).join(', ')}`)
const seed = Number(values.seed)
const report =
  values.seconds === undefined ? await parser.run(Number(values.cases), seed) : await runFor(parser, Number(values.seconds), seed)
const { cases, used, refused } = report
console.log(`${used} read, ${refused} refused`)
console.log(JSON.stringify({ fuzz: parser.name, cases, seed, ...('seeds' in report ? { seeds: report.seeds } : {}), differences: 0 }))
