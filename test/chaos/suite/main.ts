/**
 * `npm run chaos -- [--seed N] [--minutes M] [--rate R] [--plant NAME] [--keep]`: three brokers, three daemons, two gateways, and
 * everything goes wrong that can; at the end a checker reads all topics. Exit code 1 on a violation, 2 when an option is wrong. Last line:
 * JSON.
 *
 * `npm run chaos -- --three-processes --minutes M`: three daemons, one killed every 20 s, beside one that nobody disturbs.
 *
 * What each option is: CONTRIBUTING.md.
 */
import { parseArgs } from 'node:util'
import { MUTANTS, mutantNamed, mutatedCopy } from '../../../scripts/lib/mutants.ts'
import { removedAtExit } from './folder.ts'
import type { ChaosResult } from './run.ts'

const values = valuesGiven()
// Brokers, proxies, daemons and folders each see to their own end.
process.setMaxListeners(40)

/** Of each promise that was broken. */
const TOLD_OF_EACH = 20

function valuesGiven() {
  try {
    const { values } = parseArgs({
      options: {
        seed: { type: 'string', default: '1' },
        minutes: { type: 'string', default: '2' },
        rate: { type: 'string', default: '300' },
        plant: { type: 'string' },
        keep: { type: 'boolean', default: false },
        'three-processes': { type: 'boolean', default: false },
      },
    })
    return values
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
}

function refuse(problem: string): never {
  process.stderr.write(`${problem}
chaos [--seed N] [--minutes M] [--rate REQUESTS_A_SECOND] [--keep] [--plant ${MUTANTS.map(({ name }) => name).join(' | ')}]
chaos --three-processes [--seed N] [--minutes M] [--rate REQUESTS_A_SECOND] [--keep]
`)
  return process.exit(2)
}

function positive(name: string, text: string): number {
  const number = Number(text)
  if (!Number.isFinite(number) || number <= 0) return refuse(`--${name} must be a number above 0`)
  return number
}

const begun = performance.now()
const tell = (line: string) => console.log(`${((performance.now() - begun) / 1000).toFixed(1).padStart(6)} ${line}`)
let stopped = false
// The first interrupt ends the run early: it is healed and checked; the second one ends the process, and what it started with it.
process.on('SIGINT', () => {
  if (stopped) process.exit(130)
  stopped = true
  tell('interrupted: healing and checking; once more to leave at once')
})
process.once('SIGTERM', () => process.exit(143))
process.once('SIGHUP', () => process.exit(129))

function report({ figures, violations, faults }: ChaosResult): void {
  for (const { name, code, words } of figures.ownEnds) console.log(`  ${name} ended by itself (${code}): ${words.slice(0, 500)}`)
  console.log(JSON.stringify(figures.records))
  console.log(JSON.stringify(figures.decisions))
  console.log(JSON.stringify(figures.events))
  for (const [kind, count] of Object.entries(faults).sort()) console.log(`  ${String(count).padStart(5)}  ${kind}`)
  const told = new Map<string, number>()
  for (const { promise, where, what } of violations) {
    told.set(promise, (told.get(promise) ?? 0) + 1)
    if (told.get(promise)! <= TOLD_OF_EACH) console.log(`VIOLATION ${promise}: ${where}: ${what}`)
  }
  for (const [promise, count] of told) if (count > TOLD_OF_EACH) console.log(`VIOLATION ${promise}: ${count - TOLD_OF_EACH} more`)
}

async function chaos(): Promise<number> {
  const { runChaos } = await import('./run.ts')
  const [seed, minutes] = [positive('seed', values.seed), positive('minutes', values.minutes)]
  if (values.plant !== undefined && !MUTANTS.some(({ name }) => name === values.plant)) refuse(`nothing is called ${values.plant}`)
  const copy = values.plant === undefined ? null : removedAtExit(mutatedCopy(process.cwd(), mutantNamed(values.plant)))
  try {
    const options = { seed, minutes, perSecond: positive('rate', values.rate), tell, stopped: () => stopped, keep: values.keep }
    const result = await runChaos({ ...options, ...(copy === null ? {} : { root: copy.path }) })
    report(result)
    console.log(JSON.stringify({ bench: 'chaos', seed, minutes, faults: result.faults, violations: result.violations.length }))
    return result.violations.length > 0 ? 1 : 0
  } finally {
    copy?.remove()
  }
}

async function threeProcesses(): Promise<number> {
  const { runThreeProcesses } = await import('./three-processes.ts')
  const [seed, minutes] = [positive('seed', values.seed), positive('minutes', values.minutes)]
  const options = { seed, minutes, perSecond: positive('rate', values.rate), tell, stopped: () => stopped, keep: values.keep }
  const { kills, records, panes, same, accounted, explained, violations } = await runThreeProcesses(options)
  for (const line of explained) console.log(`explained: ${line}`)
  for (const line of violations) console.log(`VIOLATION ${line}`)
  console.log(
    JSON.stringify({
      ...{ bench: 'chaos-three-processes', seed, minutes, kills, records, panes, accounted, sameMoves: same },
      ...{ explained: explained.length, violations: violations.length },
    }),
  )
  return violations.length > 0 ? 1 : 0
}

process.exitCode = await (values['three-processes'] ? threeProcesses() : chaos())
process.exit()
