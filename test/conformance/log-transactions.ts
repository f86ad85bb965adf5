/** The contract of transactions: read_committed everywhere, markers that take offsets, and owners that fence one another. */
import assert from 'node:assert/strict'
import type { LogRecord } from '../../src/domain.ts'
import type { Transactor } from '../../src/kafka/contract.ts'
import { type ContractTest, type LogStage, record, records, taken, valuesOf } from './log-stage.ts'

/** Begin, send, commit: some step of it must fail. */
async function decide(owner: Transactor, topic: string, value: string): Promise<void> {
  const transaction = await owner.begin()
  await transaction.send(topic, 0, [record(value)])
  await transaction.commit()
}

/** The end of a transaction is acknowledged before its markers stand in every partition. */
async function endsAt(stage: LogStage, topic: string, end: number): Promise<void> {
  let found = -1
  for (let look = 0; look < 1000 && found < end; look++) found = (await stage.offsets(topic)).end
  assert.equal(found, end)
}

export const TRANSACTIONS: readonly ContractTest[] = [
  {
    title: 'a committed transaction is read, and its marker takes an offset that nobody is given',
    run: async (stage) => {
      const topic = await stage.topic()
      await stage.transaction(stage.unique('t'), 'commit', async (transaction) => {
        assert.deepEqual(await transaction.send(topic, 0, records(2)), { baseOffset: 0 })
        assert.deepEqual(await transaction.send(topic, 0, records(1, 'more ')), { baseOffset: 2 })
      })
      await endsAt(stage, topic, 4)
      assert.equal(await stage.send(topic, 0, [record('plain')]), 4)
      const found = await stage.read(topic, 5)
      assert.deepEqual(
        found.map(({ offset }) => offset),
        [0, 1, 2, 4],
      )
      assert.deepEqual(valuesOf(found), ['0', '1', 'more 0', 'plain'])
    },
  },
  {
    title: 'an open transaction holds readers back, also from plain records behind it, until it ends',
    run: async (stage) => {
      const topic = await stage.topic()
      await stage.send(topic, 0, [record('before')])
      const owner = await stage.log.transactor(stage.unique('t'))
      const transaction = await owner.begin()
      await transaction.send(topic, 0, [record('in it')])
      await stage.send(topic, 0, [record('behind')])
      assert.deepEqual(await stage.offsets(topic), { start: 0, end: 1 })
      await stage.withReader(async (reader) => {
        const source = reader.open(topic, 0, 0)
        const ranged: LogRecord[] = []
        const range = reader.readRange(topic, 0, 0, 4, (one) => ranged.push(one))
        const found: LogRecord[] = []
        while (found.length === 0 || !source.caughtUp) {
          await reader.wait(1000)
          found.push(...taken(source))
        }
        await reader.wait(100)
        assert.deepEqual([source.take(), source.next, source.end], [null, 1, 1])
        await transaction.commit()
        while (source.next < 4) {
          await reader.wait(1000)
          found.push(...taken(source))
        }
        assert.deepEqual(valuesOf(found), ['before', 'in it', 'behind'])
        assert.equal(await range, 4)
        assert.deepEqual(valuesOf(ranged), ['before', 'in it', 'behind'])
      })
      await owner.close()
    },
  },
  {
    title: 'what was aborted is never delivered, and the position passes over it',
    run: async (stage) => {
      const topic = await stage.topic()
      const id = stage.unique('t')
      await stage.transaction(id, 'abort', async (transaction) => {
        await transaction.send(topic, 0, records(3, 'aborted '))
      })
      assert.deepEqual(await stage.read(topic, 4), [])
      await stage.transaction(id, 'commit', async (transaction) => {
        await transaction.send(topic, 0, [record('kept')])
      })
      await stage.transaction(id, 'abort', async (transaction) => {
        await transaction.send(topic, 0, records(2, 'aborted tail '))
      })
      assert.deepEqual(valuesOf(await stage.read(topic, 9)), ['kept'])
      assert.deepEqual(valuesOf(await stage.read(topic, 9, 2)), ['kept'])
    },
  },
  {
    title: 'a range with an aborted tail ends at its position',
    run: async (stage) => {
      const topic = await stage.topic()
      await stage.send(topic, 0, [record('kept')])
      await stage.transaction(stage.unique('t'), 'abort', async (transaction) => {
        await transaction.send(topic, 0, records(3, 'aborted '))
      })
      const end = 5
      await endsAt(stage, topic, end)
      await stage.withReader(async (reader) => {
        for (const [from, expected] of [[0, ['kept']] as const, [2, []] as const]) {
          const found: LogRecord[] = []
          assert.equal(await reader.readRange(topic, 0, from, end, (one) => found.push(one)), end)
          assert.deepEqual(valuesOf(found), expected)
        }
      })
    },
  },
  {
    title: 'of two interleaved transactions each ends for itself, whichever began first',
    run: async (stage) => {
      for (const [first, second] of [['abort', 'commit'] as const, ['commit', 'abort'] as const]) {
        const topic = await stage.topic()
        const owners = [await stage.log.transactor(stage.unique('a')), await stage.log.transactor(stage.unique('b'))]
        const [a, b] = [await owners[0]!.begin(), await owners[1]!.begin()]
        await a.send(topic, 0, [record('a0')])
        await b.send(topic, 0, [record('b0')])
        await a.send(topic, 0, [record('a1')])
        await b[second]()
        await stage.send(topic, 0, [record('plain')])
        assert.equal((await stage.offsets(topic)).end, 0)
        await a.send(topic, 0, [record('a2')])
        await a[first]()
        const expected = first === 'commit' ? ['a0', 'a1', 'plain', 'a2'] : ['b0', 'plain']
        assert.deepEqual(valuesOf(await stage.read(topic, 7)), expected)
        assert.deepEqual(valuesOf(await stage.read(topic, 7, 3)), expected.slice(-(first === 'commit' ? 2 : 1)))
        for (const owner of owners) await owner.close()
      }
    },
  },
  {
    title: 'a transaction over several topics and partitions is there whole or not at all',
    run: async (stage) => {
      const topics = [await stage.topic(2), await stage.topic(2)]
      const everywhere = topics.flatMap((topic) => [0, 1].map((partition) => ({ topic, partition })))
      const owner = await stage.log.transactor(stage.unique('t'))
      for (const end of ['abort', 'commit', 'abort', 'commit'] as const) {
        const transaction = await owner.begin()
        for (const { topic, partition } of everywhere) await transaction.send(topic, partition, [record(end)])
        await transaction[end]()
      }
      await owner.close()
      for (const { topic, partition } of everywhere) {
        assert.deepEqual(valuesOf(await stage.read(topic, 8, 0, partition)), ['commit', 'commit'])
      }
    },
  },
  {
    title: 'transactions may follow each other at once, and one without records leaves no trace',
    run: async (stage) => {
      const topic = await stage.topic()
      const owner = await stage.log.transactor(stage.unique('t'))
      await (await owner.begin()).commit()
      for (let number = 0; number < 12; number++) await decide(owner, topic, `${number}`)
      await (await owner.begin()).abort()
      await owner.close()
      await endsAt(stage, topic, 24)
      assert.equal((await stage.read(topic, 24)).length, 12)
    },
  },
  {
    title: 'a large send in a transaction is one run of offsets too; a send of none is an error',
    run: async (stage) => {
      const topic = await stage.topic()
      const owner = await stage.log.transactor(stage.unique('t'))
      const transaction = await owner.begin()
      assert.deepEqual(await transaction.send(topic, 0, records(1100)), { baseOffset: 0 })
      await transaction.commit()
      assert.equal((await stage.read(topic, 1101)).length, 1100)
      const spoilt = await owner.begin()
      await assert.rejects(spoilt.send(topic, 0, []), /nothing to send/)
      await owner.close()
    },
  },
]

