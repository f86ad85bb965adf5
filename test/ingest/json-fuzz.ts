/**
 * Differential test of the JSON layers: template, walk and JSON.parse read the same damaged records, and must agree bit for bit.
 *
 * More cases, another seed: `npx tsx test/ingest/json-fuzz.ts 300000 7`
 */
import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { pathTree } from '../../src/ingest/fields.ts'
import { ABSENT, FALSE, LONG, NUMBER, OTHER, Registers, STRING, TEXT, TRUE } from '../../src/ingest/registers.ts'
import { JsonDecoder, type JsonLayer } from '../../src/ingest/scan-json.ts'
import { type Random, seededRandom } from '../../src/kit/random.ts'
import { batchOf } from './batches.ts'

const PATHS = [
  ['id'],
  ['ts'],
  ['model'],
  ['segment'],
  ['score'],
  ['decision'],
  ['error'],
  ...Array.from({ length: 8 }, (_, index) => ['features', `f${index + 1}`]),
  ['features', 'c1'],
  ['meta', 'deep', 'rev'],
  ['meta', 'deep'],
  ['größe'],
]
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
  ...'"id" "ts" "model" "segment" "score" "decision" "error" "features" "meta" "deep" "rev" "f1" "f8" "c1" "\\u0069d" "__proto__" "constructor" "ID" "" "é" "größe" "extra" "extra\\n" id "unit" "i "features.f1" "f" "f11" "scor\\u0065"'.split(
    ' ',
  ),
  '"id "',
]
const DAMAGE = ['"', '\\', ',', '}', '{', ' ', '0', '\u0000', '\n', ':', 'é', '\u00a0', '\ufeff']

type Member = [key: string, value: string | Member[]]

class Maker {
  private readonly random: Random

  constructor(random: Random) {
    this.random = random
  }

  int(count: number): number {
    return Math.floor(this.random() * count)
  }

  chance(share: number): boolean {
    return this.random() < share
  }

  pick<T>(list: readonly T[]): T {
    return list[this.int(list.length)]!
  }

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
      ['"segment"', this.pick(['"de"', '"fr"'])],
      ['"unit"', `"u${this.int(1e5)}"`],
      ['"score"', this.number(1, this.pick([4, 17]))],
      ['"decision"', this.pick(['"accept"', '"reject"'])],
      ['"error"', this.pick(['true', 'false'])],
      ['"meta"', [['"deep"', [['"rev"', '"r7"']]]]],
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

interface Reading {
  readonly decoder: JsonDecoder
  readonly registers: Registers
}

function reading(layer: JsonLayer): Reading {
  const registers = new Registers(PATHS.length, [])
  return { decoder: new JsonDecoder(pathTree(PATHS), registers, layer), registers }
}

/** What a decoder says of a record, as plain data. */
function answer({ decoder, registers }: Reading, start: number, end: number): unknown {
  const problem = decoder.decode(start, end)
  return problem === null ? PATHS.map((_, slot) => plain(registers, slot)) : problem
}

function plain(registers: Registers, slot: number): unknown {
  const kind = registers.kinds[slot]!
  if (kind === NUMBER) return registers.numbers[slot]
  if (kind === STRING || kind === TEXT || kind === LONG) {
    registers.textOf(slot)
    return registers.textBytes.toString('latin1', registers.textStart, registers.textEnd)
  }
  return { [ABSENT]: 'absent', [TRUE]: true, [FALSE]: false, [OTHER]: 'other' }[kind]
}

export interface FuzzCounts {
  readonly used: number
  readonly broken: number
  readonly layers: { template: number; walk: number; parse: number }
}

const CASES_PER_LESSON = 2_000

/** Throws at the first difference. */
export function fuzzJson(cases: number, seed: number): FuzzCounts {
  const maker = new Maker(seededRandom(seed))
  const layers = { template: 0, walk: 0, parse: 0 }
  let used = 0
  for (let done = 0; done < cases; done += CASES_PER_LESSON) {
    // New decoders learn the usual shape first, so that most damage meets the template.
    const readings = [reading('template'), reading('walk'), reading('parse')] as const
    const records = Array.from({ length: Math.min(CASES_PER_LESSON, cases - done) }, () => maker.record())
    records.unshift(Buffer.from(write(maker.members(true), () => '')))
    for (const bytes of records) {
      // What follows a record may help it along: it must not.
      const follows = maker.pick(['', '"', '}', '0', ' ', '"}', bytes.toString('latin1').slice(-40)])
      const batch = batchOf([{ value: bytes }, { value: Buffer.from(follows.repeat(8), 'latin1') }])
      const answers = readings.map((one) => {
        one.decoder.begin(batch)
        one.registers.record = batch.bytes
        return answer(one, batch.valueStart[0]!, batch.valueEnd[0]!)
      })
      assert.deepStrictEqual(answers[0], answers[2], `template: ${JSON.stringify(bytes.toString())}`)
      assert.deepStrictEqual(answers[1], answers[2], `walk: ${JSON.stringify(bytes.toString())}`)
      if (Array.isArray(answers[2])) used++
    }
    for (const layer of ['template', 'walk', 'parse'] as const) layers[layer] += readings[0].decoder.used[layer]
  }
  return { used, broken: cases - used, layers }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(JSON.stringify(fuzzJson(Number(process.argv[2] ?? 100_000), Number(process.argv[3] ?? 7))))
}
