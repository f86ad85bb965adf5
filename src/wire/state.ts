/** What the next owner of a model must know: `schemas/state.avsc`. What lies in a body is the judge's own business. */
import { branchOf, plain } from './plain.ts'
import { avroCodec } from './schema.ts'

export interface LadderRecord {
  readonly kind: 'ladder'
  readonly model: string
  readonly decisionNumber: number
  readonly lastHash: string
  readonly epoch: number
  readonly sequence: number
  readonly body: Buffer
}

export interface SnapshotChunk {
  readonly kind: 'snapshot'
  readonly model: string
  readonly snapshotId: string
  readonly index: number
  readonly count: number
  /** Next offset per input, `<topic>/<partition>`. */
  readonly positions: Readonly<Record<string, number>>
  readonly bytes: Buffer
}

export type StateRecord = LadderRecord | SnapshotChunk

const codec = avroCodec('state')

export function encodeState(record: StateRecord): Buffer {
  return codec.encode(record.kind === 'ladder' ? { 'flyball.Ladder': record } : { 'flyball.SnapshotChunk': record })
}

export function decodeState(bytes: Uint8Array): StateRecord {
  const { kind, body } = branchOf(codec.decode(bytes))
  if (kind === 'flyball.Ladder') return { kind: 'ladder', ...plain<Omit<LadderRecord, 'kind'>>(body) }
  return { kind: 'snapshot', ...plain<Omit<SnapshotChunk, 'kind'>>(body) }
}
