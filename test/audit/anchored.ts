/** Chains with anchors, as the judge writes them over some days, and the same chain written anew by somebody without its key. */

import type { KeptPoint, Vouching } from '../../src/audit/anchors.ts'
import { Audit, type AuditReport, type RawRecord } from '../../src/audit/audit.ts'
import { ALL } from '../../src/audit/findings.ts'
import type { Decision } from '../../src/domain.ts'
import { anchorOf, anchorText, type ChainPoint } from '../../src/kit/anchor.ts'
import { type Signer, signatureOf } from '../../src/kit/signing.ts'
import { decodeDecision, encodeDecision, hashOfDecision } from '../../src/wire/decisions.ts'
import { decision } from '../wire/records.ts'

export const TOPIC = 'flyball.decisions'
const DAY_MS = 86_400_000
/** Midnight. */
const BEGIN_MS = 19_675 * DAY_MS

export interface Days {
  readonly days: number
  readonly perDay: number
  /** Of the anchor that is written on this day; null: none. */
  readonly signer?: (day: number) => Signer | null
  readonly change?: (decision: Decision) => Decision
  readonly anchors?: boolean
}

/** Each day begins with the anchor for the one before. */
export function anchoredChain(
  model: string,
  { days, perDay, signer = () => null, change = (one) => one, anchors = true }: Days,
): RawRecord[] {
  const records: RawRecord[] = []
  let head: ChainPoint = { number: 0, hash: '' }
  let previous: ChainPoint | null = null
  const write = (words: Partial<Decision>, key: Signer | null): ChainPoint => {
    const number = head.number + 1
    const value = encodeDecision(change({ ...decision, id: `${model}-${number}`, model, number, previousHash: head.hash, ...words }))
    const signed = { topic: TOPIC, key: model, environment: decision.environment, value }
    const signature = key === null ? {} : { signature: signatureOf(key, signed) }
    records.push({ partition: 0, offset: (number - 1) * 2, key: Buffer.from(model), value, version: 3, ...signature })
    head = { number, hash: hashOfDecision(value) }
    return head
  }
  for (let day = 0; day < days; day++) {
    const judgeTimeMs = BEGIN_MS + day * DAY_MS
    const verdict = { kind: 'recorded' as const, rule: 'anchor', note: '' }
    if (day > 0 && anchors) previous = write({ judgeTimeMs, verdict, body: anchorText({ head, previous }) }, signer(day))
    for (let index = 0; index < perDay; index++) write({ judgeTimeMs: judgeTimeMs + (index + 1) * 1000 }, null)
  }
  return records
}

export const numberOf = ({ value }: RawRecord): number => decodeDecision(value!).number
export const isAnchorRecord = ({ value }: RawRecord): boolean => decodeDecision(value!).verdict.rule === 'anchor'

/** As `flyball audit anchors` prints them. */
export function keptOf(records: readonly RawRecord[], model: string): KeptPoint[] {
  return records.filter(isAnchorRecord).map((record) => ({ model, number: numberOf(record), hash: hashOfDecision(record.value!) }))
}

/** From record `index` on every hash is made anew over what now stands there, anchors too; who has no key leaves the signatures out. */
export function rewrittenFrom(records: readonly RawRecord[], index: number, change: (decision: Decision) => Decision): RawRecord[] {
  const out = records.slice(0, index)
  let previous: ChainPoint | null = out.filter(isAnchorRecord).map(pointOf).at(-1) ?? null
  for (const [at, { signature: _gone, ...record }] of records.slice(index).entries()) {
    const last = out.at(-1)
    const head = last === undefined ? { number: 0, hash: '' } : pointOf(last)
    const old = decodeDecision(record.value!)
    const isAnchor = anchorOf(old.body) !== null
    const told = {
      ...(at === 0 ? change(old) : old),
      previousHash: head.hash,
      ...(isAnchor ? { body: anchorText({ head, previous }) } : {}),
    }
    out.push({ ...record, value: encodeDecision(told) })
    if (isAnchor) previous = pointOf(out.at(-1)!)
  }
  return out
}

function pointOf(record: RawRecord): ChainPoint {
  return { number: numberOf(record), hash: hashOfDecision(record.value!) }
}

export function auditedWith(
  records: readonly RawRecord[],
  states: readonly RawRecord[],
  given: Partial<Vouching> = {},
  start = 0,
): AuditReport {
  const audit = new Audit(ALL, { topic: TOPIC, trusted: null, kept: [], ...given })
  audit.beginsAt(0, start)
  for (const record of records) audit.take(record)
  for (const state of states) audit.takeState(state)
  return audit.report()
}
