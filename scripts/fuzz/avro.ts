/**
 * Differential test of reading Avro: compiled shapes, the general reader and avsc read the same damaged records of random schemas, and
 * must give the same columns.
 *
 * Where we are stricter than avsc on purpose (a boolean of value 7, a count beyond the record, numbers of more than ten bytes) or read
 * more (64-bit integers keep their digits), the two of ours must agree with each other, and avsc is not asked.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import avro from 'avsc'
import type { PredictionBatch, RecordBatch } from '../../src/domain.ts'
import { mapFields, pathTree } from '../../src/ingest/fields.ts'
import { type Ingest, predictionIngest } from '../../src/ingest/ingest.ts'
import { collect } from '../../src/ingest/parse-json.ts'
import { PredictionRows } from '../../src/ingest/predictions.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { seededRandom } from '../../src/kit/random.ts'
import { batchOf, layoutOf, TEST_TIME_MS, WORKLOAD } from './batches.ts'
import { Chance } from './chance.ts'
import { columnsOf, type FuzzReport, type Parser } from './parser.ts'

const RECORDS_PER_SCHEMA = 400
/** Refusals of ours that avsc may not share, or may not survive: it reads counts unchecked. */
const OURS_ALONE = /a boolean of value|a count of|a length of|ends within a number|more than ten bytes|nested deeper/

type Json = null | boolean | number | string | Json[] | { readonly [key: string]: Json }

class Maker extends Chance {
  private names = 0

  /** The workload's fields with usual or unusual types, and others between them. */
  schema(): Json {
    this.names = 0
    const features = Array.from({ length: 8 }, (_, index) => this.field(`f${index + 1}`, ['double', 'float', 'int', 'long']))
    features.push(this.field('c1', ['string', this.enumeration(['cat0', 'cat3', 'größe'])]))
    const nested: Json = this.chance(0.8)
      ? { type: 'record', name: 'Features', fields: this.shuffled(features) }
      : { type: 'map', values: this.chance(0.5) ? 'double' : ['null', 'double', 'string'] }
    const fields = [
      { name: 'id', type: this.pick<Json>(['string', 'string', 'string', 'long', ['null', 'string']]) },
      { name: 'ts', type: this.pick<Json>(['long', { type: 'long', logicalType: 'timestamp-millis' }, 'string', 'double']) },
      { name: 'model', type: this.pick<Json>(['string', 'string', this.enumeration(['fraud', 'credit-risk'])]) },
      { name: 'version', type: this.pick<Json>(['string', 'string', this.enumeration(['v1', 'v2', 'v3']), ['string', 'int']]) },
      this.field('segment', ['string', this.enumeration(['de', 'fr', 'us'])]),
      this.field('unit', ['string', 'long', 'int']),
      this.field('score', ['double', 'float', 'string']),
      this.field('decision', ['string', this.enumeration(['accept', 'reject']), 'boolean']),
      this.field('latencyMs', ['double', 'float', 'long']),
      this.field('error', ['boolean', 'boolean', 'boolean', 'int']),
      { name: 'features', type: this.chance(0.2) ? ['null', nested] : nested },
      ...Array.from({ length: this.int(4) }, (_, index) => ({ name: `other${index}`, type: this.type(0) })),
    ]
    return { type: 'record', name: 'Prediction', fields: this.shuffled(fields as Json[]) }
  }

  /** Usually of one of these types, often nullable, sometimes anything. */
  private field(name: string, usual: readonly Json[]): Json {
    const type = this.chance(0.06) ? this.type(1) : this.pick(usual)
    if (Array.isArray(type) || type === 'null' || this.chance(0.5)) return { name, type }
    return { name, type: this.chance(0.8) ? ['null', type] : [type, 'null'] }
  }

  private type(depth: number): Json {
    const kinds = [
      'null',
      'boolean',
      'int',
      'long',
      'float',
      'double',
      'bytes',
      'string',
      'enum',
      'fixed',
      'union',
      'record',
      'array',
      'map',
    ]
    const kind = this.pick(depth > 2 ? kinds.slice(0, 10) : kinds)
    if (kind === 'enum') return this.enumeration(Array.from({ length: 1 + this.int(80) }, (_, index) => `s${index}`))
    if (kind === 'fixed') return { type: 'fixed', name: this.name(), size: 1 + this.int(9) }
    if (kind === 'array') return { type: 'array', items: this.type(depth + 1) }
    if (kind === 'map') return { type: 'map', values: this.type(depth + 1) }
    if (kind === 'union') return this.shuffled(['null', 'string', 'double', 'long', 'boolean']).slice(0, 1 + this.int(5))
    if (kind !== 'record') return kind
    const fields = Array.from({ length: this.int(4) }, (_, index) => ({ name: `f${index}`, type: this.type(depth + 1) }))
    return { type: 'record', name: this.name(), fields }
  }

