/**
 * Co-partitioned, sticky assignment: partition p of every subscribed topic goes to one member, and a member keeps what it has as far as its share allows.
 *
 * kafkajs' round robin puts p of two topics on one member only when the partition count divides by the member count. Here each member reports
 * what it owns as JSON in its user data; the leader grants wishes up to ⌊n/m⌋ (one more for n mod m members), and the rest goes to whoever has least.
 */
import kafkajs, { type GroupMember, type PartitionAssigner } from 'kafkajs'
import { FlyballError } from '../kit/errors.ts'
import { shareOut, type Wish } from './share-out.ts'

const NAME = 'flyball-co-partitioned'
const VERSION = 1

/** The kafkajs hook. `owned` is what this member has now. */
export function coPartitioned(owned: () => readonly number[]): PartitionAssigner {
  const { MemberMetadata, MemberAssignment } = kafkajs.AssignerProtocol
  return ({ cluster }) => ({
    name: NAME,
    version: VERSION,
    protocol: ({ topics }) => ({
      name: NAME,
      metadata: MemberMetadata.encode({ version: VERSION, topics, userData: Buffer.from(JSON.stringify(owned())) }),
    }),
    async assign({ members, topics }) {
      const counts = topics.map((topic) => cluster.findTopicPartitionMetadata(topic).length)
      checkEqual(topics, counts)
      const granted = shareOut(counts[0]!, members.map(wishOf))
      return [...granted].map(([memberId, partitions]) => ({
        memberId,
        memberAssignment: MemberAssignment.encode({
          version: VERSION,
          assignment: Object.fromEntries(topics.map((topic) => [topic, [...partitions]])),
          userData: Buffer.alloc(0),
        }),
      }))
    },
  })
}

function checkEqual(topics: readonly string[], counts: readonly number[]): void {
  if (counts.every((count) => count === counts[0] && count > 0)) return
  throw new FlyballError('FLY-KAFKA-007', { what: topics.map((topic, index) => `${topic} has ${counts[index]}`).join(', ') })
}

/** Another version's user data is no reason to fail: such a member wishes nothing. */
function wishOf({ memberId, memberMetadata }: GroupMember): Wish {
  try {
    const userData = kafkajs.AssignerProtocol.MemberMetadata.decode(memberMetadata)?.userData.toString()
    const owned: unknown = JSON.parse(userData || '[]')
    return { memberId, owned: Array.isArray(owned) ? owned.filter((one) => Number.isInteger(one)) : [] }
  } catch {
    return { memberId, owned: [] }
  }
}
