/** An audit of the decisions topic: raw records in, in the order of each partition; out what is sound and what is not, per model. */
import { createHash } from 'node:crypto'
import type { Decision } from '../domain.ts'
import { FlyballError } from '../kit/errors.ts'
import { decodeDecision } from '../wire/decisions.ts'
import { decodeState } from '../wire/state.ts'
import { type Head, type Link, ModelChain } from './chain.ts'
import { type Bounds, type Finding, inOrder, isWithin } from './findings.ts'

/** A record as it stands in the log. */
export interface RawRecord {
  readonly partition: number
  readonly offset: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** Of the schema that wrote it (`wire/versions.ts`). */
  readonly version: number
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
}

export interface AuditReport {
  readonly models: readonly AuditedModel[]
  /** In the order of the log. */
  readonly findings: readonly Finding[]
}

interface Counted {
  records: number
  first: number | null
  last: number | null
}

export class Audit {
  readonly #bounds: Bounds
  readonly #starts = new Map<number, number>()
  readonly #chains = new Map<string, ModelChain>()
  readonly #counted = new Map<string, Counted>()
  readonly #heads = new Map<string, Head & { readonly partition: number }>()
  /** Models of which at least one decision could be read. */
  readonly #readable = new Set<string>()
  readonly #findings: Finding[] = []

  constructor(bounds: Bounds) {
    this.#bounds = bounds
  }

  /** Where the log of a partition begins: above 0 when retention has removed records. */
  beginsAt(partition: number, start: number): void {
    this.#starts.set(partition, start)
  }

  take(record: RawRecord): void {
    const decoded = decision(record)
    if ('problem' in decoded) return this.#undecodable(record, decoded.problem)
    const { number, judgeTimeMs, previousHash } = decoded
    const model = this.#owner(record, decoded)
    const hash = sha256(record.value!)
    const isMisplaced = record.key === null || record.key.toString() !== decoded.model
    const link = { ...place(record), number, judgeTimeMs, previousHash, hash, blamed: false }
    const chain = this.#chain(model)
    if (isMisplaced) chain.blame('key', link, `its key is ${record.key?.toString() ?? 'null'}, its model ${decoded.model}`)
    this.#readable.add(model)
    this.#count(model, number, judgeTimeMs)
    chain.take(link, this.#isTrimmed(record.partition))
  }

  /** A record of `state`; those that are none of a model's ladder are passed over. */
  takeState(record: RawRecord): void {
    const key = record.key?.toString() ?? ''
    if (key === '' || key.startsWith('__') || key.startsWith('snapshot|')) return
    if (record.value === null) return void this.#heads.delete(key)
    try {
      const state = decodeState(record.value)
      if (state.kind === 'ladder')
        this.#heads.set(state.model, { number: state.decisionNumber, hash: state.lastHash, partition: record.partition })
    } catch (error) {
      if (!(error instanceof FlyballError)) throw error
      this.#found('state', key, record, `a record of state cannot be read: ${error.message}`)
    }
  }

  /** The broker holds bytes that Kafka's own checksum refuses: nobody can say whose decision that was. */
  damaged(partition: number, offset: number, problem: string): void {
    this.#found('damaged', '', { partition, offset }, `the batch cannot be read: ${problem}`)
  }

  /** True when every chain ends with the decision that `state` names: else one of the two has more to come, or something is wrong. */
  get isSettled(): boolean {
    const known = [...this.#heads].every(([model, head]) => head.number === 0 || this.#chains.get(model)?.endsAt(head) === true)
    return known && [...this.#readable].every((model) => this.#heads.has(model))
  }

  /** Ends the audit; `model`: only what concerns this one, or nobody can tell whom. */
  report(model?: string): AuditReport {
    for (const [name, head] of this.#heads) if (head.number > 0) this.#allThere(name, head)
    for (const [name, chain] of this.#chains) chain.end(this.#heads.get(name) ?? null)
    const all = [...this.#findings, ...[...this.#chains.values()].flatMap((chain) => chain.findings)]
    const findings = all
      .filter((one) => model === undefined || one.model === model || one.model === '')
      .filter((one) => isWithin(this.#bounds, one.number, one.judgeTimeMs, one.toNumber))
    const models = [...this.#readable].filter((name) => model === undefined || name === model).sort()
    return { models: models.map((name) => this.#audited(this.#chain(name))), findings: inOrder(findings) }
  }

  #audited(chain: ModelChain): AuditedModel {
    const { model, beginsAt, vouched } = chain
    const { partition, number, hash } = chain.last!
    const { records, first, last } = this.#counted.get(model) ?? { records: 0, first: null, last: null }
    return { model, partition, records, first, last, headNumber: number, headHash: hash, headVouched: vouched, beginsAt }
  }

  /** `state` knows decisions of a model that the log has none of. */
  #allThere(model: string, { number, partition }: { readonly number: number; readonly partition: number }): void {
    if (this.#chain(model).last !== null || this.#isTrimmed(partition)) return
    this.#found('missing', model, { partition, offset: -1 }, `every decision is missing: state knows ${number}`)
  }

  #undecodable(record: RawRecord, problem: string): void {
    const model = record.key?.toString() ?? ''
    const chain = this.#chain(model)
    const isFirst = chain.last === null
    const isUnknown = model === '' || (isFirst && this.#isTrimmed(record.partition))
    const number = isUnknown ? Number.NaN : isFirst ? 1 : chain.nextNumber
    const hash = record.value === null ? '' : sha256(record.value)
    // It vouches for nobody; whether it was written so, the next one tells.
    const previousHash = chain.last?.hash ?? ''
    const link = { ...place(record), number, judgeTimeMs: chain.last?.judgeTimeMs ?? null, hash, previousHash, blamed: true }
    chain.blame('undecodable', link, problem)
    if (model !== '') chain.take(link, this.#isTrimmed(record.partition))
  }

  /** Key and model agree, or one of them was changed: then the chain that it continues has it. */
  #owner({ key }: RawRecord, { model, previousHash }: Decision): string {
    const named = key?.toString() ?? model
    return named === model || this.#chains.get(named)?.last?.hash === previousHash ? named : model
  }

  #chain(model: string): ModelChain {
    const known = this.#chains.get(model)
    if (known !== undefined) return known
    const chain = new ModelChain(model)
    this.#chains.set(model, chain)
    return chain
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

/** Hex, as the chain has it. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
