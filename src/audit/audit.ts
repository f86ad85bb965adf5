/** An audit of the decisions topic: raw records in, in the order of each partition; out what is sound and what is not, per model. */
import type { Decision } from '../domain.ts'
import { FlyballError } from '../kit/errors.ts'
import { partitionOf } from '../kit/hash.ts'
import { decodeDecision, hashOfDecision } from '../wire/decisions.ts'
import { decodeState } from '../wire/state.ts'
import { KeptAnchors, ModelAnchors, NOTHING_GIVEN, signatureOn, type Vouched, type Vouching } from './anchors.ts'
import { type Head, type Link, ModelChain } from './chain.ts'
import { type Bounds, type Finding, inOrder, isWithin, mayConcern } from './findings.ts'

/** A record as it stands in the log. */
export interface RawRecord {
  readonly partition: number
  readonly offset: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** Of the schema that wrote it (`wire/versions.ts`). */
  readonly version: number
  /** Text of the header `flyball-signature`; left out: there is none. */
  readonly signature?: string
}

export interface AuditedModel {
  readonly model: string
  readonly partition: number
  /** Records within the bounds asked for, and the numbers of the first and the last of them. */
  readonly records: number
  readonly first: number | null
  readonly last: number | null
  /** Of the model's last decision, whatever the bounds: keep it elsewhere, and nobody can write the whole chain anew unseen. */
  readonly headNumber: number
  readonly headHash: string
  /** `state` names the last decision by its hash. */
  readonly headVouched: boolean
  /** The chain begins with this number, for retention removed those before; null: it is whole. */
  readonly beginsAt: number | null
  readonly anchors: number
  readonly vouched: Vouched
  /** Of the anchors that were kept outside, those that the chain has as they were kept. */
  readonly keptFits: number
}

/** A model of which retention has left no decision; `number`: the last one, as `state` knows it. */
export interface RemovedModel {
  readonly model: string
  readonly partition: number
  readonly number: number
}

export interface KeptPlace {
  readonly model: string
  readonly number: number
}

export interface AuditReport {
  readonly models: readonly AuditedModel[]
  readonly removed: readonly RemovedModel[]
  /** Those within the bounds, and those of which nobody can say that they are not; in the order of the log. */
  readonly findings: readonly Finding[]
  /** Anchors kept outside that nothing is left to hold against: retention has removed what they tell of. */
  readonly unchecked: readonly KeptPlace[]
  /** How many more there are outside of the bounds. */
  readonly outside: number
}

interface Counted {
  records: number
  first: number | null
  last: number | null
}

export class Audit {
  readonly #bounds: Bounds
  readonly #isUnbounded: boolean
  readonly #starts = new Map<number, number>()
  readonly #chains = new Map<string, ModelChain>()
  readonly #counted = new Map<string, Counted>()
  readonly #heads = new Map<string, Head>()
  /** Models whose log and state agreed: what comes after that look is not part of this audit. */
  readonly #settled = new Set<string>()
  /** What state knew before decisions were read once more: a chain that reaches it agrees, however far the log is by now. */
  #awaited: ReadonlyMap<string, Head> = new Map()
  #hasLooked = false
  /** Models of which at least one decision could be read. */
  readonly #readable = new Set<string>()
  readonly #findings: Finding[] = []
  readonly #given: Vouching
  readonly #anchors = new Map<string, ModelAnchors>()
  readonly #kept = new Map<string, KeptAnchors>()

  constructor(bounds: Bounds, given: Vouching = NOTHING_GIVEN) {
    this.#bounds = bounds
    this.#given = given
    this.#isUnbounded = Object.values(bounds).every((end) => end === null)
  }

  /** Where the log of a partition begins: above 0 when retention has removed records. To be told of every partition. */
  beginsAt(partition: number, start: number): void {
    this.#starts.set(partition, start)
  }

