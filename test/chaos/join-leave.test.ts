/**
 * Members join and leave over seven partitions of two topics. Always: partition p of both topics with one member, shares that differ by
 * one at most, and nothing moved between two members that stayed.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import kafkajs from 'kafkajs'
import type { EventLog, Membership } from '../../src/kafka/contract.ts'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { type Random, seededRandom } from '../../src/kit/random.ts'
import { withBroker } from '../integration/broker.ts'
import { stockKafka, withAdmin } from '../issues/kit.ts'

const PARTITIONS = 7
const MEMBERS_MAX = 4
const SETTLED_WITHIN_MS = 40_000
const broker = withBroker()

interface Member {
  readonly name: string
  membership: Membership | null
  owned: readonly number[]
  kept: readonly number[]
}

class Group {
  readonly members: Member[] = []
  readonly groupId: string
  readonly topics: readonly string[]
  readonly #log: EventLog
  readonly fatal: Error[] = []
  moves = 0
  #names = 0

  constructor(log: EventLog, groupId: string, topics: readonly string[]) {
    this.#log = log
    this.groupId = groupId
    this.topics = topics
  }

  join(): Member {
    const member: Member = { name: `m${this.#names++}`, membership: null, owned: [], kept: [] }
    member.membership = this.#log.join({
      groupId: this.groupId,
      topics: this.topics,
      onAssigned: (now, kept) => {
        member.owned = [...now]
        member.kept = [...kept]
      },
      onFatal: (error) => this.fatal.push(error),
    })
    this.members.push(member)
    return member
  }

  async leave(member: Member): Promise<void> {
    this.members.splice(this.members.indexOf(member), 1)
    await member.membership!.stop()
  }

  owners(): Map<number, Member> {
    return new Map(this.members.flatMap((member) => member.owned.map((partition) => [partition, member] as const)))
  }

  settled(): boolean {
    const sizes = this.members.map((member) => member.owned.length)
    const total = sizes.reduce((sum, size) => sum + size, 0)
    return total === PARTITIONS && this.owners().size === PARTITIONS && Math.max(...sizes) - Math.min(...sizes) <= 1
  }

  async settle(): Promise<void> {
    const deadlineMs = performance.now() + SETTLED_WITHIN_MS
    while (!this.settled()) {
      assert.deepEqual(this.fatal, [])
      if (performance.now() > deadlineMs)
        assert.fail(`never settled: ${this.members.map(({ name, owned }) => `${name}:${owned}`).join(' ')}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  /** One member more or less, by the dice. Then who had to give gave, and nobody else. */
  async change(random: Random): Promise<void> {
    const before = this.owners()
    const grow = this.members.length < 2 || (this.members.length < MEMBERS_MAX && random() < 0.6)
    const newcomer = grow ? this.join() : null
    if (newcomer === null) await this.leave(this.members[Math.floor(random() * this.members.length)]!)
    await this.settle()
    const after = this.owners()
    for (const [partition, owner] of after) {
      const had = before.get(partition)
      if (had === owner) continue
      this.moves++
      const betweenStayers = had !== undefined && this.members.includes(had) && owner !== newcomer
      assert.equal(betweenStayers, false, `partition ${partition} moved from ${had?.name} to ${owner.name}, who were both there before`)
    }
    for (const member of this.members) {
      const stayed = member.owned.filter((partition) => before.get(partition) === member)
      assert.deepEqual(
        member.kept.filter((partition) => !stayed.includes(partition)),
        [],
        `${member.name} is told that it kept what it did not have`,
      )
    }
  }

  async end(): Promise<void> {
    for (const member of [...this.members]) await this.leave(member)
  }
}

/** The partitions of each topic that each member has, as the broker holds it. */
async function assignmentsOf(groupId: string): Promise<Readonly<Record<string, readonly number[]>>[]> {
  return withAdmin(stockKafka(broker.bootstrap), async (admin) => {
    const { groups } = await admin.describeGroups([groupId])
    return groups[0]!.members.map(({ memberAssignment }) => kafkajs.AssignerProtocol.MemberAssignment.decode(memberAssignment)!.assignment)
  })
}

test('in memory: members join and leave, and only what has to move moves', async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const log = new MemoryLog(new MemoryBroker(systemClock))
    const topics = ['predictions', 'outcomes']
    await log.admin.create(topics.map((topic) => ({ topic, partitions: PARTITIONS, config: {} })))
    const group = new Group(log, 'group', topics)
    const random = seededRandom(seed)
    for (let step = 0; step < 30; step++) await group.change(random)
    assert.ok(group.moves > 30)
    await group.end()
  }
})

test('on Kafka: members join and leave, both topics stay together, and only what has to move moves', {
  ...broker.options,
  timeout: 180_000,
}, async () => {
  const log = await broker.connect()
  const topics = [await broker.topic(PARTITIONS), await broker.topic(PARTITIONS)]
  const group = new Group(log, broker.unique('group'), topics)
  const random = seededRandom(Number(process.env['SEED'] ?? 1))
  for (let step = 0; step < 8; step++) {
    await group.change(random)
    const assignments = await assignmentsOf(group.groupId)
    for (const assignment of assignments) assert.deepEqual(assignment[topics[0]!], assignment[topics[1]!])
  }
  assert.ok(group.moves >= PARTITIONS + 3)
  await group.end()
})
