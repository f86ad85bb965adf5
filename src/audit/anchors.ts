/**
 * The anchors of one model's chain (`kit/anchor.ts`): do they fit it, and for what does the newest one vouch. With its hash an anchor
 * vouches for every record before it, back to where the run of records that continue one another began; with a signature, for whoever
 * does not believe those who may write the topic.
 */
import type { Decision } from '../domain.ts'
import { type AnchorBody, anchorOf, type ChainPoint, dayOf, isAnchor } from '../kit/anchor.ts'
import { claimedKey, type TrustedKey, verified } from '../kit/signing.ts'
import type { Link, ModelChain } from './chain.ts'

/** What an audit is given beside the topics. */
export interface Vouching {
  /** Name of the topic of decisions: signatures bind it. */
  readonly topic: string
  /** Null: signatures are not looked at. */
  readonly trusted: readonly TrustedKey[] | null
  /** Records of chains that were kept outside. */
  readonly kept: readonly KeptPoint[]
}

export interface KeptPoint extends ChainPoint {
  readonly model: string
}

export const NOTHING_GIVEN: Vouching = { topic: '', trusted: null, kept: [] }

/** signed: a trusted key has. unverified: there is a signature, and no key to verify it with. refused: it is not to be believed. */
export type Signature =
  | { readonly kind: 'signed' | 'unverified'; readonly keyId: string }
  | { readonly kind: 'unsigned' }
  | { readonly kind: 'refused'; readonly why: string }

/** For what the newest anchor vouches, one that is signed before one that is not. */
export interface Vouched {
  readonly by: 'signed' | 'unverified' | 'unsigned' | 'nothing'
  /** Empty: none. */
  readonly keyId: string
  /** Number of the anchor, and of the first and the last decision before it that it vouches for. Null: nothing vouches. */
  readonly anchor: number | null
  readonly from: number | null
  readonly to: number | null
}

interface Taken {
  readonly link: Link
  /** Null: it cannot be read. */
  readonly body: AnchorBody | null
  readonly signature: Signature
}

/** Decisions since the last anchor that counts. */
interface Tail {
  readonly first: Link
  readonly last: Link
}

/** Decisions of a take-over come before anything that a judge looks at, and so before the anchor of their day. */
const TAKE_OVER_RULES: readonly string[] = ['policy-loaded', 'found-in-force', 'forged-command']

/** A signature's text, and what it is about. */
export function signatureOn(
  value: Uint8Array,
  header: string | undefined,
  key: string,
  environment: string,
  { topic, trusted }: Vouching,
): Signature {
  if (header === undefined) return { kind: 'unsigned' }
  if (trusted === null) return { kind: 'unverified', keyId: claimedKey(header) }
  // An anchor was signed when its key was in use: that it is not any more says nothing.
  const found = verified(trusted, header, { topic, key, environment, value }, 0)
  return 'keyId' in found ? { kind: 'signed', keyId: found.keyId } : { kind: 'refused', why: found.why }
}

export class ModelAnchors {
  readonly #chain: ModelChain
  /** Signatures are asked for. */
  readonly #isStrict: boolean
  readonly #anchors: Taken[] = []
  #tail: Tail | null = null

  constructor(chain: ModelChain, isStrict: boolean) {
    this.#chain = chain
    this.#isStrict = isStrict
  }

  get count(): number {
    return this.#anchors.length
  }

  /** The anchor before the oldest one there is, as that one tells; null: nobody does. */
  get removedPoint(): ChainPoint | null {
    return this.#anchors[0]?.body?.previous ?? null
  }

  /** `signature`: looked at for anchors only. */
  take(link: Link, decision: Decision, signature: () => Signature): void {
    if (!isAnchor(decision)) return this.#news(link, decision)
    const found = signature()
    this.#anchors.push({ link, body: anchorOf(decision.body), signature: found })
    if (found.kind === 'signed') this.#tail = null
  }

  /** Nothing more will come; the chain has had its end. */
  end(): void {
    const sound = this.#anchors.filter(({ link }) => this.#chain.isSound(link.offset))
    sound.forEach((anchor, index) => void this.#fits(anchor, sound[index - 1]?.link ?? null))
    if (!this.#isStrict) return
    const signed = this.#anchors.map(({ signature }) => signature.kind === 'signed')
    // What was not signed before there was a key is vouched for by the first signature after it.
    const isExcused = (index: number) => !signed.slice(0, index).includes(true) && signed.includes(true, index)
    this.#anchors.forEach(({ link, signature }, index) => {
      if (signature.kind === 'refused') this.#chain.blame('signature', link, `the anchor is not to be believed: ${signature.why}`)
      if (signature.kind === 'unsigned' && !isExcused(index)) this.#chain.blame('signature', link, 'the anchor is not signed')
    })
    this.#owed()
  }

