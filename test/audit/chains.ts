/** Chains of decisions as the judge writes them, to be tampered with. */
import { Audit, type AuditReport, type RawRecord } from '../../src/audit/audit.ts'
import { ALL, type Bounds } from '../../src/audit/findings.ts'
import type { Decision } from '../../src/domain.ts'
import { encodeDecision, hashOfDecision } from '../../src/wire/decisions.ts'
import { encodeState } from '../../src/wire/state.ts'
import { decision } from '../wire/records.ts'

export const BEGIN_MS = 1_700_000_000_000

/** Decision `number` comes at BEGIN_MS + number seconds; every second offset is a transaction's marker. */
export function chainOf(model: string, count: number, change: (decision: Decision) => Decision = (one) => one): RawRecord[] {
  const records: RawRecord[] = []
  let previousHash = ''
  for (let number = 1; number <= count; number++) {
    const plain = { ...decision, id: `${model}-${number}`, model, number, previousHash, judgeTimeMs: BEGIN_MS + number * 1000 }
    const value = encodeDecision(change(plain))
    previousHash = hashOfDecision(value)
    records.push({ partition: 0, offset: (number - 1) * 2, key: Buffer.from(model), value, version: 3 })
  }
  return records
}

/** What the judge stored together with the last of these. */
export function stateAfter(records: readonly RawRecord[], model: string, decisionNumber = records.length): RawRecord {
  const lastHash = hashOfDecision(records[decisionNumber - 1]!.value!)
  const value = encodeState({ kind: 'ladder', model, decisionNumber, lastHash, epoch: 1, sequence: 1, body: Buffer.from('{}') })
  return { partition: 0, offset: 100, key: Buffer.from(model), value, version: 1 }
}

export interface Told {
  readonly bounds?: Bounds
  readonly start?: number
  readonly model?: string
}

export function audited(records: readonly RawRecord[], states: readonly RawRecord[], told: Told = {}): AuditReport {
  const audit = new Audit(told.bounds ?? ALL)
  audit.beginsAt(0, told.start ?? 0)
  for (const record of records) audit.take(record)
  for (const state of states) audit.takeState(state)
  return audit.report(told.model)
}

/** `kind number@offset`, in the order of the log. */
export function short({ findings }: AuditReport): string[] {
  return findings.map(({ kind, number, toNumber, offset }) => {
    const numbers = number === toNumber ? String(number) : `${number}-${toNumber}`
    return `${kind} ${numbers}@${offset ?? 'none'}`
  })
}
