/** The statistics benchmark in its small form: every setting of every section runs, and every promise is kept within three standard errors. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { allowedOf, boundOf } from '../../bench/statistics/verdicts.ts'

const MAIN = fileURLToPath(new URL('../../bench/statistics/main.ts', import.meta.url))
const SEED = 11

interface Tally {
  readonly rollouts: number
  readonly falseRollbacks: number
  readonly falseThrottles: number
  /** Published, and not promised. */
  readonly knownWeakness?: boolean
}

interface Figures {
  readonly bench: string
  readonly seed: number
  readonly healthy: Readonly<Record<string, Tally>>
  readonly outages: Readonly<Record<string, Tally>>
  readonly harmfulPromoted: number
  readonly harmfulRollouts: number
}

function runSmall(): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, '--seed', String(SEED), '--small'], { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => (out += chunk))
  child.stderr.on('data', (chunk) => (err += chunk))
  return new Promise((resolve) => child.once('exit', (code) => resolve({ code, out, err })))
}

test('healthy candidates are left alone in every setting, and harmful ones do not reach 100 %', async () => {
  const { code, out, err } = await runSmall()
  assert.equal(code, 0, err)
  const figures = JSON.parse(out.trim().split('\n').at(-1)!) as Figures
  assert.equal(figures.bench, 'statistics')
  assert.equal(figures.seed, SEED)
  for (const [setting, tally] of Object.entries(figures.healthy)) {
    assert.ok(
      tally.falseRollbacks <= allowedOf(0.01, tally.rollouts),
      `${setting}: ${tally.falseRollbacks} of ${tally.rollouts} rolled back`,
    )
    assert.ok(tally.falseThrottles <= allowedOf(0.05, tally.rollouts), `${setting}: ${tally.falseThrottles} of ${tally.rollouts} throttled`)
  }
  for (const [setting, tally] of Object.entries(figures.outages)) if (!tally.knownWeakness) assert.equal(tally.falseRollbacks, 0, setting)
  assert.ok(figures.harmfulPromoted <= allowedOf(0.01, figures.harmfulRollouts), `${figures.harmfulPromoted} harmful candidates at 100 %`)
})

test('the bound of a promise is the promise plus three standard errors, exact where rollouts are few', () => {
  assert.ok(Math.abs(boundOf(0.01, 2_000) - 0.016675) < 1e-6)
  assert.equal(allowedOf(0.01, 2_000), 33)
  assert.equal(allowedOf(0.01, 400), 9)
  assert.equal(allowedOf(0.01, 8), 2)
  assert.equal(allowedOf(0.05, 1), 1)
})