  private enumeration(symbols: readonly string[]): Json {
    return { type: 'enum', name: this.name(), symbols: symbols.map((symbol) => symbol.replace(/[^a-z0-9]/g, '_')) }
  }

  private name(): string {
    return `N${this.names++}`
  }

  private shuffled<T>(list: readonly T[]): T[] {
    if (this.chance(0.5)) return [...list]
    return list
      .map((one) => ({ one, at: this.random() }))
      .sort((a, b) => a.at - b.at)
      .map(({ one }) => one)
  }

  /** A value of a type, in avsc's form: what a field of this name usually holds, or anything. */
  value(type: avro.Type, name: string): unknown {
    const name2 = type.typeName
    if (name2.startsWith('logical:')) return this.value((type as avro.types.LogicalType).underlyingType, name)
    switch (name2) {
      case 'record':
        return Object.fromEntries((type as avro.types.RecordType).fields.map((field) => [field.name, this.value(field.type, field.name)]))
      case 'union:wrapped':
      case 'union:unwrapped': {
        const branch = this.pick((type as avro.types.WrappedUnionType).types)
        return branch.typeName === 'null' ? null : { [branch.branchName!]: this.value(branch, name) }
      }
      case 'array':
        return Array.from({ length: this.int(4) }, () => this.value((type as avro.types.ArrayType).itemsType, ''))
      case 'map': {
        const keys = this.shuffled(['f1', 'f2', 'c1', 'x', 'größe']).slice(0, this.int(5))
        return Object.fromEntries(keys.map((key) => [key, this.value((type as avro.types.MapType).valuesType, key)]))
      }
      default:
        return this.plain(type, name)
    }
  }

  private plain(type: avro.Type, name: string): unknown {
    switch (type.typeName) {
      case 'null':
        return null
      case 'boolean':
        return this.chance(0.5)
      case 'int':
        return this.pick([0, 1, -1, 63, 64, -65, 8191, -8193, 2 ** 31 - 1, -(2 ** 31), this.int(2 ** 31)])
      case 'long':
        return name === 'ts'
          ? TEST_TIME_MS + this.int(1e6)
          : this.pick([0, 1, -64, 2 ** 28, 2 ** 48, -(2 ** 48), 2 ** 49 + 1, this.int(2 ** 53)])
      case 'float':
      case 'double':
        if (name === 'ts') return TEST_TIME_MS + this.random()
        return this.pick([
          0,
          -0,
          1,
          0.5,
          this.random(),
          this.random() * 100 - 50,
          this.chance(0.1) ? Number.NaN : 1e-7,
          this.chance(0.1) ? Infinity : 3,
        ])
      case 'enum':
        return this.pick((type as avro.types.EnumType).symbols)
      case 'bytes':
        return Buffer.alloc(this.int(5), 0xc3)
      case 'fixed':
        return Buffer.alloc((type as avro.types.FixedType).size, 7)
      default:
        return this.text(name)
    }
  }

  private text(name: string): string {
    const usual: Record<string, readonly string[]> = {
      id: [`${this.int(2 ** 31).toString(16)}-${this.int(2 ** 31).toString(16)}`],
      ts: ['2025-06-15T15:06:40Z'],
      model: ['fraud', 'credit-risk'],
      version: ['v1', 'v2'],
      segment: ['de', 'fr', 'us'],
      decision: ['accept', 'reject'],
      c1: ['cat0', 'cat11', 'cat3'],
    }
    if (this.chance(0.03)) return this.pick(['', 'é', 'größe', '\u{1f600}', 'x'.repeat(this.int(300)), 'true', '1'])
    return this.pick(usual[name] ?? [`u${this.int(1e5)}`])
  }

  damage(bytes: Buffer): Buffer {
    const copy = Buffer.from(bytes)
    const chance = this.random()
    const place = this.int(bytes.length)
    if (bytes.length === 0 || chance < 0.25) return copy.subarray(0, place)
    if (chance < 0.7) {
      for (let hits = 1 + this.int(3); hits > 0; hits--) copy[this.int(bytes.length)]! ^= 1 << this.int(8)
      return copy
    }
    if (chance < 0.85) {
      copy[place] = this.pick([0, 1, 2, 127, 128, 255, this.int(256)])
      return copy
    }
    return Buffer.concat([copy.subarray(0, place), Buffer.from([this.int(256)]), copy.subarray(place + this.int(2))])
  }
}

/** Three readers of one schema, on the same map of fields. */
class Trial {
  private readonly type: avro.Type
  private readonly ours: readonly Ingest<PredictionBatch>[]
  private readonly map = mapFields(WORKLOAD)
  private readonly tree = pathTree(this.map.paths)
  private readonly rows: PredictionRows

