/**
 * Reads JSON records. Three layers, each falling to the next, and all answering what JSON.parse would:
 * templates (code for shapes seen before), the walk (any shape), JSON.parse (the definition).
 */
import type { RecordBatch } from '../domain.ts'
import type { Problem, RecordDecoder } from './decoder.ts'
import type { PathNode } from './fields.ts'
import { learnTemplate, type Template } from './json-template.ts'
import { JsonWalker, type TraceStep } from './json-walk.ts'
import { parseJson } from './parse-json.ts'
import type { Registers } from './registers.ts'

/** The fastest layer that may be used; tests hold the layers against each other. */
export type JsonLayer = 'template' | 'walk' | 'parse'

/** Topics may mix a few shapes (one per model). */
const TEMPLATES_MAX = 4
/** A topic of ever-changing shapes must not compile for ever. */
const LESSONS_MAX = 64
/** Each miss costs this, each hit gives one back: a new shape is learned when more than a ninth of the records miss for a while. */
const MISS_WEIGHT = 8
const MISSES_MAX = 4_000

export class JsonDecoder implements RecordDecoder {
  /** Records read by each layer. */
  readonly used = { template: 0, walk: 0, parse: 0 }
  private readonly tree: PathNode
  private readonly registers: Registers
  private readonly walker: JsonWalker
  private readonly layer: JsonLayer
  private view = new DataView(new ArrayBuffer(0)) as DataView
  private readonly templates: Template[] = []
  private current = 0
  private lessons = 0
  private misses = MISSES_MAX + 1

  constructor(tree: PathNode, registers: Registers, layer: JsonLayer = 'template') {
    this.tree = tree
    this.registers = registers
    this.layer = layer
    this.walker = new JsonWalker(tree, registers)
  }

  prepare(): null {
    return null
  }

  begin(records: RecordBatch): void {
    const { bytes } = records
    this.registers.record = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.walker.open(bytes)
  }

  decode(start: number, end: number): Problem | null {
    if (this.layer === 'template' && this.fitsTemplate(start, end)) {
      this.used.template++
      return null
    }
    if (this.layer !== 'parse' && this.walk(start, end)) {
      this.used.walk++
      return null
    }
    this.used.parse++
    return parseJson(this.registers.record, start, end, this.tree, this.registers)
  }

  private fitsTemplate(start: number, end: number): boolean {
    const { templates } = this
    for (let tried = 0, index = this.current; tried < templates.length; tried++) {
      if (this.fits(templates[index]!, start, end)) {
        this.current = index
        if (this.misses > 0) this.misses--
        return true
      }
      if (++index === templates.length) index = 0
    }
    this.misses += MISS_WEIGHT
    return false
  }

  /** Words are read four bytes at a time: the last record of a buffer without room behind it may ask for bytes that are not there. */
  private fits(template: Template, start: number, end: number): boolean {
    this.registers.resetText()
    try {
      return template(this.registers.record, this.view, start, end)
    } catch (error) {
      if (error instanceof RangeError) return false
      throw error
    }
  }

  private walk(start: number, end: number): boolean {
    if (this.layer !== 'template' || this.misses <= MISSES_MAX || this.lessons === LESSONS_MAX) return this.walker.walk(start, end, null)
    this.misses = 0
    this.lessons++
    const trace: TraceStep[] = []
    const walked = this.walker.walk(start, end, trace)
    const template = walked ? learnTemplate(this.registers.record, trace, this.registers, this.walker) : null
    if (template === null) {
      if (this.templates.length === 0) this.misses = MISSES_MAX + 1 // an odd first record teaches nothing: try the next
      return walked
    }
    this.current = this.templates.length < TEMPLATES_MAX ? this.templates.length : this.lessons % TEMPLATES_MAX
    this.templates[this.current] = template
    return true
  }
}
