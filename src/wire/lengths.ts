/**
 * Bounds for texts out of records that others write. What people and gateways say is kept in the judge's state and repeated in its
 * decisions: a text of a megabyte, well-formed as it may be, would make records that no broker takes, and end the judge for good.
 */
import { FlyballError } from '../kit/errors.ts'

/** By field, in characters. */
export type LengthsMax<Record> = Readonly<Partial<{ [Field in keyof Record]: number }>>

/** Names the first field that is longer than it may be; null: none is. */
export function tooLong<Record extends object>(record: Record, lengthsMax: LengthsMax<Record>): string | null {
  for (const [field, lengthMax] of Object.entries(lengthsMax) as [keyof Record & string, number][]) {
    const text = record[field]
    if (typeof text === 'string' && text.length > lengthMax) return `${field} is longer than ${lengthMax} characters`
  }
  return null
}

/** Throws FLY-WIRE-001 when one is. */
export function withinLengths<Record extends object>(name: string, record: Record, lengthsMax: LengthsMax<Record>): Record {
  const problem = tooLong(record, lengthsMax)
  if (problem !== null) throw new FlyballError('FLY-WIRE-001', { record: name, problem })
  return record
}
