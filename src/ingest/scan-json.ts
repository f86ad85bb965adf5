/**
 * Reads JSON records. Three layers, each falling to the next, and all answering what JSON.parse would:
 * templates (programs for shapes seen before), the walk (any shape), JSON.parse (the definition).
 */
import type { RecordBatch } from '../domain.ts'
import type { Problem, Reading, RecordDecoder, Way } from './decoder.ts'
import type { PathNode } from './fields.ts'
import { learnTemplate } from './json-template.ts'
import { JsonValues } from './json-values.ts'
import { JsonWalker, type TraceStep } from './json-walk.ts'
import { parseJson } from './parse-json.ts'
import type { Registers } from './registers.ts'
import { hasRoom, type RowProgram, type Shape } from './row-code.ts'

/** Topics may mix a few shapes (one per model). */
const TEMPLATES_MAX = 4
/** A topic of ever-changing shapes must not compile for ever. */
const LESSONS_MAX = 64
/** Each miss costs this, each hit gives one back: a new shape is learned when more than a ninth of the records miss for a while. */
const MISS_WEIGHT = 8
const MISSES_MAX = 4_000

export class JsonDecoder implements RecordDecoder {
  /** Records read by each layer. */
  readonly used = { program: 0, steps: 0, definition: 0 }
  private readonly tree: PathNode
  private readonly registers: Registers
  private readonly walker: JsonWalker
  private readonly values: JsonValues
  private readonly way: Way
  private records: RecordBatch | null = null
  private roomy = false
  private readonly templates: Shape[] = []
  private current = 0
  private lessons = 0
  private misses = MISSES_MAX + 1

  constructor({ tree, registers, way }: Reading) {
    this.tree = tree
    this.registers = registers
    this.way = way
    this.walker = new JsonWalker(tree, registers)
    this.values = new JsonValues(registers, this.walker)
  }

  prepare(): null {
    return null
  }

  begin(records: RecordBatch): void {
    this.records = records
    this.roomy = hasRoom(records)
    this.registers.open(records.bytes)
    this.walker.open(records.bytes)
    this.values.open()
  }

  run<B>(program: RowProgram<B>, columns: B, from: number, at: number): number {
    const { templates } = this
    const records = this.records!
    let row = from
    for (let tried = 0; this.roomy && tried < templates.length && row < records.count; tried++) {
      const stopped = program(records, columns, row, records.count, at + row - from, templates[this.current]!)
      const next = stopped < 0 ? ~stopped : stopped
      if (next > row) tried = 0
      this.hits(next - row)
      row = next
      if (stopped < 0) {
        this.hits(1)
        return ~row
      }
      if (row < records.count && ++this.current === templates.length) this.current = 0
    }
    return row
  }

  private hits(count: number): void {
    this.used.program += count
    this.misses = Math.max(0, this.misses - count)
  }

  decode(start: number, end: number): Problem | null {
    if (this.way !== 'definition' && this.walk(start, end)) {
      this.used.steps++
      return null
    }
    this.used.definition++
    return parseJson(this.registers.record, start, end, this.tree, this.registers)
  }

  private walk(start: number, end: number): boolean {
    if (this.way !== 'program') return this.walker.walk(start, end, null)
    this.misses += MISS_WEIGHT
    if (this.misses <= MISSES_MAX || this.lessons === LESSONS_MAX) return this.walker.walk(start, end, null)
    this.misses = 0
    this.lessons++
    const trace: TraceStep[] = []
    const walked = this.walker.walk(start, end, trace)
    const template = walked ? learnTemplate(this.registers, trace, this.values) : null
    if (template === null) {
      if (this.templates.length === 0) this.misses = MISSES_MAX + 1 // an odd first record teaches nothing: try the next
      return walked
    }
    this.current = this.templates.length < TEMPLATES_MAX ? this.templates.length : this.lessons % TEMPLATES_MAX
    this.templates[this.current] = template
    return true
  }
}
