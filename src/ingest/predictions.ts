/** From registers to the columns of a PredictionBatch, and of self-describing outcomes, which are predictions with their label. */
import { type DescribedOutcomeBatch, FIELD_MISSING, FIELD_OK, type PredictionBatch, type RecordBatch } from '../domain.ts'
import { murmur2 } from '../kit/hash.ts'
import type { InputLayout, Layout } from '../policy/layout.ts'
import { type Field, type FieldMap, registerOf } from './fields.ts'
import { numberOrNaN, readName, readNumber, readTruth } from './meaning.ts'
import { NameTable } from './names.ts'
import { Row } from './row.ts'
import type { RowCode } from './row-code.ts'
import { emitId, emitOutcome, emitTimes } from './row-parts.ts'
import type { RowReader } from './rows.ts'

interface NamedField {
  readonly field: Field
  readonly names: NameTable
}

/** Label and value are read only for self-describing outcomes. */
export class PredictionRows implements RowReader<DescribedOutcomeBatch> {
  readonly row: Row
  batch: DescribedOutcomeBatch
  private capacity = 0
  private readonly input: InputLayout
  private readonly described: boolean
  private readonly partitions: number
  private readonly models: NameTable
  private readonly versions: readonly NameTable[]
  private readonly fields: ReturnType<typeof predictionFields>
  private readonly numbers: readonly Field[]
  private readonly symbols: readonly NamedField[]
  private readonly dimensions: readonly (NamedField & { readonly other: number })[]

  constructor(layout: Layout, input: InputLayout, map: FieldMap, partitions: number, described: boolean) {
    this.row = new Row(map.registers)
    this.input = input
    this.described = described
    this.partitions = partitions
    this.models = new NameTable(layout.models.map((model) => model.name))
    this.versions = layout.models.map((model) => new NameTable(model.versions))
    this.fields = predictionFields(input, map)
    this.numbers = input.numbers.map((slot) => map.field(slot.name, slot.path))
    this.symbols = input.symbols.map((slot) => ({ field: map.field(slot.name, slot.path), names: new NameTable(slot.values) }))
    this.dimensions = input.dimensions.map((slot) => ({
      field: map.field(slot.name, slot.path),
      names: new NameTable(slot.values),
      other: slot.values.length - 1,
    }))
    this.batch = emptyBatch(input, 0)
  }

  reserve(count: number): void {
    if (count > this.capacity) {
      this.capacity = Math.max(count, this.capacity * 2, 256)
      this.batch = emptyBatch(this.input, this.capacity)
    }
    this.batch.count = 0
  }

  read(records: RecordBatch, index: number): boolean {
    const { row, fields, batch } = this
    const at = batch.count
    if (!row.readId(fields.id)) return false
    batch.id1[at] = row.lanes[0]!
    batch.id2[at] = row.lanes[1]!
    if (!this.readVersion(at)) return false
    if (!row.readEventTime(fields.time, records.timestampMs[index]!)) return false
    if (!this.readError(at)) return false
    if (this.described && !row.readOutcome(fields.label, fields.value)) return false
    batch.offset[at] = records.offset[index]!
    batch.recordTimeMs[at] = records.timestampMs[index]!
    batch.eventTimeMs[at] = row.timeMs
    batch.label[at] = row.label
    batch.value[at] = row.value
    const score = numberOrNaN(row.registers, fields.score)
    batch.score[at] = score
    batch.decision[at] = row.readDecision(fields.decision, score)
    batch.latencyMs[at] = row.readLatency(fields.latency)
    this.readUnit(at, records.partition)
    this.readSlots(at)
    batch.count = at + 1
    return true
  }

  /** The same as code, for rows that are used. */
  emit(code: RowCode): void {
    const { fields } = this
    emitId(code, fields.id)
    const model = code.name(fields.model, [this.models])
    code.leaveIf(`${model} < 0`)
    const version = code.name(fields.version, this.versions, model)
    code.leaveIf(`${version} < 0`)
    code.write('model', model)
    code.write('version', version)
    emitTimes(code, fields.time)
    const error = fields.error === null ? '0' : code.truth(fields.error)
    code.leaveIf(`${error} < 0 && ${error} !== -${FIELD_MISSING}`)
    code.write('error', `${error} === 1 ? 1 : 0`)
    emitOutcome(code, this.described ? fields.label : null, this.described ? fields.value : null)
    const score = code.numberOrNaN(fields.score)
    const decision = fields.decision === null ? null : code.truth(fields.decision)
    code.write('score', score)
    code.write('decision', decision === null ? `${score} !== ${score} ? 2 : ${score} >= 0.5 ? 1 : 0` : `${decision} < 0 ? 2 : ${decision}`)
    const latencyMs = code.numberOrNaN(fields.latency)
    code.write('latencyMs', `${latencyMs} >= 0 ? ${latencyMs} : NaN`)
    const unit = code.unit(fields.unit, this.partitions)
    code.write('unit1', unit.lane1)
    code.write('unit2', unit.lane2)
    code.write('unitHome', unit.home)
    this.emitSlots(code)
  }

