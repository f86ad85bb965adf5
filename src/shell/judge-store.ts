/**
 * A model's judge state as records on `state`, and back.
 *
 * Ladder and evidence are written together, in the transaction of the decision they led to: whoever takes over stands exactly where
 * the last decision left the model, and judges on from the input positions stored with it. Evidence is cut into pieces under
 * 500 kB; pieces of an older, longer snapshot that compaction has not yet removed are told apart by the snapshot's id.
 */
import { gunzipSync, gzipSync } from 'node:zlib'
import type { LogRecord } from '../domain.ts'
import type { ChainsState } from '../judge/evidence/chains.ts'
import { decodeEvidence, encodeEvidence } from '../judge/evidence/evidence.ts'
import { decodeJudge, encodeJudge, type JudgeState } from '../judge/state.ts'
import type { ModelLayout } from '../policy/layout.ts'
import { modelKey, snapshotKey } from '../wire/keys.ts'
import { decodeState, encodeState, type LadderRecord, type SnapshotChunk } from '../wire/state.ts'
import type { TenureRecord } from './tenure.ts'

const CHUNK_BYTES = 450_000
const INFLATED_MAX = 256 << 20

/** Next offset per input that the state does not yet include. */
export interface Positions {
  readonly panes: number
  readonly acks: number
  readonly requests: number
  /** A drain: judge time up to which every pane and tick has been judged. */
  readonly drainedMs: number
}

export const FROM_START: Positions = { panes: 0, acks: 0, requests: 0, drainedMs: Number.NEGATIVE_INFINITY }

export interface StoredState {
  readonly state: JudgeState
  readonly positions: Positions
}

interface LadderBody {
  readonly judge: string
  readonly chains: ChainsState
  readonly snapshotId: string
  readonly positions: { readonly panes: number; readonly acks: number; readonly requests: number; readonly drainedMs: number | null }
}

/** The records that make `state` the truth, for the transaction of a decision. */
export function stateRecords(topic: string, state: JudgeState, positions: Positions, snapshotId: string): TenureRecord[] {
  const { ladder, model } = state
  const body: LadderBody = {
    judge: encodeJudge(state),
    chains: state.chains,
    snapshotId,
    positions: { ...positions, drainedMs: Number.isFinite(positions.drainedMs) ? positions.drainedMs : null },
  }
  const { decisionNumber, lastHash, epoch, sequence } = ladder
  const value = encodeState({ kind: 'ladder', model, decisionNumber, lastHash, epoch, sequence, body: Buffer.from(JSON.stringify(body)) })
  return [...chunks(topic, state, positions, snapshotId), { topic, record: { key: modelKey(model), value } }]
}

function chunks(topic: string, state: JudgeState, positions: Positions, snapshotId: string): TenureRecord[] {
  // A frame around what is deflated already: to deflate it again would find nothing.
  const bytes = gzipSync(encodeEvidence(state.evidence), { level: 0 })
  const count = Math.max(1, Math.ceil(bytes.length / CHUNK_BYTES))
  const at = { panes: positions.panes, acks: positions.acks, requests: positions.requests }
  return Array.from({ length: count }, (_, index) => {
    const piece = bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES)
    const value = encodeState({ kind: 'snapshot', model: state.model, snapshotId, index, count, positions: at, bytes: piece })
    return { topic, record: { key: snapshotKey(state.model, index), value } }
  })
}

/** What the records read back at a take-over say of a model; null when they say nothing. */
export function storedState(records: readonly LogRecord[], model: ModelLayout): StoredState | null {
  let ladder: LadderRecord | null = null
  const pieces = new Map<string, SnapshotChunk[]>()
  for (const record of records) {
    if (record.value === null) continue
    const found = decodeState(record.value)
    if (found.model !== model.name) continue
    if (found.kind === 'ladder') ladder = found
    else pieces.set(found.snapshotId, [...(pieces.get(found.snapshotId) ?? []), found])
  }
  if (ladder === null) return null
  const body = JSON.parse(ladder.body.toString()) as LadderBody
  const evidence = decodeEvidence(joined(pieces.get(body.snapshotId) ?? [], model.name), model)
  const state = decodeJudge(body.judge, evidence, body.chains)
  return { state, positions: { ...body.positions, drainedMs: body.positions.drainedMs ?? Number.NEGATIVE_INFINITY } }
}

function joined(pieces: readonly SnapshotChunk[], model: string): Buffer {
  const byIndex = new Map(pieces.map((piece) => [piece.index, piece.bytes]))
  const count = pieces[0]?.count ?? 0
  if (count === 0 || byIndex.size !== count) throw new Error(`snapshot of ${model} is not whole: ${byIndex.size} of ${count} pieces`)
  const bytes = Buffer.concat(Array.from({ length: count }, (_, index) => byIndex.get(index)!))
  return gunzipSync(bytes, { maxOutputLength: INFLATED_MAX })
}
