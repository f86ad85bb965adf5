/**
 * `npm run bench:cost [-- --seed N] [--small]`: what counting a request and judging a stratum cost, and how that grows with scopes and with
 * traffic. Under two minutes; stdout is a Markdown table and, as its last line, JSON. How to read it: bench/README.md.
 */
import { parseArgs } from 'node:util'
import { cost } from './statistics/cost-section.ts'

const { values: options } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, small: { type: 'boolean', default: false } },
})

const seed = Number(options.seed)
const section = await cost({ seed, small: options.small, workers: 1, log: (line) => console.error(line) })
console.log(section.markdown)
console.log(JSON.stringify({ bench: 'cost', seed, ...(section.json['cost'] as object) }))
