/**
 * Differential test of reading JSON: templates, the walk and JSON.parse read the same damaged records through whole ingests, and must give
 * the same columns and the same refusals, bit for bit.
 */
import assert from 'node:assert/strict'
import type { DescribedOutcomeBatch, RecordBatch, Rejected } from '../../src/domain.ts'
import type { Way } from '../../src/ingest/decoder.ts'
import { describedIngest, type Ingest } from '../../src/ingest/ingest.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { seededRandom } from '../../src/kit/random.ts'
import type { InputLayout } from '../../src/policy/layout.ts'
import { at, batchOf, inputOf, layoutOf, PLAIN_FIELDS, WORKLOAD } from './batches.ts'
import { Chance } from './chance.ts'
import { columnsOf, type FuzzReport, type Parser } from './parser.ts'

const NUMBERS =
  '0 -0 0.0 -0.0 1 -1 0.1 00 01 -01 1. .5 - +1 1e3 1E-3 1e 1e+ 1.5e10 123456789012345 1234567890123456 12345678901234567890 9007199254740993 0.1234567890123456789 0.000000000000000000001 1e400 -1e400 4.35 2.675 1.005 1750000000000 1750000000000.5 NaN Infinity 0x10 1_000 0.30000000000000004 5e-324 99999999999999.9 1.7976931348623157e308 1e-05 1.0.0 --1 9999999999999999'.split(
    ' ',
  )
const STRINGS = [
  '"accept"',
  '"accep"',
  '"accept\\u0020"',
  '"\\u0061ccept"',
  '""',
  '"é"',
  '"\u{1f600}"',
  '"\\ud800"',
  '"\\ud83d\\ude00"',
  '"\\n"',
  '"\\x"',
  '"\\u12g4"',
  '"\\u@123"',
  '"a\tb"',
  '"a\u0000b"',
  '"a\u001fb"',
  '"\u007f"',
  '"unclosed',
  '"a\\"',
  '"a\\\\"',
  "'single'",
  '"a"b"',
  '"\\"},{\\""',
  '"constructor"',
  '"__proto__"',
]
const OTHERS = [
  ...'null true false nul True truex tru falsy undefined {} [] [1,] {"a":1,} {,} [,1] {"id":"x"} {"f1":1} [[[[[[]]]]]] {1:2} {"a"::1} , : } ] { [ [} {]'.split(
    ' ',
  ),
  '[1,2,{"a":[]}]',
  '{"a":{"b":[null]}}',
  '{"a" 1}',
  '',
  ' ',
  '{"deep":{"rev":"7"}}',
  '{"deep":3}',
  `${'['.repeat(70)}${']'.repeat(70)}`,
]
const KEYS = [
  ...'"id" "ts" "model" "segment" "score" "decision" "error" "features" "meta" "deep" "rev" "usage" "gpuMs" "f1" "f8" "c1" "\\u0069d" "__proto__" "constructor" "ID" "" "é" "größe" "extra" "extra\\n" id "unit" "i "features.f1" "f" "f11" "scor\\u0065"'.split(
    ' ',
  ),
  '"id "',
]
const DAMAGE = ['"', '\\', ',', '}', '{', ' ', '0', '\u0000', '\n', ':', 'é', '\u00a0', '\ufeff']

type Member = [key: string, value: string | Member[]]

class Maker extends Chance {
  private number(range: number, digits: number): string {
    return String(Number((this.random() * range - (this.chance(0.3) ? range / 2 : 0)).toFixed(digits)))
  }

