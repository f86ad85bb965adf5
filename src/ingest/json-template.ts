/**
 * Straight-line code for the shape of records seen before: key order, spacing and types as learned, keys compared as 32-bit words.
 *
 * The code may run past the record it reads: it is right because it must end exactly at the record's end. Keys and objects that are
 * absent are stepped over. Anything else unexpected leaves the record to the walk. Shapes hold only numbers of our making and codes of
 * characters, never text of the record, so nothing a producer sends becomes code.
 */
import type { JsonValues } from './json-values.ts'
import { OPEN, QUOTE, type TraceStep } from './json-walk.ts'
import { ABSENT, OTHER, type Registers } from './registers.ts'
import { compileCode, type Shape, wordTests } from './row-code.ts'

/** Code for the shape of one walked record; null when the shape is too odd, or code must not be made at run time. */
export function learnTemplate(registers: Registers, trace: readonly TraceStep[], values: JsonValues): Shape | null {
  const steps: string[] = []
  for (const step of trace) {
    const code = stepCode(registers.record, step)
    if (code === null) return null
    steps.push(code)
  }
  const code = `return function template(start, end) {
const u8 = registers.record, view = registers.view
registers.resetText()
let p = start, sep = ${OPEN}
${Array.from({ length: registers.recordSlots }, (_, slot) => `kinds[${slot}] = ${ABSENT}`).join('\n')}
${steps.join('\n')}
return u8[p] === 125 && p + 1 === end
}`
  return compileCode({ registers, kinds: registers.kinds, values }, code) as Shape | null
}

function stepCode(bytes: Buffer, step: TraceStep): string | null {
  if (step.kind === 'odd') return null
  if (step.kind === 'close') return `if (sep === ${OPEN}) p++; if (u8[p] !== 125) return false; p++; sep = 44 }`
  const key = bytes.subarray(step.gap, step.begin)
  if (/[^ -~\n\r\t]|\\/.test(key.toString('latin1'))) return null
  const after = step.kind === 'open' ? Buffer.concat([key, Buffer.from('{')]) : key
  const test = ['u8[p] === sep', ...wordTests(after, 'p + 1')].join(' && ')
  // p stays on the brace of an object: it is what the first member expects before itself.
  if (step.kind === 'open')
    return `if (${test}) { ${step.slot < 0 ? '' : `kinds[${step.slot}] = ${OTHER};`} p += ${after.length}; sep = ${OPEN}`
  const read = `values.${reader(bytes[step.begin]!, step.slot)}(p + ${key.length + 1}, end${step.slot < 0 ? '' : `, ${step.slot}`})`
  return `if (${test}) { p = ${read}; if (p < 0) return false; sep = 44 }`
}

/** What reads a value that began with `first`. */
function reader(first: number, slot: number): keyof JsonValues {
  if (slot < 0) return first === QUOTE ? 'skipText' : 'skip'
  if (first === QUOTE) return 'text'
  if (first === 45 || (first >= 48 && first <= 57)) return 'number'
  return first === 116 || first === 102 ? 'truth' : 'any'
}
