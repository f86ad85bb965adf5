/**
 * The Confluent prefix and the schemas behind it. A record with a known id must be read as plain Avro of that schema is; every other
 * must be refused for the reason that its first bytes give. And whatever a registry answers for a schema, reading goes on.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import avro from 'avsc'
import type { PredictionBatch } from '../../src/domain.ts'
import type { Way } from '../../src/ingest/decoder.ts'
import { type Ingest, predictionIngest } from '../../src/ingest/ingest.ts'
import { type Clock, systemClock } from '../../src/kit/clock.ts'
import { batchOf, layoutOf, TEST_TIME_MS, WORKLOAD } from './batches.ts'
import { Bounds } from './bounds.ts'
import { Damage } from './damage.ts'
import { columnsOf, type FuzzReport, type Parser } from './parser.ts'

const RECORDS_PER_BATCH = 100
const BATCHES_PER_LESSON = 50
/** Ids that look like other things: text, a length, the largest. */
const KNOWN = [1, 7, 0x7b226964, 0x01020304, 0xffffffff] as const
/** Known to the registry, and whatever it has under it changes. */
const STRANGE = 9
const UNKNOWN = [0, 2, 8, 255, 256, 0x80000000, 0xfffffffe]
const WAYS: readonly Way[] = ['program', 'steps']

type Json = null | boolean | number | string | Json[] | { readonly [key: string]: Json }

const NAMES = ['id', 'ts', 'model', 'version', 'segment', 'score', 'decision', 'latencyMs', 'unit'] as const
const VALUES: Readonly<Record<string, () => unknown>> = {
  id: () => 'request-1',
  ts: () => TEST_TIME_MS,
  model: () => 'fraud',
  version: () => 'v2',
  segment: () => 'de',
  score: () => 0.75,
  decision: () => 'accept',
  latencyMs: () => 12.5,
  unit: () => 'u7',
}

function fieldOf(name: string, nullable: boolean): Json {
  const type = name === 'ts' ? 'long' : name === 'score' || name === 'latencyMs' ? 'double' : 'string'
  return nullable ? { name, type: ['null', type], default: null } : { name, type }
}

function schemaOf(damage: Damage): Json {
  const names = [...NAMES.slice(0, 4), ...NAMES.slice(4).filter(() => damage.chance(0.7))]
  for (let swaps = damage.int(6); swaps > 0; swaps--) names.push(...names.splice(damage.int(names.length), 1))
  return { type: 'record', name: 'P', fields: names.map((name) => fieldOf(name, damage.chance(0.3))) }
}

function recordBytes(schema: Json): Buffer {
  const fields = (schema as { fields: { name: string; type: Json }[] }).fields
  const value = Object.fromEntries(
    fields.map(({ name, type }) => {
      const plain = VALUES[name]!()
      return [name, Array.isArray(type) ? { [type[1] as string]: plain } : plain]
    }),
  )
  return avro.Type.forSchema(schema as never, { wrapUnions: 'always' } as never).toBuffer(value)
}

function prefixed(id: number, body: Buffer): Buffer {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(id, 1)
  return Buffer.concat([prefix, body])
}

/** Schemas that a registry might hold, and should not. */
const ODD_SCHEMAS: readonly string[] = [
  '',
  'null',
  '""',
  '"string"',
  '{}',
  '[]',
  '["null"]',
  '7',
  '{"type":"record","name":"P","fields":[]}',
  '{"type":"record","name":"P","fields":[{"name":"next","type":"P"}]}',
  '{"type":"record","name":"P","fields":[{"name":"next","type":["null","P"]},{"name":"id","type":"string"}]}',
  '{"type":"record","name":"P","fields":[{"name":"id","type":"string"},{"name":"id","type":"string"}]}',
  '{"type":"array","items":"null"}',
  '{"type":"array","items":{"type":"record","name":"E","fields":[]}}',
  '{"type":"map","values":{"type":"map","values":"null"}}',
  '{"type":"fixed","name":"F","size":2147483647}',
  '{"type":"fixed","name":"F","size":-1}',
  '{"type":"fixed","name":"F","size":1e300}',
  '{"type":"enum","name":"E","symbols":[]}',
  '{"type":"record","name":"P","fields":[{"name":"__proto__","type":"string"},{"name":"constructor","type":"long"},{"name":"id","type":"string"}]}',
  '{"type":"record","name":"P","fields":[{"name":"ts","type":{"type":"long","logicalType":"timestamp-micros"}},{"name":"score","type":{"type":"bytes","logicalType":"decimal","precision":400,"scale":300}}]}',
  '{"type":"record","name":"P","fields":[{"name":"score","type":{"type":"bytes","logicalType":"decimal","precision":-1,"scale":1e9}}]}',
  `${'{"type":"array","items":'.repeat(2_000)}"long"${'}'.repeat(2_000)}`,
  `${'{"type":'.repeat(100)}"long"${'}'.repeat(100)}`,
  `{"type":"record","name":"P","fields":[${Array.from({ length: 3_000 }, (_, at) => `{"name":"x${at}","type":["null","double"]}`).join(',')}]}`,
]

const NEVER: Clock = { ...systemClock, monotonicMs: () => 0, sleep: () => Promise.resolve() }

/** A registry, and the same schemas as files. */
class Lesson {
  readonly schemas = new Map<number, Json>()
  readonly #plain = new Map<number, Ingest<PredictionBatch>>()
  readonly #confluent: readonly Ingest<PredictionBatch>[]
  readonly #damage: Damage

