/** Mutants die: with one thing broken that a promise rests on, the suite that guards it goes red. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { MUTANTS, type Mutant, mutatedCopy } from '../scripts/lib/mutants.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')

interface Run {
  readonly code: number | null
  readonly output: string
}

/** A run of the guards in their own folder, as `npm test -- --mutant` would make it. */
function runGuards(folder: string, { guards, guardPattern }: Mutant): Promise<Run> {
  const { NODE_TEST_CONTEXT: _ours, ...env } = process.env
  const pattern = guardPattern === undefined ? [] : [`--test-name-pattern=${guardPattern}`]
  const child = spawn(process.execPath, ['--import', 'tsx', '--test', '--test-reporter=tap', ...pattern, ...guards], { cwd: folder, env })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  return new Promise((resolve) => child.once('exit', (code) => resolve({ code, output })))
}

for (const mutant of MUTANTS) {
  test(`the suite notices when ${mutant.breaks}`, async (t) => {
    const folder = mutatedCopy(ROOT, mutant)
    try {
      const { code, output } = await runGuards(folder, mutant)
      const failures = output.split('\n').filter((line) => /^\s*not ok /.test(line))
      for (const failure of failures) t.diagnostic(failure.trim())
      assert.equal(code, 1, output)
      // A mutant that does not even load would fail for another reason.
      assert.doesNotMatch(output, /ERR_MODULE_NOT_FOUND|SyntaxError|TransformError/)
      assert.ok(failures.length > 0)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
}