  take(record: RawRecord): void {
    const decoded = decision(record)
    if ('problem' in decoded) return this.#undecodable(record, decoded.problem)
    const { number, judgeTimeMs, previousHash } = decoded
    const model = this.#owner(record, decoded)
    const hash = hashOfDecision(record.value!)
    const isMisplaced = record.key === null || record.key.toString() !== decoded.model
    if (this.#isLater(model)) return
    const link = { ...place(record), number, judgeTimeMs, previousHash, hash, blamed: false }
    const chain = this.#chain(model)
    if (isMisplaced) chain.blame('key', link, `its key is ${record.key?.toString() ?? 'null'}, its model ${decoded.model}`)
    if (record.partition === (this.#home(model) ?? record.partition)) {
      this.#readable.add(model)
      this.#count(model, number, judgeTimeMs)
    }
    chain.take(link, this.#isTrimmed(record.partition))
    if (record.partition === (this.#home(model) ?? record.partition)) this.#vouch(model, record, decoded, link)
    const awaited = this.#awaited.get(model)
    if (awaited !== undefined && chain.endsAt(awaited)) this.#settled.add(model)
  }

  #vouch(model: string, { key, value, signature }: RawRecord, decision: Decision, link: Link): void {
    const find = () => signatureOn(value!, signature, key?.toString() ?? '', decision.environment, this.#given)
    this.#anchorsOf(model).take(link, decision, find)
    this.#kept.get(model)?.take(link)
  }

  /** A record of `state`; those that are none of a model's ladder are passed over. */
  takeState(record: RawRecord): void {
    const key = record.key?.toString() ?? ''
    if (key === '' || key.startsWith('__') || key.startsWith('snapshot|') || this.#isLater(key)) return
    if (record.value === null) return void this.#heads.delete(key)
    try {
      const state = decodeState(record.value)
      if (state.kind !== 'ladder') return
      if (state.model === key) this.#heads.set(key, { number: state.decisionNumber, hash: state.lastHash })
      else this.#found('state', key, record, `a record of state is about ${state.model}, and its key is ${key}: it vouches for nobody`)
    } catch (error) {
      if (!(error instanceof FlyballError)) throw error
      this.#found('state', key, record, `a record of state cannot be read: ${error.message}`)
    }
  }

  /** The broker holds bytes that Kafka's own checksum refuses: nobody can say whose decision that was. */
  damaged(partition: number, offset: number, problem: string): void {
    this.#found('damaged', '', { partition, offset }, `the batch cannot be read: ${problem}`)
  }

  /**
   * Both topics were read to their ends, state first. True when log and state have agreed on the last decision of every model, each in
   * this look or in an earlier one: of the others one of the two has more to come, or something is wrong.
   */
  looked(): boolean {
    this.#hasLooked = true
    const models = new Set([...this.#heads.keys(), ...this.#readable])
    for (const model of models) if (this.#agrees(model)) this.#settled.add(model)
    return [...models].every((model) => this.#settled.has(model))
  }

  /** State was read again, decisions will be. What state does not know yet of what was read before stays in question. */
  looksAgain(): void {
    const isAhead = ([model, { number }]: [string, Head]) => number > (this.#chains.get(model)?.last?.number ?? Infinity)
    this.#awaited = new Map([...this.#heads].filter(isAhead))
  }

  #agrees(model: string): boolean {
    const head = this.#heads.get(model)
    if (head === undefined) return false
    const chain = this.#chain(model)
    return head.number === 0 ? chain.last === null : chain.endsAt(head) || this.#isRemoved(model)
  }

  /** Came after the look in which log and state agreed, or begins after the first one. */
  #isLater(model: string): boolean {
    return this.#settled.has(model) || (this.#hasLooked && !this.#chains.has(model) && !this.#heads.has(model))
  }

  /** Ends the audit; `model`: only what concerns this one, or nobody can tell whom. */
  report(model?: string): AuditReport {
    const isAsked = (name: string) => model === undefined || name === model
    for (const [name, head] of this.#heads) if (head.number > 0) this.#allThere(name, head)
    for (const [name, chain] of this.#chains) this.#end(name, chain)
    const unchecked = this.#unchecked().filter((one) => isAsked(one.model))
    const all = [...this.#findings, ...[...this.#chains.values()].flatMap((chain) => chain.findings)]
    const asked = all.filter((one) => isAsked(one.model) || one.model === '')
    const findings = asked.filter((one) => this.#concerns(one))
    const models = [...this.#readable].filter(isAsked).sort()
    const removed = [...this.#heads.keys()].filter((name) => isAsked(name) && this.#isRemoved(name)).sort()
    return {
      models: models.map((name) => this.#audited(this.#chain(name))),
      removed: removed.map((name) => ({ model: name, partition: this.#home(name) ?? 0, number: this.#heads.get(name)!.number })),
      findings: inOrder(findings),
      unchecked,
      outside: asked.length - findings.length,
    }
  }

  /** Where nobody can tell whom it concerns, or which decision, it concerns everybody. */
  #concerns({ model, number, kind, near }: Finding): boolean {
    if (this.#isUnbounded || model === '' || number === null || kind === 'partition') return true
    const { before, after } = this.#chain(model).around(near)
    return mayConcern(this.#bounds, before, after)
  }

  #end(model: string, chain: ModelChain): void {
    chain.end(this.#heads.get(model) ?? null)
    const anchors = this.#anchorsOf(model)
    anchors.end()
    this.#kept.get(model)?.end(anchors.removedPoint)
    if (this.#heads.size === 0 || this.#heads.has(model) || !this.#readable.has(model)) return
    const { partition, offset, number } = chain.first!
    const what = `state knows other models and not this one: nobody vouches for its decisions ${number} to ${chain.last!.number}`
    this.#found('foreign', model, { partition, offset }, what)
  }

  #audited(chain: ModelChain): AuditedModel {
    const { model, beginsAt, vouched } = chain
    const { partition, number, hash } = chain.last!
    const { records, first, last } = this.#counted.get(model) ?? { records: 0, first: null, last: null }
    const anchors = this.#anchorsOf(model)
    const counts = { records, first, last, anchors: anchors.count, keptFits: this.#kept.get(model)?.fits ?? 0 }
    const head = { headNumber: number, headHash: hash, headVouched: vouched }
    return { model, partition, ...counts, ...head, beginsAt, vouched: anchors.vouched() }
  }

  /** Of models of which no record is left nothing else can be said; of those that should have some, that they are gone. */
  #unchecked(): readonly KeptPlace[] {
    const gone = new Map<string, KeptPlace>()
    for (const { model, number } of this.#given.kept) if (!this.#readable.has(model)) gone.set(`${model} ${number}`, { model, number })
    for (const model of new Set([...gone.values()].map((one) => one.model))) {
      const partition = this.#home(model) ?? 0
      if (this.#isTrimmed(partition)) continue
      this.#found('missing', model, { partition, offset: -1 }, 'an anchor of it was kept outside, and the log has no decision of it')
    }
    const left = [...this.#kept].flatMap(([model, { unchecked }]) => unchecked.map((number) => ({ model, number })))
    return [...[...gone.values()].filter(({ model }) => this.#isTrimmed(this.#home(model) ?? 0)), ...left]
  }

  /** `state` knows decisions of a model that the log has none of. */
  #allThere(model: string, { number }: Head): void {
    if (this.#chain(model).last !== null || this.#isRemoved(model)) return
    this.#found('missing', model, { partition: this.#home(model) ?? 0, offset: -1 }, `every decision is missing: state knows ${number}`)
  }

  /** `state` knows decisions, the log has none, and it begins later than at 0. */
  #isRemoved(model: string): boolean {
    const isKnown = (this.#heads.get(model)?.number ?? 0) > 0
    return isKnown && (this.#chains.get(model)?.last ?? null) === null && this.#isTrimmed(this.#home(model) ?? 0)
  }

  /** Null while no partition is known. */
  #home(model: string): number | null {
    return this.#starts.size === 0 ? null : partitionOf(Buffer.from(model), this.#starts.size)
  }

  #undecodable(record: RawRecord, problem: string): void {
    const model = record.key?.toString() ?? ''
    if (model !== '' && this.#isLater(model)) return
    const chain = this.#chain(model)
    const isFirst = chain.last === null
    const isElsewhere = record.partition !== (this.#home(model) ?? record.partition)
    const isUnknown = model === '' || isElsewhere || (isFirst && this.#isTrimmed(record.partition))
    const number = isUnknown ? Number.NaN : isFirst ? 1 : chain.nextNumber
    const hash = record.value === null ? '' : hashOfDecision(record.value)
    // It vouches for nobody; whether it was written so, the next one tells.
    const previousHash = chain.last?.hash ?? ''
    const link = { ...place(record), number, judgeTimeMs: chain.last?.judgeTimeMs ?? null, hash, previousHash, blamed: true }
    chain.blame('undecodable', link, problem)
    if (model !== '' && !isElsewhere) chain.take(link, this.#isTrimmed(record.partition))
  }

  /** Key and model agree, or one of them was changed: then the chain that it continues has it. */
  #owner({ key }: RawRecord, { model, previousHash }: Decision): string {
    const named = key?.toString() ?? model
    return named === model || this.#chains.get(named)?.last?.hash === previousHash ? named : model
  }

  #chain(model: string): ModelChain {
    const known = this.#chains.get(model)
    if (known !== undefined) return known
    const chain = new ModelChain(model, this.#home(model))
    this.#chains.set(model, chain)
    const kept = this.#given.kept.filter((one) => one.model === model)
    if (kept.length > 0) this.#kept.set(model, new KeptAnchors(chain, kept))
    return chain
  }

  #anchorsOf(model: string): ModelAnchors {
    const known = this.#anchors.get(model)
    if (known !== undefined) return known
    const anchors = new ModelAnchors(this.#chain(model), this.#given.trusted !== null)
    this.#anchors.set(model, anchors)
    return anchors
  }

  #count(model: string, number: number, judgeTimeMs: number): void {
    if (!isWithin(this.#bounds, number, judgeTimeMs)) return
    const counted = this.#counted.get(model) ?? { records: 0, first: null, last: null }
    this.#counted.set(model, { records: counted.records + 1, first: counted.first ?? number, last: number })
  }

  #isTrimmed(partition: number): boolean {
    return (this.#starts.get(partition) ?? 0) > 0
  }

  #found(kind: Finding['kind'], model: string, { partition, offset }: { partition: number; offset: number }, what: string): void {
    const nowhere = { number: null, toNumber: null, judgeTimeMs: null, expectedHash: null, foundHash: null }
    this.#findings.push({ kind, model, partition, offset: offset < 0 ? null : offset, near: offset, what, ...nowhere })
  }
}

function decision({ value, version }: RawRecord): Decision | { readonly problem: string } {
  if (value === null) return { problem: 'it has no value' }
  try {
    return decodeDecision(value, version)
  } catch (error) {
    if (!(error instanceof FlyballError)) throw error
    return { problem: `it is no decision: ${error.message}` }
  }
}

function place({ partition, offset }: RawRecord): Pick<Link, 'partition' | 'offset'> {
  return { partition, offset }
}
