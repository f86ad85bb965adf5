/** Outcomes that came before their prediction, as far as one may still come. */
import { FLAGS, IdRing } from './id-ring.ts'

// The label stands in FLAGS (2 bits), and whether somebody else tells its fate; doubles from here on.
const LABEL_MASK = 3
const QUIET = 4
const CLOCK = 2
const VALUE = 3
const OFFSET = 4
const WORDS = 10

export class EarlyOutcomes {
  readonly ring = new IdRing(WORDS)

  get size(): number {
    return this.ring.size
  }

  get bytes(): number {
    return this.ring.bytes
  }

  add(id1: number, id2: number, offset: number, clockMs: number, label: number, value: number, quiet = false): void {
    const { ring } = this
    const place = ring.add(id1, id2)
    const at = place >> 1
    ring.words[place + FLAGS] = label | (quiet ? QUIET : 0)
    ring.doubles[at + CLOCK] = clockMs
    ring.doubles[at + VALUE] = value
    ring.doubles[at + OFFSET] = offset
  }

  clockMs(place: number): number {
    return this.ring.doubles[(place >> 1) + CLOCK]!
  }

  value(place: number): number {
    return this.ring.doubles[(place >> 1) + VALUE]!
  }

  offset(place: number): number {
    return this.ring.doubles[(place >> 1) + OFFSET]!
  }

  label(place: number): number {
    return this.ring.words[place + FLAGS]! & LABEL_MASK
  }

  isQuiet(place: number): boolean {
    return (this.ring.words[place + FLAGS]! & QUIET) !== 0
  }

  hush(place: number): void {
    this.ring.words[place + FLAGS]! |= QUIET
  }

  /** The entry of this very outcome under another id; -1: none. */
  at(id1: number, id2: number, offset: number): number {
    const { ring } = this
    for (let position = ring.seek(id1, id2, ring.start(id1)); position >= 0; position = ring.seek(id1, id2, ring.after(position))) {
      if (this.offset(ring.placeAt(position)) === offset) return ring.placeAt(position)
    }
    return -1
  }

  /** Of those with this id and a clock in [fromMs, untilMs) the one with the lowest offset; -1: none. */
  lowest(id1: number, id2: number, fromMs: number, untilMs: number): number {
    const { ring } = this
    let lowest = -1
    for (let position = ring.seek(id1, id2, ring.start(id1)); position >= 0; position = ring.seek(id1, id2, ring.after(position))) {
      const place = ring.placeAt(position)
      const clockMs = this.clockMs(place)
      if (clockMs < fromMs || clockMs >= untilMs) continue
      if (lowest < 0 || this.offset(place) < this.offset(lowest)) lowest = place
    }
    return lowest
  }
}