  constructor(damage: Damage, folder: string) {
    this.#damage = damage
    for (const id of KNOWN) {
      const schema = schemaOf(damage)
      const schemaFile = join(folder, `${id}.avsc`)
      writeFileSync(schemaFile, JSON.stringify(schema))
      this.schemas.set(id, schema)
      this.#plain.set(id, predictionIngest(layoutOf({ predictions: { ...WORKLOAD, format: 'avro', schemaFile } }), 4, NEVER, 'steps'))
    }
    const [first] = this.schemas.values()
    const odd = damage.chance(0.5) ? Buffer.from(damage.pick(ODD_SCHEMAS)) : damage.bytes(Buffer.from(JSON.stringify(first)))
    writeFileSync(join(folder, `${STRANGE}.avsc`), odd)
    const registry = { kind: 'directory', location: folder } as const
    const layout = layoutOf({ predictions: { ...WORKLOAD, format: 'confluent', registry } })
    this.#confluent = WAYS.map((way) => predictionIngest(layout, 4, NEVER, way))
  }

  value(): Buffer | null {
    const damage = this.#damage
    if (damage.chance(0.02)) return null
    if (damage.chance(0.1)) return damage.noise(damage.int(8))
    const id = damage.pick(KNOWN)
    const body = recordBytes(this.schemas.get(id)!)
    const named = damage.chance(0.75) ? id : damage.pick([...KNOWN, STRANGE, STRANGE, ...UNKNOWN])
    const whole = prefixed(named, damage.chance(0.3) ? damage.bytes(body) : body)
    if (damage.chance(0.1)) return damage.bytes(whole)
    return damage.chance(0.05) ? whole.subarray(0, damage.int(7)) : whole
  }

  /** Reads a batch in both ways, and holds the ways and the prefixes against plain Avro. */
  async compare(values: readonly (Buffer | null)[], report: { used: number; refused: number }): Promise<void> {
    const records = batchOf(values.map((value) => ({ value })))
    for (const ingest of this.#confluent) await ingest.prepare(records)
    const [compiled, general] = this.#confluent.map((ingest) => {
      const { batch, rejected } = ingest.read(records)
      return { columns: structuredClone(columnsOf(batch)), count: batch.count, rejected: [...rejected] }
    })
    assert.deepEqual(compiled, general)
    report.used += general!.count
    report.refused += general!.rejected.length
    const reasons = new Map(general!.rejected.map((one) => [one.row, one]))
    for (const [row, value] of values.entries()) {
      const shown = () => `row ${row}: ${value?.toString('hex')}`
      const expected = this.#expected(value)
      if (expected !== 'not known') assert.deepEqual(reasons.get(row)?.reason ?? null, expected, shown())
    }
    this.#compareColumns(values, general!.columns, reasons)
  }

  /** Why the record is refused; null: it is not. */
  #expected(value: Buffer | null): string | null {
    if (value === null) return 'tombstone'
    const id = idOf(value)
    if (id === null) return 'undecodable'
    const plain = this.#plain.get(id)
    if (plain === undefined) return id === STRANGE ? 'not known' : 'unknown-schema'
    return plain.read(batchOf([{ value: value.subarray(5) }])).rejected[0]?.reason ?? null
  }

  #compareColumns(values: readonly (Buffer | null)[], columns: Record<string, unknown>, refused: ReadonlyMap<number, unknown>): void {
    const rows = values.map((_, row) => row).filter((row) => !refused.has(row))
    for (const [place, row] of rows.entries()) {
      const plain = this.#plain.get(idOf(values[row]!)!)
      if (plain === undefined) continue
      const { batch } = plain.read(batchOf([{ value: values[row]!.subarray(5) }], { offset: row }))
      for (const [name, column] of Object.entries(columnsOf(batch))) {
        const where = () => `${name} of row ${row}: ${values[row]!.toString('hex')}`
        if (name !== 'count') assert.deepEqual(cellOf(columns[name], place), cellOf(column, 0), where())
      }
    }
  }
}

/** One row of a column, or of each of several. */
function cellOf(column: unknown, row: number): unknown {
  return Array.isArray(column) ? column.map((one) => cellOf(one, row)) : (column as Float64Array)[row]
}

function idOf(value: Buffer | null): number | null {
  return value === null || value.length < 5 || value[0] !== 0 ? null : value.readUInt32BE(1)
}

export async function fuzzConfluent(cases: number, seed: number): Promise<FuzzReport> {
  const damage = new Damage(seed)
  const bounds = new Bounds(seed)
  const report = { cases: 0, used: 0, refused: 0 }
  const folder = mkdtempSync(join(tmpdir(), 'flyball-fuzz-'))
  try {
    while (report.cases < cases) {
      const lesson = new Lesson(damage, folder)
      for (let batch = 0; batch < BATCHES_PER_LESSON && report.cases < cases; batch++) {
        const values = Array.from({ length: RECORDS_PER_BATCH }, () => lesson.value())
        const shown = () => values.map((value) => value?.toString('hex') ?? 'null').join(' ')
        await bounds.runAsync(shown, () => lesson.compare(values, report))
        report.cases += RECORDS_PER_BATCH
      }
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
  return report
}

export const CONFLUENT_PARSER: Parser = { name: 'confluent', run: fuzzConfluent }
