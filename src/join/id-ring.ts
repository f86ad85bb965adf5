/**
 * Entries in arrival order, found by a 64-bit id through an open-addressing table; several entries may share an id.
 *
 * An entry is a run of 32-bit words lying side by side, so that looking at one costs one or two cache lines. The first three words
 * are the ring's (two id lanes; a word of flags whose sign says that the table no longer knows the entry), the rest the owner's.
 * Entries leave in arrival order; one may be made unfindable before.
 *
 * The table holds the first lane beside the place: an id that is not here is told by the table alone. Both lanes are compared, so two
 * ids are taken for one only when all 64 bits agree: with n ids held at a time, some pair does so with a chance of about n² / 2⁶⁵,
 * which is 3 · 10⁻⁶ at ten million.
 */
export const FLAGS = 2
const UNLINKED = 0x80000000 | 0

const SLOTS_MIN = 1024

export class IdRing {
  /** Both views of the same memory: word w of the entry at place p is `words[p + w]`, double d is `doubles[(p >> 1) + d]`. */
  words: Int32Array
  doubles: Float64Array
  /** Arrival numbers: entries [oldest, next) are here. */
  oldest = 0
  next = 0
  /** `oldest` when it was last considered. */
  private shrunkAt = 0
  private readonly entryWords: number
  private readonly slotsMin: number
  private mask: number
  /** Pairs: first id lane, slot + 1 (0: empty). At most half full. */
  private table: Int32Array
  private tableMask: number
  /** What `touch` saw, of no use to anybody: without it the look would be optimised away. */
  seen = 0

  /** `entryWords` is even, so that doubles lie right; `slots` is a power of two. */
  constructor(entryWords: number, slots = SLOTS_MIN) {
    this.entryWords = entryWords
    this.slotsMin = slots
    this.mask = slots - 1
    this.words = new Int32Array(slots * entryWords)
    this.doubles = new Float64Array(this.words.buffer)
    this.tableMask = slots * 2 - 1
    this.table = new Int32Array(slots * 4)
  }

  get size(): number {
    return this.next - this.oldest
  }

  /** What the entries and the table take. */
  get bytes(): number {
    return this.words.byteLength + this.table.byteLength
  }

  placeOf(arrival: number): number {
    return (arrival & this.mask) * this.entryWords
  }

  /** Room for so many more: until they have come, places stay what they are. */
  reserve(entries: number): void {
    let slots = this.mask + 1
    while (this.size + entries > slots) slots *= 2
    if (slots > this.mask + 1) this.resize(slots)
  }

  /** Takes in an entry with its ids; flags and the owner's words are for the owner to set. Returns its place. */
  add(id1: number, id2: number): number {
    if (this.size > this.mask) this.resize((this.mask + 1) * 2)
    const slot = this.next++ & this.mask
    const place = slot * this.entryWords
    const { words } = this
    words[place] = id1
    words[place + 1] = id2
    words[place + FLAGS] = 0
    this.link(slot, id1)
    return place
  }

  /**
   * Looks at the table where the ids of rows [from, to) would stand. The table is larger than a cache, and each look waits for memory:
   * these do not depend on one another, so they wait together, and the searches that follow find their lines at hand.
   */
  touch(id1: Int32Array, from: number, to: number): void {
    const { table, tableMask } = this
    let seen = 0
    for (let row = from; row < to; row++) seen |= table[(id1[row]! & tableMask) * 2]!
    this.seen = seen
  }

  /** As `touch`, for the entries themselves: as a rule the one at the beginning of the search is the one looked for. */
  touchEntries(id1: Int32Array, from: number, to: number): void {
    const { table, tableMask, words, mask, entryWords } = this
    let seen = 0
    for (let row = from; row < to; row++) {
      const slot = (table[(id1[row]! & tableMask) * 2 + 1]! - 1) & mask
      seen |= words[slot * entryWords]!
    }
    this.seen = seen
  }

  /** Where in the table to begin looking for an id. */
  start(id1: number): number {
    return id1 & this.tableMask
  }

  /** The next table position with this id, from `at` on; -1 when there is none. Go on from `after(position)`. */
  seek(id1: number, id2: number, at: number): number {
    const { table, tableMask, words, entryWords } = this
    for (let position = at; ; position = (position + 1) & tableMask) {
      const slot = table[position * 2 + 1]! - 1
      if (slot < 0) return -1
      if (table[position * 2] === id1 && words[slot * entryWords + 1] === id2) return position
    }
  }

