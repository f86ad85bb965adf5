/** Claims, checkpoints and unit chunks of measure: `schemas/checkpoints.avsc`. What lies in a body is measure's own business. */
import { branchOf, plain } from './plain.ts'
import { avroCodec } from './schema.ts'

export interface Claim {
  readonly kind: 'claim'
  readonly source: string
  readonly nonce: string
  readonly atMs: number
}

export interface Checkpoint {
  readonly kind: 'checkpoint'
  readonly source: string
  readonly epoch: number
  readonly sequence: number
  /** UTF-8 JSON. */
  readonly body: Buffer
}

export interface UnitChunk {
  readonly kind: 'units'
  readonly source: string
  readonly chunk: number
  readonly bytes: Buffer
}

export type CheckpointRecord = Claim | Checkpoint | UnitChunk

const codec = avroCodec('checkpoints')
const branches = { claim: 'flyball.Claim', checkpoint: 'flyball.Checkpoint', units: 'flyball.UnitChunk' } as const

export function encodeCheckpoint(record: CheckpointRecord): Buffer {
  return codec.encode({ [branches[record.kind]]: record })
}

export function decodeCheckpoint(bytes: Uint8Array): CheckpointRecord {
  const { kind: branch, body } = branchOf(codec.decode(bytes))
  if (branch === branches.claim) return { kind: 'claim', ...plain<Omit<Claim, 'kind'>>(body) }
  if (branch === branches.checkpoint) return { kind: 'checkpoint', ...plain<Omit<Checkpoint, 'kind'>>(body) }
  return { kind: 'units', ...plain<Omit<UnitChunk, 'kind'>>(body) }
}