export const FENCING: readonly ContractTest[] = [
  {
    title: 'opening an id again aborts what its owner left open, and readers are free',
    run: async (stage) => {
      const topic = await stage.topic()
      const id = stage.unique('owner')
      const old = await stage.log.transactor(id)
      const left = await old.begin()
      await left.send(topic, 0, [record('left open')])
      await stage.send(topic, 0, [record('plain')])
      const fresh = await stage.log.transactor(id)
      await endsAt(stage, topic, 3)
      assert.deepEqual(valuesOf(await stage.read(topic, 3)), ['plain'])
      await assert.rejects(left.send(topic, 0, [record('zombie')]), { code: 'FLY-KAFKA-006' })
      await decide(fresh, topic, 'new owner')
      assert.deepEqual(valuesOf(await stage.read(topic, 5)), ['plain', 'new owner'])
      await Promise.all([old.close(), fresh.close()])
    },
  },
  {
    title: 'an old owner can neither commit what it had open nor begin anew, from whatever connection',
    run: async (stage) => {
      const topic = await stage.topic()
      const id = stage.unique('owner')
      const other = await stage.another()
      const [committing, idle] = [await other.transactor(id), stage.unique('idle')]
      const open = await committing.begin()
      await open.send(topic, 0, [record('zombie')])
      const fresh = await stage.log.transactor(id)
      await assert.rejects(open.commit(), { code: 'FLY-KAFKA-006' })
      await assert.rejects(committing.begin(), /take over anew/)
      const between = await other.transactor(idle)
      await decide(between, topic, 'while it was ours')
      const later = await stage.log.transactor(idle)
      await assert.rejects(decide(between, topic, 'zombie'), { code: 'FLY-KAFKA-006' })
      await decide(fresh, topic, 'fresh')
      await decide(later, topic, 'later')
      assert.deepEqual(valuesOf(await stage.read(topic, 8)), ['while it was ours', 'fresh', 'later'])
      for (const owner of [committing, fresh, between, later]) await owner.close()
      await other.close()
    },
  },
  {
    title: 'owners of other ids are not disturbed',
    run: async (stage) => {
      const topic = await stage.topic()
      const mine = await stage.log.transactor(stage.unique('mine'))
      const open = await mine.begin()
      await open.send(topic, 0, [record('mine')])
      const other = await stage.log.transactor(stage.unique('other'))
      await decide(other, topic, 'other')
      await open.commit()
      assert.deepEqual(valuesOf(await stage.read(topic, 4)), ['mine', 'other'])
      await Promise.all([mine.close(), other.close()])
    },
  },
  {
    title: 'after any error an owner is spent: only a take-over leads on',
    run: async (stage) => {
      const topic = await stage.topic()
      const owner = await stage.log.transactor(stage.unique('owner'))
      const open = await owner.begin()
      await open.send(topic, 0, [record('in doubt')])
      await assert.rejects(owner.begin())
      await assert.rejects(open.commit(), /take over anew/)
      await assert.rejects(owner.begin(), /take over anew/)
      await owner.close()
    },
  },
  {
    title: 'a transaction that is over takes nothing more, and neither does an owner that was closed',
    run: async (stage) => {
      const topic = await stage.topic()
      const owner = await stage.log.transactor(stage.unique('owner'))
      const over = await owner.begin()
      await over.send(topic, 0, [record('kept')])
      await over.commit()
      await assert.rejects(over.send(topic, 0, [record('too late')]))
      await owner.close()
      const closed = await stage.log.transactor(stage.unique('owner'))
      await closed.close()
      await assert.rejects(closed.begin(), /take over anew/)
      assert.deepEqual(valuesOf(await stage.read(topic, 2)), ['kept'])
    },
  },
]
