/**
 * The chain of one model: each decision carries the SHA-256 of the bytes of the one before it, and `state` that of the last.
 *
 * A hash that does not fit says that one of two records is wrong, and not which. So the second waits in doubt until the third has
 * spoken: a third that vouches for the second condemns the first; one that does not condemns the second. What `state` knows of the
 * last decision speaks last.
 */
import type { Finding, FindingKind } from './findings.ts'

/** One record of the chain. */
export interface Link {
  /** NaN: it does not say, and nobody can tell. */
  readonly number: number
  readonly judgeTimeMs: number | null
  readonly hash: string
  /** Empty: none. */
  readonly previousHash: string
  readonly partition: number
  readonly offset: number
  /** Something was found about it: that its neighbours do not fit is no news. */
  readonly blamed: boolean
}

/** What is kept of every record. */
type Placed = Pick<Link, 'number' | 'judgeTimeMs' | 'offset' | 'blamed'>

/** What `state` knows of a model's last decision. */
export interface Head {
  readonly number: number
  readonly hash: string
}

/** Who names a record as the one before it: the next decision, or `state`. */
interface Voucher {
  readonly number: number
  readonly previousHash: string
  readonly name: string
}

interface Detail {
  readonly number?: number
  readonly toNumber?: number
  readonly absent?: boolean
  readonly expected?: string
  readonly found?: string
}

export class ModelChain {
  readonly model: string
  readonly findings: Finding[] = []
  /** Number of the first record when those before it were removed by retention. */
  beginsAt: number | null = null
  /** `state` names the last record by its hash. */
  vouched = false
  /** The partition that the hash of its name gives; null: unknown, and the first record says. */
  readonly #home: number | null
  /** Offsets of records whose own words cannot be relied on. */
  readonly #unsound = new Set<number>()
  readonly #taken: Placed[] = []
  /** Numbers from which on each record continues the one before it. */
  readonly #runs: number[] = []
  #first: Link | null = null
  #last: Link | null = null
  #before: Link | null = null
  /** Came after `#last` and does not continue it. */
  #doubted: Link | null = null

  constructor(model: string, home: number | null = null) {
    this.model = model
    this.#home = home
  }

  get first(): Link | null {
    return this.#first
  }

  get last(): Link | null {
    return this.#doubted ?? this.#last
  }

  /** The number that the next record should have; NaN: nobody can tell. */
  get nextNumber(): number {
    return (this.last?.number ?? Number.NaN) + 1
  }

