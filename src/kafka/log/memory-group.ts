/** A consumer group in memory: partitions are dealt out again at every join and leave by the rule of the real assigner. */
import { shareOut } from '../share-out.ts'

export interface MemoryMember {
  readonly memberId: string
  owned: readonly number[]
  readonly assigned: (now: readonly number[], kept: readonly number[]) => void
}

export class MemoryGroup {
  readonly members: MemoryMember[] = []
  #joined = 0

  add(assigned: MemoryMember['assigned']): MemoryMember {
    const member = { memberId: `member-${String(this.#joined++).padStart(6, '0')}`, owned: [], assigned }
    this.members.push(member)
    return member
  }

  /** False when it was not one. */
  remove(member: MemoryMember): boolean {
    const at = this.members.indexOf(member)
    if (at >= 0) this.members.splice(at, 1)
    return at >= 0
  }

  rebalance(partitions: number): void {
    if (this.members.length === 0) return
    const shares = shareOut(partitions, this.members)
    const changes = this.members.map((member) => {
      const now = shares.get(member.memberId)!
      const kept = now.filter((partition) => member.owned.includes(partition))
      member.owned = now
      return { member, now, kept }
    })
    for (const { member, now, kept } of changes) member.assigned(now, kept)
  }
}
