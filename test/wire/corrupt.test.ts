import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { FlyballError } from '../../src/kit/errors.ts'
import { seededRandom } from '../../src/kit/random.ts'
import { boundsCheck } from '../../src/wire/bounds.ts'
import { decodePane } from '../../src/wire/panes.ts'
import { earlier, goldenFile, pane, samples, schemaType } from './records.ts'

const ours = samples.filter((sample) => sample.schema !== 'deliveries')

for (const sample of ours) {
  test(`${sample.name}: a record cut off anywhere is refused by its name`, () => {
    const whole = sample.encode()
    for (let length = 0; length < whole.length; length++) {
      assert.throws(() => sample.decode(whole.subarray(0, length)), refusal(sample.schema), `${length} bytes`)
    }
    assert.throws(() => sample.decode(Buffer.concat([whole, Buffer.from([0])])), refusal(sample.schema))
  })

  test(`${sample.name}: damaged bytes are read as another record or refused, never worse`, () => {
    const random = seededRandom(11)
    for (let round = 0; round < 2_000; round++) {
      const bytes = Buffer.from(sample.encode())
      for (let hits = 0; hits < 3; hits++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
      try {
        sample.decode(bytes)
      } catch (error) {
        assert.ok(error instanceof FlyballError, String(error))
        assert.equal(error.code, 'FLY-WIRE-001')
      }
    }
  })
}

for (const sample of earlier) {
  test(`${sample.name}: bytes of an earlier version, cut off anywhere, are refused by their name`, () => {
    const whole = Buffer.from(readFileSync(goldenFile(sample.name), 'utf8').replace(/\s/g, ''), 'hex')
    for (let length = 0; length < whole.length; length++) {
      assert.throws(() => sample.decode(whole.subarray(0, length)), refusal(sample.name.split('.')[0]!), `${length} bytes`)
    }
  })
}

test('an array that claims 2^40 entries is refused before anything is made for it', () => {
  const check = boundsCheck({ type: 'array', items: 'string' })
  assert.throws(() => check(Buffer.from([0x80, 0x80, 0x80, 0x80, 0x80, 0x40, 0, 0])), /count \d+ .* more than what is left/)
})

test('an int beyond 32 bits is refused, and the largest ones are not', () => {
  const check = boundsCheck('int')
  for (const hex of ['feffffff0f', 'ffffffff0f', '00']) check(Buffer.from(hex, 'hex'))
  for (const hex of ['8080808010', 'ffffffffffffffffff01']) assert.throws(() => check(Buffer.from(hex, 'hex')), /is no int/)
})

test('a pane whose few bytes would inflate to gigabytes is refused', () => {
  const type = schemaType('panes')
  const counts = Buffer.from([0, 0, 0])
  const cell = { version: 0, scope: 0, population: 'all', counts, sums: Buffer.alloc(0) }
  const { kind, blockHashes, cells, ...rest } = pane
  const bytes = type.toBuffer({
    'flyball.Pane': {
      ...rest,
      blocks: [{ id: 'requests', hash: 'a', countSlots: 2 ** 30, sumSlots: 0 }],
      versions: ['v1'],
      scopes: ['__all__'],
      cells: Array.from({ length: 1_000 }, () => cell),
    },
  })
  assert.throws(() => decodePane(bytes), /FLY-WIRE-001 cannot decode a panes record: .* slots are more than/)
})

function refusal(schema: string): (error: unknown) => boolean {
  return (error) => error instanceof FlyballError && error.code === 'FLY-WIRE-001' && error.detail['record'] === schema
}
