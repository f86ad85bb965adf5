import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { compressSync } from 'snappy'
import { ZSTD_SAMPLES } from '../../scripts/fuzz/zstd-samples.ts'
import { gunzip } from '../../src/kafka/codecs/gzip.ts'
import { unlz4 } from '../../src/kafka/codecs/lz4.ts'
import { unsnappy } from '../../src/kafka/codecs/snappy.ts'
import { unzstd } from '../../src/kafka/codecs/zstd.ts'
import { unzstdFrames } from '../../src/kafka/codecs/zstd-frames.ts'
import { seededRandom } from '../../src/kit/random.ts'

const TEXT = Buffer.from('all work and no play '.repeat(200))
const XERIAL = Buffer.from('82534e4150505900' + '0000000100000001', 'hex')

function xerial(...blocks: Buffer[]): Buffer {
  const parts: Buffer[] = [XERIAL]
  for (const block of blocks) {
    const length = Buffer.alloc(4)
    length.writeInt32BE(block.length)
    parts.push(length, block)
  }
  return Buffer.concat(parts)
}

/** A frame of lz4 blocks; the header's checksum byte is not looked at. */
function lz4Frame(...blocks: { readonly bytes: Buffer; readonly stored: boolean }[]): Buffer {
  const parts: Buffer[] = [Buffer.from('04224d18604000', 'hex')]
  for (const { bytes, stored } of blocks) {
    const head = Buffer.alloc(4)
    head.writeUInt32LE(bytes.length + (stored ? 0x80000000 : 0))
    parts.push(head, bytes)
  }
  return Buffer.concat([...parts, Buffer.alloc(4)])
}

/** "ab", then a run: distance 2, `repeat` bytes. */
const lz4Run = (more: readonly number[]) => Buffer.from([0x2f, 0x61, 0x62, 2, 0, ...more, 0x10, 0x63])

/** "hello hello hello hello …", made by the zstd tool. */
const ZSTD = Buffer.from('28b52ffd04588500003068656c6c6f206865 6c6c6f20'.replace(/\s/g, ''), 'hex')

test('gzip inflates, and stops at the limit', () => {
  assert.deepEqual(gunzip(gzipSync(TEXT), TEXT.length), TEXT)
  assert.throws(() => gunzip(gzipSync(TEXT), TEXT.length - 1), /inflates beyond the limit/)
})

test('snappy inflates bare and framed as Java writes it, and a block that promises more than the limit is not begun', () => {
  assert.deepEqual(unsnappy(compressSync(TEXT), 1 << 20), TEXT)
  assert.deepEqual(unsnappy(xerial(compressSync(TEXT), compressSync(TEXT)), 1 << 20), Buffer.concat([TEXT, TEXT]))
  assert.throws(() => unsnappy(xerial(compressSync(TEXT), compressSync(TEXT)), TEXT.length * 2 - 1), /inflates beyond the limit/)
  assert.throws(() => unsnappy(Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0]), 1 << 20), /inflates beyond the limit/)
  assert.throws(() => unsnappy(Buffer.from([0x80, 0x80, 0x20, 0]), 1 << 20), /cannot be true/)
})

test('lz4 inflates stored and packed blocks and overlapping runs, and stops at the limit', () => {
  const stored = { bytes: Buffer.from('plain'), stored: true }
  const run = { bytes: lz4Run([5]), stored: false }
  assert.equal(String(unlz4(lz4Frame(stored, run), 100)), `plain${'ab'.repeat(13)}c`)
  const bomb = { bytes: lz4Run([...new Array(1000).fill(255), 0]), stored: false }
  assert.equal(unlz4(lz4Frame(bomb), 1 << 20).length, 2 + 19 + 255_000 + 1)
  assert.throws(() => unlz4(lz4Frame(bomb), 10_000), /inflates beyond the limit/)
  assert.throws(() => unlz4(lz4Frame({ bytes: Buffer.from([0x10, 0x61, 9, 0]), stored: false }), 100), /lz4 distance/)
})

