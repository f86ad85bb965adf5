/** The contract of groups, of the admin and of closing. */
import assert from 'node:assert/strict'
import type { EventLog, Membership } from '../../src/kafka/contract.ts'
import { type ContractTest, record, until } from './log-stage.ts'

interface Member {
  readonly membership: Membership
  readonly owned: () => readonly number[]
  /** What it kept in its last generation, and how many it has seen. */
  readonly kept: () => readonly number[]
  readonly generations: () => number
}

function join(log: EventLog, groupId: string, topics: readonly string[]): Member {
  let owned: readonly number[] = []
  let kept: readonly number[] = []
  let generations = 0
  const membership = log.join({
    groupId,
    topics,
    onAssigned: (now, still) => {
      owned = [...now]
      kept = [...still]
      generations++
    },
    onFatal: (error) => assert.fail(error),
  })
  return { membership, owned: () => owned, kept: () => kept, generations: () => generations }
}

const all = (members: readonly Member[]): number[] => members.flatMap((member) => member.owned()).sort((a, b) => a - b)
const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

export const GROUPS: readonly ContractTest[] = [
  {
    title: 'a lone member owns every partition; one that joins takes its share, and what is kept was owned before',
    run: async (stage) => {
      const topics = [await stage.topic(7), await stage.topic(7)]
      const groupId = stage.unique('group')
      const first = join(stage.log, groupId, topics)
      await until('everything', () => first.owned().length === 7)
      assert.deepEqual([first.owned(), first.kept()], [range(7), []])
      const second = join(stage.log, groupId, topics)
      await until('a share for both', () => first.owned().length === 4 && second.owned().length === 3)
      assert.deepEqual(all([first, second]), range(7))
      assert.deepEqual([first.kept(), second.kept()], [first.owned(), []])
      await Promise.all([first.membership.stop(), second.membership.stop()])
    },
  },
  {
    title: 'shares differ by one at most, and who leaves gives only what it had',
    run: async (stage) => {
      const topics = [await stage.topic(7), await stage.topic(7)]
      const groupId = stage.unique('group')
      const [a, b] = [join(stage.log, groupId, topics), join(stage.log, groupId, topics)]
      await until('two shares', () => all([a, b]).length === 7 && a.owned().length > 0 && b.owned().length > 0)
      const c = join(stage.log, groupId, topics)
      await until('three shares', () => all([a, b, c]).length === 7 && [a, b, c].every((one) => one.owned().length >= 2))
      assert.deepEqual(all([a, b, c]), range(7))
      const before = new Map([a, c].map((member) => [member, member.owned()]))
      await b.membership.stop()
      await until('two shares again', () => all([a, c]).length === 7)
      assert.deepEqual(all([a, c]), range(7))
      for (const [member, had] of before) assert.deepEqual(member.kept(), had)
      await Promise.all([a.membership.stop(), c.membership.stop()])
    },
  },
  {
    title: 'a member that stopped is told of no further generation, and groups do not mix',
    run: async (stage) => {
      const topics = [await stage.topic(3)]
      const [ours, theirs] = [stage.unique('group'), stage.unique('group')]
      const [first, other] = [join(stage.log, ours, topics), join(stage.log, theirs, topics)]
      await until('everything, twice', () => first.owned().length === 3 && other.owned().length === 3)
      await first.membership.stop()
      const seen = first.generations()
      const second = join(stage.log, ours, topics)
      await until('everything', () => second.owned().length === 3)
      assert.equal(first.generations(), seen)
      assert.deepEqual(other.owned(), [0, 1, 2])
      assert.ok(second.membership.sinceHeartbeatMs < 20_000)
      await Promise.all([second.membership.stop(), other.membership.stop(), first.membership.stop()])
    },
  },
  {
    title: 'topics with unequal partition counts end the membership with those counts',
    run: async (stage) => {
      const topics = [await stage.topic(2), await stage.topic(3)]
      const error = await new Promise<Error>((resolve) => {
        stage.log.join({
          groupId: stage.unique('group'),
          topics,
          onAssigned: () => resolve(new Error('was given partitions')),
          onFatal: resolve,
        })
      })
      assert.throws(
        () => {
          throw error
        },
        { code: 'FLY-KAFKA-007', message: new RegExp(`${topics[0]} has 2, ${topics[1]} has 3`) },
      )
    },
  },
]

