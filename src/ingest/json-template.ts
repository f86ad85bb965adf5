/**
 * Straight-line code for the shape of records seen before: key order, spacing and types as learned, keys compared as 32-bit words.
 *
 * The code may run past the record it reads: it is right because it must end exactly at the record's end. Keys that are absent are
 * stepped over. Anything unexpected answers false and the walk looks. Shapes hold only numbers of our making and codes of
 * characters, never text of the record, so nothing a producer sends becomes code.
 */
import { decimalAt } from './decimal.ts'
import { DIGITS_MAX, type JsonWalker, OPEN, POWERS_OF_TEN, QUOTE, type TraceStep } from './json-walk.ts'
import { ABSENT, FALSE, NUMBER, OTHER, type Registers, STRING, TRUE } from './registers.ts'

/** True: the record had this shape, and registers hold it. */
export type Template = (bytes: Buffer, view: DataView, start: number, end: number) => boolean

const WORD_TRUE = wordOf('true', 0)
const WORD_FALS = wordOf('fals', 0)

/** Code for the shape of one walked record; null when the shape is too odd, or code must not be made at run time. */
export function learnTemplate(bytes: Buffer, trace: readonly TraceStep[], registers: Registers, walker: JsonWalker): Template | null {
  const steps: string[] = []
  const seen = new Set<number>()
  for (const step of trace) {
    const code = stepCode(bytes, step)
    if (code === null) return null
    if (step.kind !== 'close') seen.add(step.slot)
    steps.push(code)
  }
  const unseen = Array.from({ length: registers.recordSlots }, (_, slot) => slot).filter((slot) => !seen.has(slot))
  const body = [
    'let p = start, sep = 123',
    ...unseen.map((slot) => `kinds[${slot}] = ${ABSENT}`),
    ...steps,
    'return u8[p] === 125 && p + 1 === end',
  ].join('\n')
  try {
    const names = ['kinds', 'numbers', 'starts', 'ends', 'POWERS', 'decimalAt', 'walker'] as const
    const make = new Function(...names, `return function template(u8, view, start, end) {\n${body}\n}`)
    const { kinds, numbers, starts, ends } = registers
    return make(kinds, numbers, starts, ends, POWERS_OF_TEN, decimalAt, walker) as Template
  } catch (error) {
    if (error instanceof EvalError) return null // --disallow-code-generation-from-strings
    throw error
  }
}

function stepCode(bytes: Buffer, step: TraceStep): string | null {
  if (step.kind === 'odd') return null
  if (step.kind === 'close') return 'if (u8[p] !== 125) return false; p++; sep = 44'
  const key = bytes.toString('latin1', step.gap, step.begin)
  if (/[^ -~\n\r\t]|\\/.test(key)) return null
  if (step.kind === 'open') {
    const mark = step.slot < 0 ? '' : `kinds[${step.slot}] = ${OTHER};`
    // p stays on the brace: it is what the first member expects before itself.
    return `if (!(u8[p] === sep && ${same(`${key}{`, 1)})) return false; ${mark} p += ${key.length + 1}; sep = ${OPEN}`
  }
  const absent = step.slot < 0 ? '' : `else kinds[${step.slot}] = ${ABSENT}`
  return `if (u8[p] === sep && ${same(key, 1)}) { p += ${key.length + 1}; sep = 44; ${valueCode(bytes[step.begin]!, step.slot)} } ${absent}`
}

/** Code for a value that was of the type that begins with `first`; other types go to the walker. */
function valueCode(first: number, slot: number): string {
  if (slot < 0) return first === QUOTE ? skipTextCode() : `p = walker.skipAt(p, end); if (p < 0) return false`
  if (first === QUOTE) return textCode(slot)
  if (first === 45 || (first >= 48 && first <= 57)) return numberCode(slot)
  if (first === 116 || first === 102) return truthCode(slot)
  return anyCode('p', slot)
}

function anyCode(from: string, slot: number): string {
  return `p = walker.leafAt(${from}, end, ${slot}); if (p < 0) return false`
}

function skipTextCode(): string {
  return `if (u8[p] !== 34) { p = walker.skipAt(p, end); if (p < 0) return false }
    else { p++; for (;;) { const c = u8[p++]; if (c === 34) break; if (!(c >= 32) || c === 92) return false } }`
}

function textCode(slot: number): string {
  return `{ const from = p + 1; let e = from, c = u8[e]
    while (c >= 32 && c < 128 && c !== 34 && c !== 92) c = u8[++e]
    if (c === 34 && u8[p] === 34) { kinds[${slot}] = ${STRING}; starts[${slot}] = from; ends[${slot}] = e; p = e + 1 }
    else { ${anyCode('p', slot)} } }`
}

function truthCode(slot: number): string {
  return `{ const w = view.getInt32(p, true)
    if (w === ${WORD_TRUE}) { kinds[${slot}] = ${TRUE}; p += 4 }
    else if (w === ${WORD_FALS} && u8[p + 4] === 101) { kinds[${slot}] = ${FALSE}; p += 5 }
    else { ${anyCode('p', slot)} } }`
}

function numberCode(slot: number): string {
  return `{ const begin = p; let c = u8[p], negative = false, whole = 0, decimals = 0
    if (c === 45) { negative = true; c = u8[++p] }
    const first = p; c -= 48
    if (!(c >= 0 && c <= 9)) p = -1
    else {
      if (c === 0) c = u8[++p] - 48
      else do { whole = whole * 10 + c; c = u8[++p] - 48 } while (c >= 0 && c <= 9)
      if (c === -2) {
        const point = p++
        while ((c = u8[p] - 48) >= 0 && c <= 9) { whole = whole * 10 + c; p++ }
        decimals = p - point - 1
      }
      if (c === 53 || c === 21 || (decimals === 0 && u8[p - 1] === 46)) p = -1
    }
    if (p < 0) { ${anyCode('begin', slot)} }
    else if (p - first > ${DIGITS_MAX}) { numbers[${slot}] = decimalAt(u8, begin, p); kinds[${slot}] = ${NUMBER} }
    else { const value = decimals === 0 ? whole : whole / POWERS[decimals]; numbers[${slot}] = negative ? -value : value; kinds[${slot}] = ${NUMBER} } }`
}

/** Test that the bytes from p + offset on are this text, as overlapping words. */
function same(text: string, offset: number): string {
  const tests: string[] = []
  let index = 0
  for (; index + 4 <= text.length; index += 4) tests.push(`view.getInt32(p + ${offset + index}, true) === ${wordOf(text, index)}`)
  if (index < text.length && text.length >= 4) {
    tests.push(`view.getInt32(p + ${offset + text.length - 4}, true) === ${wordOf(text, text.length - 4)}`)
  } else {
    for (; index < text.length; index++) tests.push(`u8[p + ${offset + index}] === ${text.charCodeAt(index)}`)
  }
  return tests.join(' && ')
}

function wordOf(text: string, at: number): number {
  return text.charCodeAt(at) | (text.charCodeAt(at + 1) << 8) | (text.charCodeAt(at + 2) << 16) | (text.charCodeAt(at + 3) << 24)
}
