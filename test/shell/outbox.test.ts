import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OutgoingRecord } from '../../src/domain.ts'
import type { Writer } from '../../src/kafka/contract.ts'
import { Outbox, type Outgoing } from '../../src/shell/outbox.ts'

/** Acknowledges when it is told to; notes what is sent in the order in which it is. */
class SlowWriter implements Writer {
  readonly sent: string[] = []
  readonly #waiting: ((error?: Error) => void)[] = []

  send(topic: string, partition: number, records: readonly OutgoingRecord[]): Promise<{ readonly baseOffset: number }> {
    this.sent.push(`${topic}/${partition}:${records.map(({ value }) => String(value)).join('')}`)
    return new Promise((resolve, reject) => {
      this.#waiting.push((error) => (error ? reject(error) : resolve({ baseOffset: 0 })))
    })
  }

  acknowledge(error?: Error): void {
    this.#waiting.shift()!(error)
  }

  async close(): Promise<void> {}
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
const out = (topic: string, partition: number, value: string): Outgoing => ({
  topic,
  partition,
  record: { key: null, value: Buffer.from(value) },
})

test('records of one destination go together and in order; a checkpoint only when all before it is acknowledged', async () => {
  const writer = new SlowWriter()
  const outbox = new Outbox(writer)
  for (const [topic, partition, value] of [['p', 0, 'a'] as const, ['p', 1, 'b'] as const, ['p', 0, 'c'] as const]) {
    outbox.add(out(topic, partition, value))
  }
  outbox.afterAll(async () => {
    writer.sent.push('checkpoint')
  })
  outbox.add(out('p', 0, 'd'))
  assert.deepEqual([outbox.bytes, outbox.empty], [4, false])
  const flushed = outbox.flush()
  await turn()
  assert.deepEqual(writer.sent, ['p/0:ac', 'p/1:b'])
  writer.acknowledge()
  await turn()
  assert.deepEqual(writer.sent, ['p/0:ac', 'p/1:b'])
  writer.acknowledge()
  await turn()
  assert.deepEqual(writer.sent, ['p/0:ac', 'p/1:b', 'checkpoint', 'p/0:d'])
  assert.equal(outbox.bytes, 1)
  writer.acknowledge()
  await flushed
  assert.deepEqual([outbox.bytes, outbox.empty], [0, true])
})

test('what is added during a flush leaves after what was there, and never before a checkpoint that is under way', async () => {
  const writer = new SlowWriter()
  const outbox = new Outbox(writer)
  let stored = () => {}
  outbox.add(out('p', 0, 'a'))
  outbox.afterAll(
    () =>
      new Promise<void>((resolve) => {
        stored = resolve
      }),
  )
  const flushed = outbox.flush()
  await turn()
  outbox.add(out('p', 0, 'b'))
  writer.acknowledge()
  await turn()
  outbox.add(out('p', 0, 'c'))
  assert.deepEqual(writer.sent, ['p/0:a'])
  stored()
  await turn()
  assert.deepEqual(writer.sent, ['p/0:a', 'p/0:bc'])
  writer.acknowledge()
  await flushed
  assert.equal(outbox.bytes, 0)
})

test('a write that fails ends the flush, and the checkpoint behind it is not written', async () => {
  const writer = new SlowWriter()
  const outbox = new Outbox(writer)
  let checkpoints = 0
  outbox.add(out('p', 0, 'a'))
  outbox.afterAll(async () => {
    checkpoints++
  })
  const flushed = outbox.flush()
  await turn()
  writer.acknowledge(new Error('broker away'))
  await assert.rejects(flushed, /broker away/)
  assert.equal(checkpoints, 0)
})

test('an empty outbox has nothing to flush, and a record without value weighs nothing', async () => {
  const outbox = new Outbox(new SlowWriter())
  await outbox.flush()
  outbox.add({ topic: 'p', partition: 0, record: { key: 'k', value: null } })
  assert.deepEqual([outbox.bytes, outbox.empty], [0, false])
})

test('what has not left when its owner lets go never leaves: what is under way ends, and nothing follows', async () => {
  const writer = new SlowWriter()
  const outbox = new Outbox(writer)
  outbox.add(out('p', 0, 'a'))
  outbox.afterAll(async () => {
    writer.sent.push('checkpoint')
  })
  outbox.add(out('p', 0, 'b'))
  const flushed = outbox.flush()
  await turn()
  outbox.drop()
  writer.acknowledge()
  await flushed
  assert.deepEqual(writer.sent, ['p/0:a'])
  assert.deepEqual([outbox.bytes, outbox.empty], [0, true])
})
