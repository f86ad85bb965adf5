/** Flyball's records by their schemas alone: an Avro library, and the packed cells as the documentation of `counts` and `sums` says. */
import { readFileSync } from 'node:fs'
import avro from 'avsc'

function typeOf(name: string): avro.Type {
  const schema = JSON.parse(readFileSync(new URL(`../../schemas/${name}.avsc`, import.meta.url), 'utf8'))
  return avro.Type.forSchema(schema, { wrapUnions: Array.isArray(schema) ? 'always' : 'never' })
}

const types = {
  panes: typeOf('panes'),
  checkpoints: typeOf('checkpoints'),
  decisions: versionsOf('decisions', 3),
  state: typeOf('state'),
  control: typeOf('control'),
  alerts: typeOf('alerts'),
  acks: versionsOf('acks', 2),
  requests: versionsOf('requests', 3),
}

/** Readers of a topic whose schema has had several versions, the first one first: Avro resolves each to the newest. */
type Versions = readonly ((bytes: Buffer) => unknown)[]

function versionsOf(name: string, newest: number): Versions {
  const type = typeOf(name)
  const older = Array.from({ length: newest - 1 }, (_, index) => type.createResolver(typeOf(`${name}.${index + 1}`)))
  return [...older.map((resolver) => (bytes: Buffer) => type.fromBuffer(bytes, resolver)), (bytes) => type.fromBuffer(bytes)]
}

/** As schemas/README.md says: the header `schema`, absent means 1. */
function versioned<T>(versions: Versions, bytes: Buffer, headers: Headers): T | null {
  const version = headers.find(([name]) => name === 'schema')?.[1].toString() ?? '1'
  try {
    return (versions[Number(version) - 1]?.(bytes) ?? null) as T | null
  } catch {
    return null
  }
}

type Headers = readonly (readonly [string, Buffer])[]

export interface WireStamp {
  readonly epoch: number
  readonly sequence: number
}

export interface WireNumbers {
  readonly counts: number[]
  readonly sums: number[]
}

export interface WirePane {
  readonly kind: 'pane'
  readonly model: string
  readonly source: string
  readonly chain: string
  readonly stamp: WireStamp
  readonly base: WireStamp
  readonly from: number
  readonly to: number
  readonly previousTo: number
  readonly sliceStartMs: number
  readonly sliceEndMs: number
  readonly sampleRate: number
  /** By `version|scope|population|block`; blocks of zeros are left out. */
  readonly cells: ReadonlyMap<string, WireNumbers>
}

export interface WirePulse {
  readonly kind: 'pulse'
  readonly source: string
  readonly stamp: WireStamp
  readonly base: WireStamp
  readonly from: number
  readonly to: number
  readonly idle: boolean
  readonly models: readonly string[]
}

export interface WireDecision {
  readonly id: string
  readonly model: string
  readonly number: number
  readonly previousHash: string
  readonly epoch: number
  readonly sequence: number
  readonly judgeTimeMs: number
  readonly mode: 'observe' | 'enforce'
  readonly verdict: {
    readonly kind: string
    readonly rule: string
    readonly because: string | null
    readonly note: string
    readonly proofs: readonly { readonly guardrail: string; readonly holds: boolean; readonly rows: number }[]
    readonly evidence: readonly WireReading[]
  }
  readonly weightsBefore: Readonly<Record<string, number>>
  readonly weightsAfter: Readonly<Record<string, number>>
  readonly readings: readonly WireReading[]
  readonly panes: number
  readonly rows: number
  readonly requestId: string | null
  readonly segmentsAfter: readonly WireSegment[]
  readonly restraints: readonly { readonly kind: string }[]
  readonly phase: WirePhase | null
  readonly stage: string
  readonly body: string
}

/** As it is written; code within the daemon spells it with a hyphen. */
export type WirePhase = 'new' | 'climbing' | 'promoted' | 'rolled_back' | 'offline' | 'shadow' | 'guard'

export interface WireSegment {
  readonly segment: string
  readonly weights: Readonly<Record<string, number>>
}

export interface WireReading {
  readonly guardrail: string
  readonly scope: string
  readonly action: string
  readonly logEvidence: number
  readonly logLimit: number
  readonly weight: number
  readonly candidateRows: number
  readonly controlRows: number
  readonly candidateEvents: number
  readonly controlEvents: number
}

export interface WireCommand {
  readonly id: string
  readonly model: string
  readonly epoch: number
  readonly sequence: number
  readonly kind: string
  readonly control: string
  readonly candidate: string
  readonly weights: Readonly<Record<string, number>>
  readonly segments: readonly WireSegment[]
  readonly leaseMs: number
  readonly rule: string
  readonly decisionId: string
}

export interface WireAlert {
  readonly incident: string
  readonly model: string
  readonly cause: string
  readonly severity: string
  readonly status: 'firing' | 'resolved'
  readonly decisionId: string
}