  /** `isTrimmed`: retention has removed records from the beginning of the partition. */
  take(link: Link, isTrimmed: boolean): void {
    const home = this.#home ?? this.#last?.partition ?? link.partition
    if (link.partition !== home) return this.#elsewhere(link, home)
    const { number, judgeTimeMs, offset, blamed } = link
    this.#taken.push({ number, judgeTimeMs, offset, blamed })
    if (this.#last === null) this.#begin(link, isTrimmed)
    else {
      // What cannot be read vouches for nobody.
      if (this.#doubted !== null) this.#resolve(link.blamed ? null : { ...link, name: `decision ${link.number}` })
      this.#follow(link)
    }
  }

  /**
   * The sound records next to a finding, null where there is none: what a bad record says of itself proves nothing, also not that it
   * lies outside of what was asked for.
   */
  around(near: number): { readonly before: Placed | null; readonly after: Placed | null } {
    const sound = (link: Placed): boolean => !link.blamed && !this.#unsound.has(link.offset)
    const before = this.#taken.findLast((link) => link.offset <= near && sound(link))
    const after = this.#taken.find((link) => link.offset > near && sound(link))
    return { before: before ?? null, after: after ?? null }
  }

  /** Nothing was found about the record at this offset. */
  isSound(offset: number): boolean {
    return !this.#unsound.has(offset)
  }

  /** The first number of the unbroken run that this one stands in: from there on hashes lead up to it. */
  runOf(number: number): number {
    return this.#runs.findLast((began) => began <= number) ?? number
  }

  /** Is the last record the one that `state` names? */
  endsAt(head: Head): boolean {
    return this.last?.hash === head.hash && this.last.number === head.number
  }

  /** Nothing more will come. `head`: null when `state` does not know the model. */
  end(head: Head | null): void {
    if (this.#doubted !== null) this.#resolve(head && { number: head.number + 1, previousHash: head.hash, name: 'state' })
    if (head === null || this.#last === null) return
    this.vouched = this.endsAt(head)
    if (!this.vouched) this.#contradicted(head, this.#last)
  }

  /** Also for what is found outside the chain: key, bytes that are no decision. */
  blame(kind: FindingKind, link: Link, what: string, detail: Detail = {}): void {
    const number = Number.isNaN(link.number) ? null : link.number
    if (!detail.absent) this.#unsound.add(link.offset)
    this.findings.push({
      kind,
      model: this.model,
      number: detail.number ?? number,
      toNumber: detail.toNumber ?? detail.number ?? number,
      partition: link.partition,
      offset: detail.absent ? null : link.offset,
      near: detail.absent ? link.offset + 0.5 : link.offset,
      judgeTimeMs: link.judgeTimeMs,
      what,
      expectedHash: detail.expected ?? null,
      foundHash: detail.found ?? null,
    })
  }

  #begin(link: Link, isTrimmed: boolean): void {
    const { number, previousHash } = link
    if (link.blamed) return this.#accept(link)
    if (previousHash === '' && number !== 1) {
      this.blame('number', link, `says that it is decision ${number}, and names none before it`, { number: 1 })
      return this.#accept({ ...link, number: 1, blamed: true })
    }
    if (number === 1 && previousHash !== '') {
      this.blame('changed', link, 'the first decision names one before it', { expected: '', found: previousHash })
    } else if (number > 1 && isTrimmed) this.beginsAt = number
    else if (number > 1) {
      const place = { ...link, offset: link.offset - 1 }
      this.#missing(1, number - 1, place, `the first is ${number}, and retention has removed nothing`)
    }
    this.#accept(link)
  }

  /** A model has one partition; what stands in another one continues nothing. */
  #elsewhere(link: Link, home: number): void {
    const which = Number.isNaN(link.number) ? 'a record' : `decision ${link.number}`
    this.blame('partition', link, `${which} stands in partition ${link.partition}, its model belongs to ${home}`)
  }

  #follow(link: Link): void {
    const last = this.#last!
    if (link.previousHash === last.hash) return this.#linked(link, last)
    if (link.hash === last.hash) {
      return this.blame('repeated', link, `decision ${link.number} stands twice: at offset ${last.offset} and at ${link.offset}`)
    }
    if (last.blamed) return this.#afterBlamed(link, last)
    this.#doubted = link
  }

  #linked(link: Link, last: Link): void {
    const number = last.number + 1
    const isNumbered = link.blamed || Number.isNaN(number) || link.number === number
    if (!isNumbered) {
      this.blame('number', link, `says that it is decision ${link.number}, and names ${last.number} as the one before it`, { number })
    }
    if (!link.blamed && link.judgeTimeMs !== null && link.judgeTimeMs < (last.judgeTimeMs ?? -Infinity)) {
      this.blame('time', link, `judge time steps back by ${last.judgeTimeMs! - link.judgeTimeMs} ms`, { number })
    }
    this.#continue(isNumbered ? link : { ...link, number, blamed: true })
  }

