/**
 * Policy files: whatever the text, parsePolicy answers with a policy or with FLY-POLICY-…, in bounded time and memory. What it takes
 * must also be what it says: the layout of an accepted policy can be written as JSON, and the same text gives the same.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { POLICY_TEMPLATE } from '../../src/cli/policy-template.ts'
import { FlyballError } from '../../src/kit/errors.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { Bounds } from './bounds.ts'
import { Damage } from './damage.ts'
import type { FuzzReport, Parser } from './parser.ts'

const EXAMPLES = new URL('../../examples/policies/', import.meta.url)
const SEEDS = [
  ...readdirSync(EXAMPLES).map((name) => readFileSync(new URL(name, EXAMPLES), 'utf8')),
  POLICY_TEMPLATE,
  // Its commented lines too.
  POLICY_TEMPLATE.replace(/^(\s*)# (?=\w+:)/gm, '$1'),
]

const SCALARS = [
  ...'0 -0 1 -1 0.5 1e308 1e999 -1e999 .inf -.inf .nan 0x7fffffffffffffff 0o777 0b1 1_000 9007199254740993 18446744073709551616 1e-320 4294967296 2147483648 1000000000'.split(
    ' ',
  ),
  ...'null ~ true false yes no on Off 2001-12-14 2001-12-14t21:59:43.10-05:00 12:30:45 0s 1ms 5s 1h 9999999d 1e9h -5m 5% 101% 1e9% kB 64MiB'.split(
    ' ',
  ),
  ...'[] {} [[]] {a:b} [1,2,3] !!binary !!float !!int !!str !!set !!omap !foo !!js/function &a *a *b <<: | > |+ >- @x `x %x # --- ... ? : - "" \'\' "\\u0000" "\\ud800" "\\x00"'.split(
    ' ',
  ),
  ...'__proto__ constructor toString hasOwnProperty __all__ __other__ default value path equals atLeast unit'.split(' '),
  '"a\\nb"',
  '{__proto__: {a: 1}}',
  '{path: a, equals: [1], atLeast: x}',
  '[a, a, a]',
  '&a [*a]',
  '&a {b: *a}',
  '{<<: *a}',
  '{? [a] : b}',
  '!!binary aGVsbG8=',
  '"\u2028"',
  '\u{1f600}',
  '$.a.b[0].c',
  'a..b',
  '.',
  '/',
  '../../etc/passwd',
]
const NOISE = [
  '\t',
  ' ',
  '  ',
  '\n',
  ':',
  ': ',
  '- ',
  '{',
  '}',
  '[',
  ']',
  ',',
  '"',
  "'",
  '#',
  '&',
  '*',
  '!',
  '|',
  '>',
  '%',
  '\u0000',
  '\ufeff',
  '\r',
  '\u0085',
  '\u2028',
  '<<: ',
  '--- ',
  '? ',
  '\ud800',
]

/** Texts that are small and mean much. */
const BOMBS: readonly ((size: number) => string)[] = [
  (size) => `a: ${'['.repeat(size)}`,
  (size) => `a: ${'['.repeat(size)}${']'.repeat(size)}`,
  (size) => `a: ${'{a: '.repeat(size)}`,
  (size) => `a: ${'{a: '.repeat(size)}1${'}'.repeat(size)}`,
  (size) => Array.from({ length: Math.min(size, 1_500) }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'),
  (size) => `a: ${'- '.repeat(size)}`,
  (size) => `${'- '.repeat(size)}1`,
  (size) => `${'? '.repeat(size)}1`,
  (size) =>
    `a: &x0 [1]\n${Array.from({ length: Math.min(size, 100) }, (_, at) => `b${at}: &x${at + 1} [${`*x${at},`.repeat(9)}]`).join('\n')}`,
  (size) =>
    `a: &x0 {k: 1}\n${Array.from({ length: Math.min(size, 60) }, (_, at) => `b${at}: &x${at + 1} {<<: [*x${at}, *x${at}, *x${at}], k${at}: *x${at}}`).join('\n')}`,
  (size) => Array.from({ length: size }, (_, at) => `k${at}: &a${at} 1`).join('\n'),
  (size) => `a: &a 1\nb: [${'*a, '.repeat(size)}]`,
  (size) => Array.from({ length: size }, (_, at) => `k${at}: &a${at} n${at}\n*a${at} : 1`).join('\n'),
  (size) => Array.from({ length: size }, () => 'version: 1').join('\n'),
  (size) => `version: ${'1'.repeat(size)}`,
  (size) => `version: "${'\\'.repeat(size)}"`,
  (size) => `version: ${'"'.repeat(size)}`,
  (size) => `${'%YAML 1.2\n'.repeat(size)}---\na: 1`,
  (size) => '---\n'.repeat(size),
  (size) => `${'!'.repeat(size)} a`,
  (size) => `a: |\n${' '.repeat(size)}x\n${' b\n'.repeat(size)}`,
  (size) => `${' '.repeat(size)}\n`.repeat(20),
  (size) => `#${'x'.repeat(size)}\n`.repeat(20),
  (size) => `${'a'.repeat(size)}: 1`,
  (size) => `"${'a '.repeat(size)}\n${'b '.repeat(size)}": 1`,
  (size) => `models:\n${Array.from({ length: size }, (_, at) => `  m${at}: {control: v1, candidate: v2}`).join('\n')}`,
  (size) =>
    `version: 1\ninputs: {predictions: {topic: p, features: {${Array.from({ length: size }, (_, at) => `f${at}: a.f${at}`).join(', ')}}}}`,
]

function damaged(damage: Damage): string {
  if (damage.chance(0.03)) return damage.noise(damage.size(2_000)).toString('latin1')
  const text = damage.pick(SEEDS)
  if (damage.chance(0.02)) {
    const bomb = damage.pick(BOMBS)(damage.pick([10, 100, 1_000, 10_000]))
    return damage.chance(0.5) ? bomb : `${text}\n${bomb}`
  }
  if (damage.chance(0.1)) return damage.bytes(Buffer.from(text), Buffer.from(damage.pick(SEEDS))).toString(damage.pick(['utf8', 'latin1']))
  const lines = text.split('\n')
  for (let rounds = 1 + damage.int(damage.chance(0.3) ? 12 : 2); rounds > 0; rounds--) mutate(lines, damage)
  return lines.join(damage.chance(0.05) ? '\r\n' : '\n')
}

function mutate(lines: string[], damage: Damage): void {
  const place = damage.int(lines.length)
  const line = lines[place] ?? ''
  switch (damage.int(10)) {
    case 0:
      lines.splice(place, 1 + damage.int(3))
      break
    case 1:
      lines.splice(damage.int(lines.length + 1), 0, ...lines.slice(place, place + 1 + damage.int(4)))
      break
    case 2:
      lines[place] = line.startsWith('  ') && damage.chance(0.5) ? line.slice(2) : `${damage.pick([' ', '  ', '\t', '- '])}${line}`
      break
    case 3:
      lines[place] = line.replace(/^(\s*)[^\s:]+:/, (_, indent: string) => `${indent}${damage.pick(SCALARS)}:`)
      break
    case 4: {
      const at = damage.int(line.length + 1)
      lines[place] = `${line.slice(0, at)}${damage.pick(NOISE)}${line.slice(at + damage.int(2))}`
      break
    }
    default:
      lines[place] = otherValue(line, damage)
  }
}

/** Another value for one of the places on a line that hold one. */
function otherValue(line: string, damage: Damage): string {
  const values = [...line.matchAll(/(?<=[:[,{] ?)[^\s,:[\]{}#]+(?=[\s,\]}]|$)/g)]
  if (values.length === 0) return `${line} ${damage.pick(SCALARS)}`
  const { 0: old, index } = damage.pick(values)
  const digits = Number(old.replace(/\D/g, ''))
  const next =
    damage.chance(0.3) && digits > 0
      ? old.replace(/\d+/, String(damage.pick([0, 1, digits * 10, digits * 1e6, -digits, 2 ** 53])))
      : damage.pick(SCALARS)
  return line.slice(0, index) + next + line.slice(index + old.length)
}

export function fuzzPolicy(cases: number, seed: number): FuzzReport {
  const damage = new Damage(seed)
  const bounds = new Bounds(seed)
  const report = { cases: 0, used: 0, refused: 0 }
  for (; report.cases < cases; report.cases++) {
    const text = damaged(damage)
    const shown = () => (text.length > 3_000 ? `${JSON.stringify(text.slice(0, 1_000))} … ${text.length} characters` : JSON.stringify(text))
    if (bounds.run(shown, () => isTaken(text, shown))) report.used++
    else report.refused++
  }
  return report
}

function isTaken(text: string, shown: () => string): boolean {
  try {
    const { layout, warnings } = parsePolicy(text, 'flyball.yaml')
    assert.ok(
      warnings.every((warning) => warning.startsWith('flyball.yaml:')),
      shown(),
    )
    assert.equal(typeof JSON.stringify(layout), 'string')
    assert.match(layout.policyDigest, /^[0-9a-f]{16}$/)
    return true
  } catch (error) {
    if (!(error instanceof FlyballError && error.code.startsWith('FLY-POLICY-'))) throw new Error(`${error}: ${shown()}`, { cause: error })
    assert.ok(error.message.length < 100_000 + 100 * text.length, `a message of ${error.message.length} characters: ${shown()}`)
    return false
  }
}

export const POLICY_PARSER: Parser = { name: 'policy', run: fuzzPolicy }
