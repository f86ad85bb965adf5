/** Commands to gateways: `schemas/control.avsc`, and the CloudEvents headers beside them. For strangers: docs/control-topic.md. */
import type { Command } from '../domain.ts'
import { isoTime } from '../kit/iso-time.ts'
import { fromSymbol, plain, toSymbol } from './plain.ts'
import { avroCodec } from './schema.ts'

const codec = avroCodec('control')

export interface RevertFlag {
  readonly flag: string
  readonly variant: string
}

export function encodeCommand(command: Command): Buffer {
  return codec.encode({ ...command, kind: toSymbol(command.kind) })
}

export function decodeCommand(bytes: Uint8Array): Command {
  const raw = plain<Command>(codec.decode(bytes))
  return { ...raw, kind: fromSymbol(raw.kind) }
}

/**
 * CloudEvents 1.0, Kafka binary mode: every attribute, extensions too, is a header that begins with `ce_`.
 * `sequence` is padded so that comparing texts compares (epoch, sequence). A rollback never expires and has no `expirytime`.
 * `revertFlag`: a feature flag that goes back with a candidate that loses all its traffic.
 */
export function controlHeaders(command: Command, revertFlag: RevertFlag | null = null): Record<string, string> {
  const headers: Record<string, string> = {
    ce_specversion: '1.0',
    ce_id: command.id,
    ce_source: `/flyball/${encodeURIComponent(command.environment)}`,
    ce_type: `flyball.command.${toSymbol(command.kind)}`,
    ce_time: isoTime(command.issuedAtMs),
    ce_subject: command.model,
    ce_dataschema: 'urn:flyball:schema:control:1',
    ce_sequence: `${String(command.epoch).padStart(16, '0')}.${String(command.sequence).padStart(16, '0')}`,
    'content-type': 'application/avro',
  }
  if (command.kind !== 'rollback') headers['ce_expirytime'] = isoTime(command.issuedAtMs + command.leaseMs)
  if (revertFlag !== null && command.weights[command.candidate] === 0)
    headers['ce_flyballrevertflag'] = `${encodeURIComponent(revertFlag.flag)}=${encodeURIComponent(revertFlag.variant)}`
  return headers
}
