/**
 * Which partitions each member of a group gets: pure, the same for any order of members, sticky as far as the shares allow.
 *
 * A member keeps what it has up to ⌊n/m⌋ partitions (one more for n mod m members); the rest goes to whoever has least.
 */
export interface Wish {
  readonly memberId: string
  readonly owned: readonly number[]
}

export function shareOut(partitions: number, wishes: readonly Wish[]): ReadonlyMap<string, readonly number[]> {
  const members = [...wishes].sort((a, b) => (a.memberId < b.memberId ? -1 : 1))
  const granted = new Map<string, number[]>(members.map(({ memberId }) => [memberId, []]))
  const free = new Set(Array.from({ length: partitions }, (_, partition) => partition))
  const share = Math.floor(partitions / members.length)
  let larger = partitions % members.length
  for (const { memberId, owned } of members) {
    const mine = granted.get(memberId)!
    for (const partition of owned) {
      const atShare = mine.length === share
      if (!free.has(partition) || mine.length > share || (atShare && larger === 0)) continue
      if (atShare) larger--
      mine.push(partition)
      free.delete(partition)
    }
  }
  for (const partition of free) leastLoaded(granted).push(partition)
  for (const mine of granted.values()) mine.sort((a, b) => a - b)
  return granted
}

function leastLoaded(granted: ReadonlyMap<string, number[]>): number[] {
  return [...granted.values()].reduce((least, mine) => (mine.length < least.length ? mine : least))
}