test('zstd inflates a frame of one raw block, and a frame that declares more than the limit is not begun', () => {
  const raw = (content: Buffer) => {
    const header = Buffer.alloc(3)
    header.writeUIntLE((content.length << 3) | 1, 0, 3)
    return Buffer.concat([Buffer.from('28b52ffd', 'hex'), Buffer.from([0x20, content.length]), header, content])
  }
  assert.equal(String(unzstd(raw(Buffer.from('hello')), 100)), 'hello')
  assert.throws(() => unzstd(raw(Buffer.alloc(200)), 100))
  assert.throws(() => unzstd(Buffer.from('nonsense'), 100))
})

test('zstd frames of all levels inflate to what the zstd tool was given, one behind another and behind a skipped one', () => {
  for (const { frame, text } of ZSTD_SAMPLES) assert.equal(String(unzstdFrames(frame, 1 << 20)), text())
  const [one, , two] = ZSTD_SAMPLES
  const skipped = Buffer.from('502a4d1803000000616263', 'hex')
  assert.equal(String(unzstdFrames(Buffer.concat([one!.frame, skipped, two!.frame]), 1 << 20)), one!.text() + two!.text())
  assert.throws(() => unzstdFrames(two!.frame, two!.text().length - 1), /inflates beyond the limit/)
  assert.throws(() => unzstdFrames(one!.frame.subarray(0, -9), 1 << 20), /cut off/)
})

/** A small block: 4,095 literals, and sequences of a table with one symbol each: one literal, then 65,539 times the same. */
function zstdRuns(sequences: number, extraBits: number): Buffer {
  const literals = Buffer.from('f5ff61', 'hex')
  const codes = Buffer.from([255, sequences & 255, sequences >> 8, 0x54, 1, 0, 52])
  const body = Buffer.concat([literals, codes, Buffer.alloc(extraBits / 8), Buffer.from([1])])
  const head = Buffer.alloc(3)
  head.writeUIntLE((body.length << 3) | (2 << 1) | 1, 0, 3)
  return Buffer.concat([Buffer.from('28b52ffd0058', 'hex'), head, body])
}

test('a few bytes of zstd do not keep us busy: no block is followed beyond its 128 KiB, and windows cost nothing', () => {
  for (const sequences of [0, 1_000, 65_535]) {
    assert.throws(() => unzstdFrames(zstdRuns(sequences, 0), 64 << 20), /sequences cut off/)
    assert.throws(() => unzstdFrames(zstdRuns(sequences, 160), 64 << 20), /sequence beyond a block/)
  }
  const oneByte = Buffer.from('0a000061', 'hex')
  const manyBlocks = Buffer.concat([
    Buffer.from('28b52ffd0088', 'hex'),
    ...new Array<Buffer>(20_000).fill(oneByte),
    Buffer.from('0b000061', 'hex'),
  ])
  assert.equal(unzstdFrames(manyBlocks, 64 << 20).length, 20_001)
})

test('damaged input of any codec throws or stays below the limit', () => {
  const random = seededRandom(3)
  const inputs = [
    [gunzip, gzipSync(TEXT)],
    [unsnappy, xerial(compressSync(TEXT))],
    [unlz4, lz4Frame({ bytes: lz4Run([255, 255, 9]), stored: false }, { bytes: TEXT, stored: true })],
    [unzstd, ZSTD],
  ] as const
  for (const [inflate, good] of inputs) {
    for (let round = 0; round < 2000; round++) {
      const bytes = Buffer.from(good.subarray(0, random() < 0.3 ? Math.floor(random() * good.length) : good.length))
      if (bytes.length > 0) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
      try {
        assert.ok(inflate(bytes, 20_000).length <= 20_000)
      } catch (error) {
        assert.ok(error instanceof Error && error.name !== 'AssertionError', `${error}`)
      }
    }
  }
})
