/**
 * `npm test` after the checks: one real broker for all files that want one, then node's own runner over every test file, or over those
 * named. `--mutant NAME` runs them on a copy with one thing broken (lib/mutants.ts): then they must fail.
 * Without Java the real-broker suites skip by name; with FLYBALL_REQUIRE_BROKER=1 (as in continuous integration) they fail instead.
 */
import { spawn } from 'node:child_process'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { brokerAvailable, startBroker } from './lib/kafka-broker.ts'
import { mutantNamed, mutatedCopy } from './lib/mutants.ts'

const { values, positionals } = parseArgs({ allowPositionals: true, options: { mutant: { type: 'string' } } })

/** Files named on the command line, or every `*.test.ts` below test/ but the one that `npm run check` has just run. */
function testFiles(): string[] {
  if (positionals.length > 0) return positionals
  return readdirSync('test', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts') && file !== 'tidy.test.ts')
    .map((file) => join('test', file))
    .sort()
}

function run(files: readonly string[], bootstrap: string, cwd: string): Promise<number> {
  const env = { ...process.env, ...(bootstrap === '' ? {} : { FLYBALL_TEST_BOOTSTRAP: bootstrap }) }
  const args = ['--import', 'tsx', '--test', '--test-concurrency=2', '--test-timeout=420000', '--test-reporter=spec', ...files]
  const child = spawn(process.execPath, args, { stdio: 'inherit', env, cwd })
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)))
}

const availability = brokerAvailable()
const broker = availability.available ? await startBroker({ brokers: 1 }) : null
if (broker === null) console.error(`No real broker: ${availability.reason}. The suites that need one are skipped by name.`)
const folder = values.mutant === undefined ? process.cwd() : mutatedCopy(process.cwd(), mutantNamed(values.mutant))
const code = await run(testFiles(), broker?.bootstrap.join(',') ?? '', folder)
if (values.mutant !== undefined) rmSync(folder, { recursive: true, force: true })
await broker?.stop()
process.exit(code)