  /** `whole`: every optional member is there. */
  members(whole: boolean): Member[] {
    const features: Member[] = []
    for (let index = 1; index <= 8; index++) {
      if (whole || this.chance(0.9)) features.push([`"f${index}"`, this.number(8, this.pick([0, 2, 4, 9, 17]))])
    }
    if (whole || this.chance(0.9)) features.push(['"c1"', `"cat${this.int(12)}"`])
    return [
      ['"id"', `"${this.int(2 ** 31).toString(16)}-${this.int(2 ** 31).toString(16)}"`],
      ['"ts"', String(1.75e12 + this.int(1e6))],
      ['"model"', this.pick(['"fraud"', '"credit-risk"'])],
      ['"version"', this.pick(['"v1"', '"v2"'])],
      ['"segment"', this.pick(['"de"', '"fr"', '"us"'])],
      ['"unit"', `"u${this.int(1e5)}"`],
      ['"score"', this.number(1, this.pick([4, 17]))],
      ['"decision"', this.pick(['"accept"', '"reject"'])],
      ['"latencyMs"', this.number(50, 2)],
      ['"error"', this.pick(['true', 'false', 'false', '0', '1'])],
      ['"meta"', [['"deep"', [['"rev"', '"r7"']]]]],
      ['"usage"', [['"gpuMs"', this.number(500, 2)]]],
      ['"features"', features],
    ]
  }

  mutate(list: Member[]): void {
    const nested = list.filter((member) => Array.isArray(member[1]))
    const target = nested.length > 0 && this.chance(0.4) ? (this.pick(nested)[1] as Member[]) : list
    const value = this.pick(this.pick([NUMBERS, STRINGS, OTHERS]))
    const chance = this.random()
    const place = this.int(target.length)
    const member = target[place]
    if (member === undefined || (chance >= 0.45 && chance < 0.6)) target.splice(place, 0, [this.pick(KEYS), value])
    else if (chance < 0.35) member[1] = value
    else if (chance < 0.45) target.splice(place, 1)
    else if (chance < 0.7) target.splice(this.int(target.length + 1), 0, [...member])
    else if (chance < 0.85) {
      const other = this.int(target.length)
      target[place] = target[other]!
      target[other] = member
    } else member[0] = this.pick(KEYS)
  }

  damage(bytes: Buffer): Buffer {
    const chance = this.random()
    const place = this.int(bytes.length)
    if (chance < 0.3) return bytes.subarray(0, place)
    if (chance < 0.6) {
      const copy = Buffer.from(bytes)
      copy[place] = this.int(256)
      return copy
    }
    if (chance < 0.8) return Buffer.concat([bytes.subarray(0, place), Buffer.from(this.pick(DAMAGE)), bytes.subarray(place)])
    if (chance < 0.9) return Buffer.concat([bytes, Buffer.from(this.pick([' ', '\n', 'x', '}', ',', '\u0000', '{}']))])
    return Buffer.concat([bytes.subarray(0, place), bytes.subarray(place + 1 + this.int(3))])
  }

  gap(): () => string {
    if (this.chance(0.75)) return () => ''
    if (this.chance(0.5)) return () => ' '
    return () => this.pick(['', '', ' ', '\n', '\t', '  ', '\r\n'])
  }

  /** A quarter is whole; of the rest most have something wrong. */
  record(): Buffer {
    const list = this.members(false)
    if (this.chance(0.6)) for (let rounds = 1 + this.int(2); rounds > 0; rounds--) this.mutate(list)
    const bytes = Buffer.from(write(list, this.gap()))
    return this.chance(0.35) ? this.damage(bytes) : bytes
  }
}

function write(list: readonly Member[], gap: () => string): string {
  const members = list.map(([key, value]) => `${key}${gap()}:${gap()}${Array.isArray(value) ? write(value, gap) : value}`)
  return `{${gap()}${members.join(`${gap()},${gap()}`)}${gap()}}`
}

