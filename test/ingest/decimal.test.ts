import assert from 'node:assert/strict'
import test from 'node:test'
import { decimalAt } from '../../src/ingest/decimal.ts'
import { seededRandom } from '../../src/kit/random.ts'

function same(text: string): void {
  const bytes = Buffer.from(`x${text}y`)
  assert.ok(Object.is(decimalAt(bytes, 1, bytes.length - 1), Number(text)), text)
}

test('numbers of many digits become the double that Number makes of them', () => {
  const random = seededRandom(41)
  for (let count = 0; count < 60_000; count++) {
    const value = (random() - 0.3) * 10 ** Math.floor(random() * 20 - 6)
    same(String(value).includes('e') ? value.toFixed(20) : String(value))
    same(value.toFixed(Math.floor(random() * 22)))
    same(value.toPrecision(19).includes('e') ? '0' : value.toPrecision(19))
  }
})

test('numbers that lie half-way between two doubles round as Number rounds them', () => {
  for (const text of [
    '9007199254740993',
    '9007199254740992.999',
    '9007199254740993.001',
    '9007199254740995',
    '18014398509481986',
    '18014398509481989.5',
    '4503599627370496.5',
    '4503599627370497.5',
    '0.500000000000000166533453693773481063544750213623046875',
    '1152921504606846979',
    '9999999999999999999',
    '0.3000000000000000166',
    '1e999',
    '-0.000000000000000000000',
    '-1.5e-7',
  ]) {
    same(text)
  }
  const random = seededRandom(43)
  for (let count = 0; count < 20_000; count++) same(String(2n ** 53n + BigInt(Math.floor(random() * 2 ** 40)) * 2n + 1n))
})
