import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32c } from '../../src/kafka/crc32c.ts'
import { seededRandom } from '../../src/kit/random.ts'
import { slowCrc32c } from './batch-builder.ts'

const of = (bytes: Uint8Array, from = 0, to = bytes.length) => crc32c(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), from, to)

test('the checksum of "123456789" is the one every CRC32C table names, and that of nothing is 0', () => {
  assert.equal(of(new TextEncoder().encode('123456789')), 0xe3069283)
  assert.equal(of(new Uint8Array(32)), 0x8a9136aa)
  assert.equal(of(new Uint8Array(0)), 0)
})

test('any stretch of any bytes has the checksum that the bit-by-bit definition gives', () => {
  const random = seededRandom(5)
  const bytes = Uint8Array.from({ length: 300 }, () => random() * 256)
  for (let round = 0; round < 300; round++) {
    const from = Math.floor(random() * 150)
    const to = from + Math.floor(random() * 150)
    assert.equal(of(bytes, from, to), slowCrc32c(bytes.subarray(from, to)))
  }
})
