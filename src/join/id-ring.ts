/**
 * Entries in arrival order, found by a 64-bit id through an open-addressing table; several entries may share an id.
 *
 * An entry is a run of 32-bit words lying side by side, so that looking at one costs one or two cache lines. The first three words
 * are the ring's (two id lanes; a word of flags whose sign says that the table no longer knows the entry), the rest the owner's.
 * Entries leave in arrival order; one may be made unfindable before.
 */
export const FLAGS = 2
const UNLINKED = 0x80000000 | 0

export class IdRing {
  /** Both views of the same memory: word w of the entry at place p is `words[p + w]`, double d is `doubles[(p >> 1) + d]`. */
  words: Int32Array
  doubles: Float64Array
  /** Arrival numbers: entries [oldest, next) are here. */
  oldest = 0
  next = 0
  private readonly entryWords: number
  private mask: number
  /** Pairs: first id lane, slot + 1 (0: empty). At most half full. */
  private table: Int32Array
  private tableMask: number

  /** `entryWords` is even, so that doubles lie right. */
  constructor(entryWords: number, slots = 1024) {
    this.entryWords = entryWords
    this.mask = slots - 1
    this.words = new Int32Array(slots * entryWords)
    this.doubles = new Float64Array(this.words.buffer)
    this.tableMask = slots * 2 - 1
    this.table = new Int32Array(slots * 4)
  }

  get size(): number {
    return this.next - this.oldest
  }

  placeOf(arrival: number): number {
    return (arrival & this.mask) * this.entryWords
  }

  /** Takes in an entry with its ids; flags and the owner's words are for the owner to set. Returns its place. */
  add(id1: number, id2: number): number {
    if (this.size > this.mask) this.grow()
    const slot = this.next++ & this.mask
    const place = slot * this.entryWords
    this.words[place] = id1
    this.words[place + 1] = id2
    this.words[place + FLAGS] = 0
    this.link(slot, id1)
    return place
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

  /** The entry at this place can no longer be found; it stays until its turn comes. */
  unlink(place: number): void {
    const { table, tableMask } = this
    const slot = place / this.entryWords
    let hole = this.words[place]! & tableMask
    while (table[hole * 2 + 1] !== slot + 1) hole = (hole + 1) & tableMask
    for (let at = (hole + 1) & tableMask; table[at * 2 + 1] !== 0; at = (at + 1) & tableMask) {
      const home = table[at * 2]!
      if (((at - home) & tableMask) < ((at - hole) & tableMask)) continue
      table[hole * 2] = home
      table[hole * 2 + 1] = table[at * 2 + 1]!
      hole = at
    }
    table[hole * 2] = 0
    table[hole * 2 + 1] = 0
    this.words[place + FLAGS]! |= UNLINKED
  }

  dropOldest(): void {
    const place = this.placeOf(this.oldest)
    if (this.isLinked(place)) this.unlink(place)
    this.oldest++
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

  private grow(): void {
    const { words, mask, entryWords } = this
    this.mask = mask * 2 + 1
    this.words = new Int32Array(words.length * 2)
    this.doubles = new Float64Array(this.words.buffer)
    this.tableMask = this.tableMask * 2 + 1
    this.table = new Int32Array((this.tableMask + 1) * 2)
    for (let arrival = this.oldest; arrival < this.next; arrival++) {
      const from = (arrival & mask) * entryWords
      const slot = arrival & this.mask
      this.words.set(words.subarray(from, from + entryWords), slot * entryWords)
      if (words[from + FLAGS]! >= 0) this.link(slot, words[from]!)
    }
  }
}