  /** The link to a record that is known to be bad tells nothing. It may never have belonged: then this one continues what stood before it. */
  #afterBlamed(link: Link, last: Link): void {
    const before = this.#before
    if (before !== null && link.previousHash === before.hash && link.number === before.number + 1) {
      this.#last = link
      return
    }
    if (link.number > last.number + 1)
      this.#missing(last.number + 1, link.number - 1, last, `${link.number} comes after offset ${last.offset}`)
    if (link.number < last.number + 1) this.blame('order', link, `decision ${link.number} comes after decision ${last.number}`)
    this.#accept(link)
  }

  /** What does not continue the one before it. */
  #accept(link: Link): void {
    this.#runs.push(link.number)
    this.#continue(link)
  }

  #continue(link: Link): void {
    this.#first ??= link
    this.#before = this.#last
    this.#last = link
  }

  /** Decides about the pair in doubt by whom the next one names; null: nobody is left to ask. */
  #resolve(voucher: Voucher | null): void {
    const [last, doubted] = [this.#last!, this.#doubted!]
    this.#doubted = null
    if (voucher?.previousHash === doubted.hash) return this.#secondHolds(last, doubted, voucher.name)
    if (voucher?.previousHash === last.hash) return this.#stranger(doubted, `${voucher.name} continues the record at offset ${last.offset}`)
    const speaks = voucher !== null && voucher.number === doubted.number + 1
    if (isFork(last, doubted)) return this.#stranger(doubted, `the record at offset ${last.offset} has the same number`)
    if (!speaks || doubted.number !== last.number + 1) return this.#secondHolds(last, doubted, null)
    const what = `was changed: it does not name decision ${last.number} as it stands, and ${voucher.name} names another record as this one`
    this.blame('changed', doubted, what, { expected: voucher.previousHash, found: doubted.hash })
    this.#accept({ ...doubted, blamed: true })
  }

  /** `by` vouches for the second of the pair, or (null) nobody speaks against it. */
  #secondHolds(last: Link, second: Link, by: string | null): void {
    if (by === null) this.#unsound.add(second.offset)
    const hashes = { expected: second.previousHash, found: last.hash }
    if (isFork(last, second)) {
      this.blame('foreign', last, `two records are decision ${last.number}: ${by} continues the one at offset ${second.offset}`, hashes)
    } else if (second.number === last.number + 1) {
      const names = `decision ${second.number} names another record as the one before it`
      const why = by === null ? `${last.number} was changed, or ${second.number} is not its successor` : `${last.number} was changed`
      this.blame('changed', last, `${names}: ${why}${by === null ? '' : ` (${by} vouches for ${second.number})`}`, hashes)
    } else if (second.number > last.number) {
      this.#missing(last.number + 1, second.number - 1, last, `${second.number} comes after ${last.number} at offset ${last.offset}`)
    } else {
      this.blame('order', second, `decision ${second.number} comes after decision ${last.number} and does not continue it`)
    }
    this.#accept(second)
  }

  #stranger(link: Link, why: string): void {
    this.blame('foreign', link, `decision ${link.number} does not belong to the chain: ${why}`, {
      expected: this.#last!.hash,
      found: link.previousHash,
    })
  }

  #missing(from: number, to: number, after: Link, why: string): void {
    const which = from === to ? `decision ${from} is missing` : `decisions ${from} to ${to} are missing`
    this.blame('missing', after, `${which}: ${why}`, { number: from, toNumber: to, absent: true })
  }

  #contradicted(head: Head, last: Link): void {
    const hashes = { expected: head.hash, found: last.hash }
    if (head.hash === last.hash) return this.blame('state', last, `state says that it is decision ${head.number}`)
    if (head.number > last.number) {
      return this.#missing(last.number + 1, head.number, last, `the log ends with ${last.number}, state knows ${head.number} as the last`)
    }
    if (last.blamed) return
    if (head.number === last.number) {
      return this.blame('changed', last, `state names another record as the last decision: ${last.number} was changed`, hashes)
    }
    const what = `stands in the log, and state knows no decision after ${head.number}`
    this.blame('foreign', last, what, { number: head.number + 1, toNumber: last.number, ...hashes })
  }
}

/** Both claim the same place. */
function isFork(one: Link, other: Link): boolean {
  return one.number === other.number && one.previousHash === other.previousHash
}