export const ADMIN: readonly ContractTest[] = [
  {
    title: 'topics are made once, counted, and gone when deleted',
    run: async (stage) => {
      const { admin } = stage.log
      const [made, other] = [stage.unique('made'), stage.unique('other')]
      const spec = { topic: made, partitions: 4, config: { 'cleanup.policy': 'compact' } }
      assert.deepEqual(await admin.create([spec]), [made])
      assert.deepEqual(await admin.create([spec, { ...spec, topic: other, partitions: 1 }]), [other])
      const topics = await admin.topics()
      assert.deepEqual([topics.get(made), topics.get(other), topics.get(stage.unique('absent'))], [4, 1, undefined])
      assert.deepEqual(
        await admin.offsets(made),
        range(4).map((partition) => ({ partition, start: 0, end: 0 })),
      )
      await stage.send(made, 3, [record('usable at once', 'key')])
      await admin.delete([made])
      for (let look = 0; look < 1000 && (await admin.topics()).has(made); look++);
      assert.deepEqual([(await admin.topics()).has(made), (await admin.topics()).get(other)], [false, 1])
    },
  },
  {
    title: 'the settings of a topic are told: those it was made with, and defaults beside them; of one that does not exist it is said',
    run: async (stage) => {
      const { admin } = stage.log
      const [made, absent] = [stage.unique('made'), stage.unique('absent')]
      await admin.create([{ topic: made, partitions: 1, config: { 'cleanup.policy': 'compact', 'retention.ms': '3600000' } }])
      const configs = await admin.configs(made)
      assert.deepEqual([configs.get('cleanup.policy'), configs.get('retention.ms')], ['compact', '3600000'])
      assert.deepEqual([configs.get('retention.bytes'), configs.get('message.timestamp.type')], ['-1', 'CreateTime'])
      await assert.rejects(admin.configs(absent), { code: 'FLY-KAFKA-005', message: new RegExp(absent) })
    },
  },
  {
    title: 'asking for the offsets of a topic that does not exist names it',
    run: async (stage) => {
      const topic = stage.unique('absent')
      await assert.rejects(stage.log.admin.offsets(topic), { code: 'FLY-KAFKA-005', message: new RegExp(topic) })
    },
  },
  {
    title: 'a topic that was read before and is gone now does not stand in the way of the others',
    run: async (stage) => {
      const [gone, there] = [await stage.topic(), await stage.topic()]
      for (const topic of [gone, there]) await stage.send(topic, 0, [record('one')])
      const other = await stage.another()
      await stage.withReader(async (reader) => {
        const read = (topic: string) => reader.readRange(topic, 0, 0, 1, () => {})
        await other.admin.offsets(gone)
        await read(gone)
        await stage.log.admin.delete([gone])
        for (let look = 0; look < 1000 && (await stage.log.admin.topics()).has(gone); look++);
        assert.deepEqual(await other.admin.offsets(there), [{ partition: 0, start: 0, end: 1 }])
        assert.equal(await read(there), 1)
      })
      await other.close()
    },
  },
]

export const CLOSING: readonly ContractTest[] = [
  {
    title: 'closing a connection ends everything it opened; others go on, and closing again is harmless',
    run: async (stage) => {
      const topics = [await stage.topic(2)]
      const topic = topics[0]!
      const groupId = stage.unique('group')
      const staying = join(stage.log, groupId, topics)
      const log = await stage.another()
      const leaving = join(log, groupId, topics)
      await until('a share for both', () => staying.owned().length === 1 && leaving.owned().length === 1)
      const [reader, writer, owner] = [log.reader(), await log.writer(), await log.transactor(stage.unique('t'))]
      const source = reader.open(topic, 0, 0)
      await writer.send(topic, 0, [record('before')])
      const waiting = reader.wait(5000)
      const range = reader.readRange(topic, 0, 0, 10, () => {})
      await log.close()
      await waiting
      assert.equal(await range, null)
      assert.equal(source.take(), null)
      assert.throws(() => reader.open(topic, 0, 0), /closed/)
      await assert.rejects(writer.send(topic, 0, [record('after')]))
      await assert.rejects(owner.begin(), /take over anew/)
      await until('the share of who left', () => staying.owned().length === 2)
      await Promise.all([log.close(), reader.close(), writer.close(), owner.close(), leaving.membership.stop()])
      assert.equal(await stage.send(topic, 0, [record('others go on')]), 1)
      await staying.membership.stop()
    },
  },
]