/** Three ways to map the same records: every kind of field, test, scale, constant and default among them. */
const INPUTS: readonly InputLayout[] = [
  WORKLOAD,
  inputOf({
    fields: {
      ...PLAIN_FIELDS,
      version: at('version', { default: 'v2' }),
      time: at('ts', { isTime: true, scale: 0.5 }),
      unit: at('größe', { default: 'someone' }),
      score: at('score', { scale: 0.25 }),
      decision: at('score', { test: { kind: 'atLeast', limit: 0.5 } }),
      latency: at('features.f1', { scale: 1000, default: 7 }),
      label: at('error', { test: { kind: 'truthy' } }),
      value: at('features.f2'),
    },
    numbers: [
      { name: 'deep', path: at('meta.deep') },
      { name: 'score', path: at('score') },
      { name: 'gpuMs', path: at('usage.gpuMs'), resource: true },
    ],
    symbols: [{ name: 'rev', path: at('meta.deep.rev'), values: ['r7', '7', 'true', 'é'] }],
    dimensions: [{ name: 'c1', path: at('features.c1', { default: 'cat3' }), values: ['cat1', 'cat3', '__other__'] }],
  }),
  inputOf({
    fields: {
      id: at('score'),
      model: at('', { constant: 'fraud' }),
      version: at('rev', { default: 'v1' }),
      unit: at('ts'),
      error: at('decision', { test: { kind: 'equals', text: 'reject' } }),
      decision: at('größe', { test: { kind: 'equals', text: 'é' }, default: 'é' }),
      value: at('score', { scale: -1 }),
    },
    symbols: [{ name: 'segment', path: at('segment'), values: ['de', 'fr', '7', 'accept'] }],
    dimensions: [{ name: 'extra', path: at('extra'), values: ['0', 'true', '__other__'] }],
  }),
]

const WAYS: readonly Way[] = ['program', 'steps', 'definition']
const RECORDS_PER_LESSON = 4_000
const RECORDS_PER_BATCH = 500

function ingestsOf(input: InputLayout): readonly Ingest<DescribedOutcomeBatch>[] {
  const described = input.fields.label === null && input.fields.value === null ? withLabel(input) : input
  // A layout of its own: nothing is learned before.
  const layout = layoutOf({ described, recordBytesMax: 2_000 })
  return WAYS.map((way) => describedIngest(layout, 4, systemClock, way))
}

function withLabel(input: InputLayout): InputLayout {
  return { ...input, fields: { ...input.fields, label: at('features.f8', { test: { kind: 'atLeast', limit: 4 } }), value: at('ts') } }
}

/** Throws at the first difference. */
export function fuzzJson(cases: number, seed: number): FuzzReport {
  const maker = new Maker(seededRandom(seed))
  const report = { cases: 0, used: 0, refused: 0 }
  for (let lesson = 0; report.cases < cases; lesson++) {
    const ingests = ingestsOf(INPUTS[lesson % INPUTS.length]!)
    // The usual shape is learned first, so that most damage meets the template.
    let first = [Buffer.from(write(maker.members(true), maker.gap()))]
    for (let done = 0; done < RECORDS_PER_LESSON && report.cases < cases; done += RECORDS_PER_BATCH) {
      const records = [...first, ...Array.from({ length: RECORDS_PER_BATCH }, () => maker.record())]
      first = []
      compare(
        ingests,
        batchOf(
          records.map((value) => ({ value })),
          { partition: lesson % 4 },
        ),
        report,
      )
      report.cases += RECORDS_PER_BATCH
    }
  }
  return report
}

/** Records follow each other without a gap: what follows a record may help it along, and must not. */
function compare(ingests: readonly Ingest<DescribedOutcomeBatch>[], records: RecordBatch, report: { used: number; refused: number }): void {
  const reads = ingests.map((ingest) => ingest.read(records))
  const wanted = reads[2]!
  for (const [index, way] of WAYS.entries()) {
    if (index === 2) continue
    const read = reads[index]!
    for (const [place, one] of wanted.rejected.entries()) assert.deepEqual(read.rejected[place], one, `${way}: ${shownOf(records, one)}`)
    assert.equal(read.rejected.length, wanted.rejected.length, `${way}: ${shownOf(records, read.rejected.at(-1))}`)
    assert.deepEqual(columnsOf(read.batch), columnsOf(wanted.batch), way)
  }
  report.used += wanted.batch.count
  report.refused += wanted.rejected.length
}

function shownOf(records: RecordBatch, rejected: Rejected | undefined): string {
  if (rejected === undefined) return 'nothing refused'
  return JSON.stringify(records.bytes.toString('latin1', records.valueStart[rejected.row], records.valueEnd[rejected.row]))
}

export const JSON_PARSER: Parser = { name: 'json', run: fuzzJson }
