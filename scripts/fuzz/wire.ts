/**
 * Our own topics read back: damaged published bytes of every kind of record must be refused as FLY-WIRE-001, or read as a record that
 * can be written again and is then read as the same.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { Pane } from '../../src/domain.ts'
import { FlyballError } from '../../src/kit/errors.ts'
import { decodeAck, encodeAck } from '../../src/wire/acks.ts'
import { decodeAlert, encodeAlert } from '../../src/wire/alerts.ts'
import { decodeCheckpoint, encodeCheckpoint } from '../../src/wire/checkpoints.ts'
import { decodeCommand, encodeCommand } from '../../src/wire/control.ts'
import { decodeDecision, encodeDecision } from '../../src/wire/decisions.ts'
import { decodePane, encodePane, encodePulse } from '../../src/wire/panes.ts'
import { decodeRequest, encodeRequest } from '../../src/wire/requests.ts'
import { decodeState, encodeState } from '../../src/wire/state.ts'
import { Bounds } from './bounds.ts'
import { Damage } from './damage.ts'
import type { FuzzReport, Parser } from './parser.ts'

/** Reads a record and writes it again. */
interface Topic {
  readonly golden: readonly string[]
  readonly read: (bytes: Buffer) => { readonly record: unknown; readonly written: () => Buffer }
}

function topic<Record>(golden: readonly string[], decode: (bytes: Buffer) => Record, encode: (record: Record) => Buffer): Topic {
  return {
    golden,
    read: (bytes) => {
      const record = decode(bytes)
      return { record, written: () => encode(record) }
    },
  }
}

const TOPICS: readonly Topic[] = [
  topic(['panes-pane', 'panes-pulse'], decodePane, (one) => (one.kind === 'pulse' ? encodePulse(one) : encodePane(one))),
  topic(['control'], decodeCommand, encodeCommand),
  topic(['acks'], decodeAck, encodeAck),
  topic(['requests'], decodeRequest, encodeRequest),
  topic(['checkpoints-claim', 'checkpoints-checkpoint', 'checkpoints-units'], decodeCheckpoint, encodeCheckpoint),
  topic(['state-ladder', 'state-snapshot'], decodeState, encodeState),
  topic(['decisions'], decodeDecision, encodeDecision),
  topic(['alerts'], decodeAlert, encodeAlert),
]

const SEEDS = TOPICS.flatMap(({ golden, read }) => golden.map((name) => ({ name, read, bytes: goldenBytes(name) })))

function goldenBytes(name: string): Buffer {
  return Buffer.from(readFileSync(new URL(`../../test/golden/${name}.hex`, import.meta.url), 'utf8').replace(/\s/g, ''), 'hex')
}

export function fuzzWire(cases: number, seed: number): FuzzReport {
  const damage = new Damage(seed)
  const bounds = new Bounds(seed)
  const report = { cases: 0, used: 0, refused: 0 }
  for (; report.cases < cases; report.cases++) {
    const { name, read, bytes } = damage.pick(SEEDS)
    const damaged = damage.chance(0.02) ? damage.noise(damage.size(200)) : damage.bytes(bytes, damage.pick(SEEDS).bytes)
    const shown = () => `${name} ${damaged.toString('hex')}`
    if (bounds.run(shown, () => isRead(read, damaged, shown))) report.used++
    else report.refused++
  }
  return report
}

function isRead(read: Topic['read'], bytes: Buffer, shown: () => string): boolean {
  let first: ReturnType<Topic['read']>
  try {
    first = read(bytes)
  } catch (error) {
    assert.ok(error instanceof FlyballError && error.code === 'FLY-WIRE-001', `${shown()}: ${error}`)
    return false
  }
  try {
    assert.deepEqual(comparable(read(first.written()).record), comparable(first.record))
  } catch (error) {
    throw new Error(`not the same after it was written again: ${shown()}`, { cause: error })
  }
  return true
}

/** A pane keeps nothing that is zero: blocks without a count are not written, and −0 becomes 0. */
function comparable(record: unknown): unknown {
  const { kind, cells } = record as { readonly kind: string; readonly cells: Pane['cells'] }
  if (kind !== 'pane') return record
  const kept = (cell: Pane['cells'][number]) => {
    const all = [...cell.blocks].map(([id, { counts, sums }]) => [id, plus(counts), plus(sums)] as const)
    return { ...cell, blocks: all.filter(([, counts, sums]) => [...counts, ...sums].some((one) => one !== 0)) }
  }
  return { ...(record as Pane), cells: cells.map(kept) }
}

const plus = (numbers: Float64Array): Float64Array => numbers.map((one) => one + 0)

export const WIRE_PARSER: Parser = { name: 'wire', run: fuzzWire }