  after(position: number): number {
    return (position + 1) & this.tableMask
  }

  placeAt(position: number): number {
    return (this.table[position * 2 + 1]! - 1) * this.entryWords
  }

  isLinked(place: number): boolean {
    return this.words[place + FLAGS]! >= 0
  }

  /** The entry at this place can no longer be found; it stays until its turn comes. Those behind its table position move up. */
  unlink(place: number): void {
    this.unlinkSlot(place / this.entryWords, place)
  }

  private unlinkSlot(slot: number, place: number): void {
    const { table, tableMask, words } = this
    const mark = slot + 1
    let hole = words[place]! & tableMask
    while (table[hole * 2 + 1] !== mark) hole = (hole + 1) & tableMask
    for (let at = (hole + 1) & tableMask; table[at * 2 + 1] !== 0; at = (at + 1) & tableMask) {
      const lane = table[at * 2]!
      const home = lane & tableMask
      if (((at - home) & tableMask) < ((at - hole) & tableMask)) continue
      table[hole * 2] = lane
      table[hole * 2 + 1] = table[at * 2 + 1]!
      hole = at
    }
    table[hole * 2] = 0
    table[hole * 2 + 1] = 0
    words[place + FLAGS]! |= UNLINKED
  }

  /** Lets go of all entries that arrived before this one; memory that has become far too large is given back. */
  dropUntil(arrival: number): void {
    const { words, table, tableMask, mask, entryWords } = this
    let seen = 0
    // As in `touch`: all table lines are asked for before the first is needed.
    for (let at = this.oldest; at < arrival; at++) seen |= table[(words[(at & mask) * entryWords]! & tableMask) * 2]!
    this.seen = seen
    for (; this.oldest < arrival; this.oldest++) {
      const slot = this.oldest & mask
      const place = slot * entryWords
      if (words[place + FLAGS]! >= 0) this.unlinkSlot(slot, place)
    }
    this.shrink()
  }

  /** Half as many entries as there are slots must have passed since the last time: who comes and goes in bursts is not moved each time. */
  private shrink(): void {
    let slots = this.mask + 1
    if (this.oldest - this.shrunkAt < slots / 2) return
    this.shrunkAt = this.oldest
    while (slots > this.slotsMin && this.size * 8 <= slots) slots /= 2
    if (slots <= this.mask) this.resize(slots)
  }

  /** Keeps only the entries that `keep` says, in their order; arrival numbers start from 0. `moved` hears old and new number. */
  compact(keep: (place: number) => boolean, moved: (arrival: number, kept: number) => void): void {
    let kept = 0
    const { oldest, next, words, entryWords, mask } = this
    this.words = new Int32Array(words.length)
    this.doubles = new Float64Array(this.words.buffer)
    this.table.fill(0)
    this.oldest = 0
    this.next = 0
    this.shrunkAt = 0
    for (let arrival = oldest; arrival < next; arrival++) {
      moved(arrival, kept)
      const place = (arrival & mask) * entryWords
      if (words[place + FLAGS]! < 0 || !keep(place)) continue
      this.words.set(words.subarray(place, place + entryWords), kept * entryWords)
      this.link(kept, words[place]!)
      kept++
    }
    moved(next, kept)
    this.next = kept
  }

  private link(slot: number, id1: number): void {
    const { table, tableMask } = this
    let position = id1 & tableMask
    while (table[position * 2 + 1] !== 0) position = (position + 1) & tableMask
    table[position * 2] = id1
    table[position * 2 + 1] = slot + 1
  }

  /** Moves everything to memory for so many slots. Entries lie in at most two stretches before, and in at most two afterwards. */
  private resize(slots: number): void {
    const { words, mask, entryWords } = this
    this.mask = slots - 1
    this.words = new Int32Array(slots * entryWords)
    this.doubles = new Float64Array(this.words.buffer)
    this.tableMask = slots * 2 - 1
    this.table = new Int32Array(slots * 4)
    for (let arrival = this.oldest; arrival < this.next; ) {
      const from = arrival & mask
      const slot = arrival & this.mask
      const run = Math.min(this.next - arrival, mask + 1 - from, slots - slot)
      this.words.set(words.subarray(from * entryWords, (from + run) * entryWords), slot * entryWords)
      arrival += run
    }
    for (let arrival = this.oldest; arrival < this.next; arrival++) {
      const slot = arrival & this.mask
      const place = slot * entryWords
      if (this.words[place + FLAGS]! >= 0) this.link(slot, this.words[place]!)
    }
  }
}
