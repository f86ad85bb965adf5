import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hypergeometricLogNormaliser, hypergeometricLogNormalisers, hypergeometricLogPmf } from '../../detectors/math/hypergeometric.ts'
import { seededRandom } from '../../detectors/math/random.ts'

test('several tilts of one split are what each is by itself, to the last bit, and what the whole sum is', () => {
  const random = seededRandom(11)
  const draw = (values: number) => Math.floor(random() * values)
  const logs = new Float64Array(8)
  for (let round = 0; round < 400; round++) {
    const [candidate, control] = [draw(60), draw(round % 4 === 0 ? 4_000 : 200)]
    const events = draw(candidate + control + 1)
    const tilts = Array.from(logs, () => (random() < 0.1 ? 0 : (random() - 0.3) * 6))
    logs.set(tilts)
    hypergeometricLogNormalisers(logs, tilts.length, candidate, control, events)
    for (const [index, tilt] of tilts.entries()) {
      assert.equal(logs[index], hypergeometricLogNormaliser(tilt, candidate, control, events))
      let sum = 0
      for (let x = 0; x <= candidate; x++) sum += Math.exp(hypergeometricLogPmf(x, candidate, control, events) + x * tilt)
      assert.ok(
        Math.abs(logs[index]! - Math.log(sum)) < 1e-9 * Math.max(1, Math.abs(logs[index]!)),
        `${candidate} ${control} ${events} ${tilt}`,
      )
    }
  }
})
