/** Claims and checkpoints of source partitions over the log in memory: who resumes from what. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OutgoingRecord } from '../../src/domain.ts'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { checkpointPartition, checkpointRecord, claim, tombstone, unitChunkRecord } from '../../src/shell/checkpoint-store.ts'

const NONE = { epoch: -1, sequence: -1 }
const A = 'predictions/0'
const B = 'predictions/1'

async function world() {
  const broker = new MemoryBroker(systemClock)
  const log = new MemoryLog(broker)
  await log.admin.create([{ topic: 'checkpoints', partitions: 1, config: {} }])
  const [reader, writer] = [log.reader(), await log.writer()]
  const place = (source: string) => ({ topic: 'checkpoints', partition: 0, source })
  return {
    broker,
    claim: (source: string, alive = () => true) => claim(log, reader, writer, place(source), systemClock, alive),
    write: (...records: OutgoingRecord[]) => writer.send('checkpoints', 0, records),
  }
}

const stored = (source: string, epoch: number, sequence: number) =>
  checkpointRecord(source, { epoch, sequence }, Buffer.from(`${source} ${epoch}.${sequence}`))

test('the first owner of a source starts from nothing, and every claim has a higher epoch', async () => {
  const { claim } = await world()
  const first = await claim(A)
  assert.deepEqual([first!.base, first!.body, first!.unitChunks], [NONE, null, []])
  assert.ok((await claim(A))!.epoch > first!.epoch)
})

test('the highest checkpoint before the claim is resumed from, whatever order writes arrived in', async () => {
  const { claim, write } = await world()
  const { epoch } = (await claim(A))!
  await write(stored(A, epoch, 2), stored(A, epoch, 5), stored(A, epoch, 3))
  const next = await claim(A)
  assert.deepEqual([next!.base, String(next!.body)], [{ epoch, sequence: 5 }, `${A} ${epoch}.5`])
})

test('a checkpoint that an old owner writes late never replaces that of a newer one', async () => {
  const { claim, write } = await world()
  const old = (await claim(A))!.epoch
  await write(stored(A, old, 1))
  const fresh = (await claim(A))!.epoch
  await write(stored(A, fresh, 0), tombstone(A, old), stored(A, old, 99))
  assert.deepEqual((await claim(A))!.base, { epoch: fresh, sequence: 0 })
})

test('nor does it count when the newer owner has gone without leaving one: what the old one did meanwhile was refused', async () => {
  const { claim, write } = await world()
  const old = (await claim(A))!.epoch
  await write(stored(A, old, 1))
  await claim(A)
  await write(stored(A, old, 2))
  assert.deepEqual((await claim(A))!.base, { epoch: old, sequence: 1 })
})

test('sources that share a partition do not see one another', async () => {
  const { claim, write } = await world()
  const ours = (await claim(A))!.epoch
  const theirs = (await claim(B))!.epoch
  await write(stored(A, ours, 4), stored(B, theirs, 7), unitChunkRecord(B, theirs, 0, Buffer.from('b')))
  const [a, b] = [await claim(A), await claim(B)]
  assert.deepEqual([a!.base, a!.unitChunks.length], [{ epoch: ours, sequence: 4 }, 0])
  assert.deepEqual([b!.base, b!.unitChunks.length], [{ epoch: theirs, sequence: 7 }, 1])
})

test('unit chunks of every owner come back in their order, and an old owner replaces none of a newer one', async () => {
  const { claim, write } = await world()
  const chunk = (epoch: number, from: number, bytes: string) => unitChunkRecord(A, epoch, from, Buffer.from(bytes))
  const keys = new Set([chunk(1, 0, ''), chunk(1, 8, ''), chunk(2, 8, '')].map(({ key }) => key))
  assert.equal(keys.size, 3)
  await write(chunk(1, 8, 'second'), chunk(1, 0, 'first'), chunk(2, 8, 'second, longer'), chunk(1, 8, 'late'))
  const found = (await claim(A))!.unitChunks.map((one) => [one.chunk, String(one.bytes)])
  assert.deepEqual(found, [
    [0, 'first'],
    [8, 'late'],
    [8, 'second, longer'],
  ])
})

test('who is no longer the owner when the answer comes gets nothing', async () => {
  const { claim } = await world()
  await claim(A)
  assert.equal(await claim(A, () => false), null)
})

test('a claim reads from the start of the log, wherever compaction has put it', async () => {
  const { broker, claim, write } = await world()
  const { epoch } = (await claim(A))!
  await write(stored(A, epoch, 1), stored(A, epoch, 2))
  broker.truncate('checkpoints', 0, 2)
  assert.deepEqual((await claim(A))!.base, { epoch, sequence: 2 })
})

test('a source always has the same partition', () => {
  for (const source of [A, B]) {
    const partition = checkpointPartition(source, 16)
    assert.ok(partition >= 0 && partition < 16)
    assert.equal(checkpointPartition(source, 16), partition)
  }
})
