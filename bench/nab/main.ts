/**
 * `npm run bench:nab -- [--seed N] [--data DIR] [--small]`: the series detector on the Numenta benchmark. Prints its tables and, as the last
 * line, {"bench":"nab","seed","all","tuning","heldOut","threshold"}. Where the data are absent it says so and ends well: they are no part
 * of the repository. `--small` leaves out the variants.
 */
import { parseArgs } from 'node:util'
import { nab } from '../statistics/nab-section.ts'
import { NAB_ABSENT } from './files.ts'

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, data: { type: 'string' }, small: { type: 'boolean', default: false } },
})
const seed = Number(values.seed)
if (!Number.isSafeInteger(seed)) throw new Error(`--seed must be a whole number, not ${values.seed}`)
const log = (line: string): void => console.error(line)
const { title, markdown, json } = await nab({ seed, small: values.small, workers: 1, log }, values.data)
const figures = json['nab'] as Readonly<Record<string, number>> | null
console.log(`## ${title}\n\n${markdown}\n`)
if (figures === null) console.error(NAB_ABSENT)
const { all, tuning, heldOut, threshold } = figures ?? { all: null, tuning: null, heldOut: null, threshold: null }
console.log(JSON.stringify({ bench: 'nab', seed, all, tuning, heldOut, threshold }))
