/**
 * `npm test` after the checks: builds `flyball` as it is installed, starts one real broker for all files that want one, then node's own
 * runner over every test file, or over those named. `--mutant NAME` runs them on a copy with one thing broken (lib/mutants.ts): then they must fail.
 * Without Java the real-broker suites skip by name; with FLYBALL_REQUIRE_BROKER=1 (as in continuous integration) they fail instead.
 */
import { execFileSync, spawn } from 'node:child_process'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { BUILT } from './lib/flyball.ts'
import { brokerAvailable, startBroker } from './lib/kafka-broker.ts'
import { mutantNamed, mutatedCopy } from './lib/mutants.ts'

const RUNNER = fileURLToPath(new URL('./lib/run-tests.ts', import.meta.url))

const { values, positionals } = parseArgs({ allowPositionals: true, options: { mutant: { type: 'string' } } })

/** Rooms whose tests wait for brokers and processes most of the time. */
const WAITING = /^test\/(act|chaos|conformance|integration|issues|kafka)\//

/** Files named on the command line, or every `*.test.ts` below test/ but the one that `npm run check` has just run. */
function testFiles(): string[] {
  if (positionals.length > 0) return positionals
  const all = readdirSync('test', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts') && file !== 'tidy.test.ts')
    .map((file) => join('test', file))
    .sort()
  return inTurn(
    all.filter((file) => WAITING.test(file)),
    all.filter((file) => !WAITING.test(file)),
  )
}

/** Spread evenly: what waits runs beside what computes, as far as it goes. */
function inTurn(waiting: readonly string[], computing: readonly string[]): string[] {
  const placed = (files: readonly string[]) => files.map((file, at) => ({ file, place: (at + 0.5) / files.length }))
  return [...placed(waiting), ...placed(computing)].sort((one, other) => one.place - other.place).map(({ file }) => file)
}

function run(files: readonly string[], bootstrap: string, cwd: string): Promise<number> {
  const env = { ...process.env, [BUILT]: `${process.cwd()}/`, ...(bootstrap === '' ? {} : { FLYBALL_TEST_BOOTSTRAP: bootstrap }) }
  const args = ['--import', 'tsx', '--test-timeout=420000', RUNNER, ...files]
  const child = spawn(process.execPath, args, { stdio: 'inherit', env, cwd })
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)))
}

execFileSync('npm', ['run', '-s', 'build'], { stdio: 'inherit' })
const availability = brokerAvailable()
const broker = availability.available ? await startBroker({ brokers: 1 }) : null
if (broker === null) console.error(`No real broker: ${availability.reason}. The suites that need one are skipped by name.`)
const folder = values.mutant === undefined ? process.cwd() : mutatedCopy(process.cwd(), mutantNamed(values.mutant))
const code = await run(testFiles(), broker?.bootstrap.join(',') ?? '', folder)
if (values.mutant !== undefined) rmSync(folder, { recursive: true, force: true })
await broker?.stop()
process.exit(code)