  constructor(schema: Json, file: string) {
    writeFileSync(file, JSON.stringify(schema))
    this.type = avro.Type.forSchema(schema as never, { wrapUnions: 'always' } as never)
    const layout = layoutOf({ predictions: { ...WORKLOAD, format: 'avro', schemaFile: file } })
    this.ours = (['program', 'steps'] as const).map((way) => predictionIngest(layout, 4, systemClock, way))
    this.rows = new PredictionRows(layout, WORKLOAD, this.map, 4, false)
  }

  records(maker: Maker): Buffer[] {
    return Array.from({ length: RECORDS_PER_SCHEMA }, () => {
      const bytes = this.type.toBuffer(maker.value(this.type, ''))
      return maker.chance(0.4) ? maker.damage(bytes) : bytes
    })
  }

  compare(records: RecordBatch, report: { used: number; refused: number }): void {
    const [compiled, general] = this.ours.map((ingest) => ingest.read(records))
    const shown = () => JSON.stringify(this.type.schema())
    assert.deepEqual(compiled!.rejected, general!.rejected, shown())
    assert.deepEqual(columnsOf(compiled!.batch), columnsOf(general!.batch), shown())
    report.used += general!.batch.count
    report.refused += general!.rejected.length
    const refused = new Map(general!.rejected.map((one) => [one.row, `${one.reason} ${one.detail}`]))
    let place = 0
    const columns = Object.entries(general!.batch)
    this.rows.reserve(1)
    for (let row = 0; row < records.count; row++) {
      const at = refused.has(row) ? -1 : place++
      const answer = this.ask(records, row, refused.get(row) ?? '')
      if (answer === 'not asked') continue
      const where = () => `row ${row} ${shown()} ${records.bytes.toString('hex', records.valueStart[row], records.valueEnd[row])}`
      assert.equal(answer, at >= 0, `${where()}: ${refused.get(row)}`)
      if (at < 0) continue
      for (const [name, column] of columns)
        assert.deepEqual(rowOf(column, at), rowOf(this.rows.batch[name as 'score'], 0), `${name} ${where()}`)
    }
  }

  /** What avsc and the general meaning of fields make of a record: used, refused, or not comparable. */
  private ask(records: RecordBatch, row: number, refusal: string): boolean | 'not asked' {
    if (OURS_ALONE.test(refusal)) return 'not asked'
    let value: unknown
    try {
      value = this.type.fromBuffer(records.bytes.subarray(records.valueStart[row]!, records.valueEnd[row]!))
    } catch (error) {
      return /precision loss/.test(String(error)) ? 'not asked' : false
    }
    const object = plain(this.type, value)
    if (object === UNSAFE) return 'not asked'
    this.map.registers.reset()
    collect(object as object, this.tree, this.map.registers)
    this.rows.batch.count = 0
    return this.rows.read(records, row)
  }
}

/** Beyond it avsc loses the last bit of the encoded integer, and with it the sign. */
const AVSC_EXACT = 2 ** 52
const UNSAFE = Symbol('an integer that avsc rounds')

function rowOf(column: unknown, row: number): unknown {
  if (typeof column === 'number') return null
  return ArrayBuffer.isView(column) ? (column as Float64Array)[row] : (column as readonly Float64Array[]).map((one) => one[row])
}

/** avsc's value as JSON would have it: unions unwrapped; bytes and lists are lists. */
function plain(type: avro.Type, value: unknown): unknown {
  const name = type.typeName
  if (name.startsWith('logical:')) return plain((type as avro.types.LogicalType).underlyingType, value)
  if (name === 'int' || name === 'long') return Math.abs(value as number) < AVSC_EXACT ? value : UNSAFE
  if (name.startsWith('union')) {
    if (value === null) return null
    const [branch, inner] = Object.entries(value as object)[0]!
    return plain((type as avro.types.WrappedUnionType).types.find((one) => one.branchName === branch)!, inner)
  }
  if (name === 'bytes' || name === 'fixed' || name === 'array') return []
  if (name !== 'record' && name !== 'map') return value
  const typeOf = (key: string) => {
    return name === 'map' ? (type as avro.types.MapType).valuesType : (type as avro.types.RecordType).field(key).type
  }
  const entries = Object.entries(value as object).map(([key, one]) => [key, plain(typeOf(key), one)] as const)
  return entries.some(([, one]) => one === UNSAFE) ? UNSAFE : Object.fromEntries(entries)
}

/** Throws at the first difference. */
export function fuzzAvro(cases: number, seed: number): FuzzReport {
  const maker = new Maker(seededRandom(seed))
  const report = { cases: 0, used: 0, refused: 0 }
  const folder = mkdtempSync(join(tmpdir(), 'flyball-fuzz-'))
  try {
    while (report.cases < cases) {
      const trial = new Trial(maker.schema(), join(folder, 'schema.avsc'))
      trial.compare(batchOf(trial.records(maker).map((value) => ({ value }))), report)
      report.cases += RECORDS_PER_SCHEMA
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
  return report
}

export const AVRO_PARSER: Parser = { name: 'avro', run: fuzzAvro }