export interface WireAck {
  readonly model: string
  readonly gateway: string
  readonly kind: 'applied' | 'stale' | 'presence'
  readonly commandId: string
  readonly epoch: number
  readonly sequence: number
  readonly leaseExpired: boolean
  readonly countersSinceMs: number
}

export interface WireRequest {
  readonly id: string
  readonly model: string
  readonly verb: string
  readonly who: string
  readonly reason: string
}

export interface WireLadder {
  readonly kind: 'ladder'
  readonly model: string
  readonly decisionNumber: number
  readonly lastHash: string
  readonly epoch: number
  readonly sequence: number
  readonly body: Buffer
}

export interface WireCheckpoint {
  readonly kind: 'claim' | 'checkpoint' | 'units'
  readonly source: string
  readonly epoch: number
  readonly sequence: number
  readonly body: Buffer
}

/** Null: these bytes are no such record. */
function decode<T>(type: avro.Type, bytes: Buffer): T | null {
  try {
    return type.fromBuffer(bytes) as T
  } catch {
    return null
  }
}

/** Of a union: the branch's name in lower case, and what is in it. */
function branch(type: avro.Type, bytes: Buffer): { kind: string; body: Record<string, unknown> } | null {
  const wrapped = decode<Record<string, Record<string, unknown>>>(type, bytes)
  const found = wrapped === null ? undefined : Object.entries(wrapped)[0]
  return found === undefined ? null : { kind: found[0].slice('flyball.'.length).toLowerCase(), body: found[1] }
}

export const readDecision = (bytes: Buffer, headers: Headers): WireDecision | null => versioned(types.decisions, bytes, headers)
export const readCommand = (bytes: Buffer): WireCommand | null => decode(types.control, bytes)
export const readAlert = (bytes: Buffer): WireAlert | null => decode(types.alerts, bytes)
export const readAck = (bytes: Buffer, headers: Headers): WireAck | null => versioned(types.acks, bytes, headers)
export const readRequest = (bytes: Buffer, headers: Headers): WireRequest | null => versioned(types.requests, bytes, headers)

export function readLadder(bytes: Buffer): WireLadder | null {
  const found = branch(types.state, bytes)
  return found?.kind === 'ladder' ? ({ kind: 'ladder', ...found.body } as unknown as WireLadder) : null
}

export function readCheckpoint(bytes: Buffer): WireCheckpoint | null {
  const found = branch(types.checkpoints, bytes)
  if (found === null) return null
  const kind = found.kind === 'unitchunk' ? 'units' : found.kind
  return { kind, ...found.body } as unknown as WireCheckpoint
}

interface PackedCell {
  readonly version: number
  readonly scope: number
  readonly population: string
  readonly counts: Buffer
  readonly sums: Buffer
}

interface BlockEntry {
  readonly id: string
  readonly countSlots: number
  readonly sumSlots: number
}

export function readPane(bytes: Buffer): WirePane | WirePulse | null {
  const found = branch(types.panes, bytes)
  if (found === null) return null
  if (found.kind === 'pulse') return { kind: 'pulse', ...found.body } as unknown as WirePulse
  const { blocks, versions, scopes, cells, ...rest } = found.body as {
    blocks: BlockEntry[]
    versions: string[]
    scopes: string[]
    cells: PackedCell[]
  }
  const unpacked = new Map<string, WireNumbers>()
  for (const cell of cells) {
    const place = `${versions[cell.version]}|${scopes[cell.scope]}|${cell.population}`
    for (const [id, numbers] of numbersIn(cell, blocks)) unpacked.set(`${place}|${id}`, numbers)
  }
  return { kind: 'pane', ...rest, cells: unpacked } as unknown as WirePane
}

/** Unsigned LEB128: a gap to the block, its count slots as (gap, count), its sum slots as gaps; the sums themselves as doubles. */
function numbersIn(cell: PackedCell, blocks: readonly BlockEntry[]): [string, WireNumbers][] {
  let at = 0
  let sumAt = 0
  const next = (): number => {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = cell.counts[at++]!
      value += (byte & 127) * factor
      if (byte < 128) return value
    }
  }
  const found: [string, WireNumbers][] = []
  for (let block = -1; at < cell.counts.length; ) {
    block += 1 + next()
    const { id, countSlots, sumSlots } = blocks[block]!
    const numbers = { counts: new Array<number>(countSlots).fill(0), sums: new Array<number>(sumSlots).fill(0) }
    for (let left = next(), slot = -1; left > 0; left--) numbers.counts[(slot += 1 + next())] = next()
    for (let left = next(), slot = -1; left > 0; left--, sumAt += 8) numbers.sums[(slot += 1 + next())] = cell.sums.readDoubleLE(sumAt)
    found.push([id, numbers])
  }
  return found
}