  /** After `end`. */
  vouched(): Vouched {
    const usable = this.#anchors.filter(({ link, body }) => body !== null && this.#chain.isSound(link.offset))
    for (const by of ['signed', 'unverified', 'unsigned'] as const) {
      const { link, signature } = usable.findLast((anchor) => anchor.signature.kind === by) ?? {}
      if (link === undefined || signature === undefined) continue
      const keyId = 'keyId' in signature ? signature.keyId : ''
      return { by, keyId, anchor: link.number, from: Math.min(this.#chain.runOf(link.number), link.number), to: link.number - 1 }
    }
    return { by: 'nothing', keyId: '', anchor: null, from: null, to: null }
  }

  #news(link: Link, { verdict, judgeTimeMs }: Decision): void {
    // Before any record clock is known a decision is of no day.
    if (judgeTimeMs <= 0) return
    if (this.#tail === null) this.#tail = { first: link, last: link }
    else if (!TAKE_OVER_RULES.includes(verdict.rule)) this.#tail = { ...this.#tail, last: link }
  }

  /** Head and previous anchor are those of the chain. */
  #fits({ link, body }: Taken, before: Link | null): void {
    if (body === null) return this.#chain.blame('anchor', link, 'what the anchor says cannot be read')
    const { head, previous } = body
    if (head.number !== link.number - 1 || head.hash !== link.previousHash) {
      const hashes = { expected: link.previousHash, found: head.hash }
      return this.#chain.blame(
        'anchor',
        link,
        `the anchor names ${head.number} as the head of the chain, and continues another record`,
        hashes,
      )
    }
    if (before === null || (previous !== null && previous.number > before.number)) return
    const isIt = previous !== null && previous.number === before.number && previous.hash === before.hash
    if (!isIt) this.#chain.blame('anchor', link, `the anchor does not name ${before.number} as the anchor before it`)
  }

  /** Decisions of one day, and later ones of another: between them an anchor was due. Whoever writes a chain anew cannot sign one. */
  #owed(): void {
    const { first, last } = this.#tail ?? {}
    if (first === undefined || last === undefined || dayOf(last.judgeTimeMs ?? 0) <= dayOf(first.judgeTimeMs ?? 0)) return
    const what = `decisions ${first.number} to ${last.number} are of more than one day, and no signed anchor stands after the first of them`
    this.#chain.blame('anchor', last, what, { number: first.number, toNumber: last.number, absent: true })
  }
}

/** Anchors of one model that were kept outside, held against its chain. */
export class KeptAnchors {
  readonly #chain: ModelChain
  readonly #kept: readonly ChainPoint[]
  readonly #hashes: ReadonlyMap<number, string>
  /** Of the records there are. */
  readonly #links = new Map<number, Link>()
  fits = 0
  /** Numbers of which nothing is left. */
  readonly unchecked: number[] = []

  constructor(chain: ModelChain, kept: readonly ChainPoint[]) {
    this.#chain = chain
    this.#kept = [...kept].sort((one, other) => one.number - other.number)
    this.#hashes = new Map(kept.map(({ number, hash }) => [number, hash]))
  }

  take(link: Link): void {
    const hash = this.#hashes.get(link.number)
    // Of two that claim the number the one that was kept, if it is among them.
    if (hash !== undefined && this.#links.get(link.number)?.hash !== hash) this.#links.set(link.number, link)
  }

  /** `removed`: a record that retention has deleted, as the oldest anchor tells of it. The first that does not fit is told: those after it follow. */
  end(removed: ChainPoint | null): void {
    const { first } = this.#chain
    if (first === null) return
    const told = new Map<number, ChainPoint & { readonly link: Link }>()
    if (removed !== null && removed.number < first.number) told.set(removed.number, { ...removed, link: first })
    if (first.previousHash !== '') told.set(first.number - 1, { number: first.number - 1, hash: first.previousHash, link: first })
    for (const [number, link] of this.#links) told.set(number, { number, hash: link.hash, link })
    let fitting = 0
    for (const { number, hash } of this.#kept) {
      const found = told.get(number)
      if (found === undefined && number < first.number) this.unchecked.push(number)
      else if (found?.hash === hash) {
        this.fits++
        fitting = number
      } else return this.#rewritten({ number, hash }, found, fitting)
    }
  }

  #rewritten({ number, hash }: ChainPoint, found: (ChainPoint & { readonly link: Link }) | undefined, fitting: number): void {
    const since = fitting === 0 ? 'no anchor before it fits' : `anchors up to ${fitting} fit`
    const last = this.#chain.last!
    if (found === undefined) {
      const what = `decision ${number} was kept outside, and the log has none of that number: ${since}`
      return this.#chain.blame('missing', last, what, { number, absent: true, expected: hash, found: '' })
    }
    const what = `decision ${number} is another record than the one that was kept outside: the chain was written anew (${since})`
    this.#chain.blame('rewritten', found.link, what, { number, expected: hash, found: found.hash })
  }
}