  private emitSlots(code: RowCode): void {
    for (const [slot, field] of this.numbers.entries()) {
      const { value, state } = code.number(field)
      code.write(`numbers[${slot}]`, value)
      code.write(`numberStates[${slot}]`, state)
    }
    for (const [slot, { field, names }] of this.symbols.entries()) code.write(`symbols[${slot}]`, code.name(field, [names]))
    for (const [slot, { field, names, other }] of this.dimensions.entries()) {
      const value = code.name(field, [names])
      code.write(`dimensions[${slot}]`, `${value} < 0 ? ${other} : ${value}`)
    }
  }

  private readVersion(at: number): boolean {
    const { row, fields, batch } = this
    const model = readName(row.registers, fields.model, this.models)
    if (model < 0) {
      if (model === -FIELD_MISSING || !row.registers.textOf(registerOf(row.registers, fields.model))) {
        return row.refuseState(fields.model, -model)
      }
      return row.refuse('unknown-model', `${fields.model.label}: ${row.describe(fields.model)}`)
    }
    const version = readName(row.registers, fields.version, this.versions[model]!)
    if (version < 0) {
      if (version === -FIELD_MISSING || !row.registers.textOf(registerOf(row.registers, fields.version))) {
        return row.refuseState(fields.version, -version)
      }
      return row.refuse('unknown-version', `${fields.version.label}: ${row.describe(fields.version)}`)
    }
    batch.model[at] = model
    batch.version[at] = version
    return true
  }

  /** An absent error field says that there was none; one of another type is refused: it must not pass for success. */
  private readError(at: number): boolean {
    const { error } = this.fields
    this.batch.error[at] = 0
    if (error === null) return true
    const truth = readTruth(this.row.registers, error)
    if (truth < 0 && truth !== -FIELD_MISSING) return this.row.refuseState(error, -truth)
    this.batch.error[at] = truth === 1 ? 1 : 0
    return true
  }

  /** A unit that is absent or no name is no unit. */
  private readUnit(at: number, partition: number): void {
    const { batch, row } = this
    const { unit } = this.fields
    if (unit === null || row.readKey(unit) !== FIELD_OK) {
      batch.unit1[at] = batch.unit2[at] = batch.unitHome[at] = 0
      return
    }
    batch.unit1[at] = row.lanes[0]!
    batch.unit2[at] = row.lanes[1]!
    const { textBytes, textStart, textEnd } = row.registers
    batch.unitHome[at] = (murmur2(textBytes, textStart, textEnd) & 0x7fffffff) % this.partitions === partition ? 1 : 0
  }

  private readSlots(at: number): void {
    const { batch, numbers, symbols, dimensions } = this
    const { registers } = this.row
    for (let slot = 0; slot < numbers.length; slot++) {
      const state = readNumber(registers, numbers[slot]!)
      batch.numbers[slot]![at] = state === FIELD_OK ? registers.value : Number.NaN
      batch.numberStates[slot]![at] = state
    }
    for (let slot = 0; slot < symbols.length; slot++) {
      batch.symbols[slot]![at] = readName(registers, symbols[slot]!.field, symbols[slot]!.names)
    }
    for (let slot = 0; slot < dimensions.length; slot++) {
      const { field, names, other } = dimensions[slot]!
      const value = readName(registers, field, names)
      batch.dimensions[slot]![at] = value < 0 ? other : value
    }
  }
}

function predictionFields(input: InputLayout, map: FieldMap) {
  const { fields } = input
  if (fields.model === null || fields.version === null) throw new Error(`${input.topic}: predictions need a model and a version`)
  return {
    id: map.optional('id', fields.id),
    time: map.optional('time', fields.time),
    model: map.field('model', fields.model),
    version: map.field('version', fields.version),
    unit: map.optional('unit', fields.unit),
    score: map.optional('score', fields.score),
    decision: map.optional('decision', fields.decision),
    latency: map.optional('latency', fields.latency),
    error: map.optional('error', fields.error),
    label: map.optional('label', fields.label),
    value: map.optional('value', fields.value),
  }
}

function emptyBatch(input: InputLayout, capacity: number): DescribedOutcomeBatch {
  const doubles = () => new Float64Array(capacity)
  const integers = () => new Int32Array(capacity)
  const bytes = () => new Uint8Array(capacity)
  const common: PredictionBatch = {
    count: 0,
    offset: doubles(),
    recordTimeMs: doubles(),
    eventTimeMs: doubles(),
    id1: integers(),
    id2: integers(),
    model: integers(),
    version: integers(),
    unit1: integers(),
    unit2: integers(),
    unitHome: bytes(),
    error: bytes(),
    decision: bytes(),
    score: doubles(),
    latencyMs: doubles(),
    numbers: input.numbers.map(doubles),
    numberStates: input.numbers.map(bytes),
    symbols: input.symbols.map(integers),
    dimensions: input.dimensions.map(integers),
  }
  return { ...common, label: doubles(), value: doubles() }
}
