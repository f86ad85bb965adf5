/** Rows of a file for `flyball baseline`: JSON lines or CSV, each with the line it began on. CSV becomes the JSON that its columns name. */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { FlyballError } from '../kit/errors.ts'
import type { FieldPath, InputLayout } from '../policy/layout.ts'

export interface InputRow {
  readonly line: number
  readonly value: Buffer
}

export async function* rowsOf(file: string, input: InputLayout): AsyncGenerator<InputRow> {
  const rows = /\.csv$/i.test(file) ? csvRows(file, input) : jsonRows(file)
  try {
    yield* rows
  } catch (error) {
    if (error instanceof FlyballError) throw error
    throw new FlyballError('FLY-CLI-012', { problem: (error as Error).message }, { cause: error })
  }
}

async function* numbered(file: string): AsyncGenerator<{ readonly line: number; readonly text: string }> {
  let line = 0
  for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    line += 1
    // Some editors begin a file with a byte order mark.
    yield { line, text: line === 1 ? text.replace(/^\uFEFF/, '') : text }
  }
}

async function* jsonRows(file: string): AsyncGenerator<InputRow> {
  for await (const { line, text } of numbered(file)) if (text.trim() !== '') yield { line, value: Buffer.from(text) }
}

async function* csvRows(file: string, input: InputLayout): AsyncGenerator<InputRow> {
  const texts = textPaths(input)
  let header: readonly string[] | null = null
  for await (const { line, text } of logicalLines(file)) {
    const cells = cellsOf(text)
    if (header === null) header = cells
    else if (cells.length !== header.length) {
      throw new FlyballError('FLY-CLI-010', { file, line, problem: `${cells.length} cells, the header names ${header.length}` })
    } else yield { line, value: Buffer.from(JSON.stringify(recordOf(header, cells, texts))) }
  }
}

/** Lines of which those within quotes are joined again. */
async function* logicalLines(file: string): AsyncGenerator<{ readonly line: number; readonly text: string }> {
  let open: { line: number; text: string } | null = null
  for await (const { line, text } of numbered(file)) {
    const joined: string = open === null ? text : `${open.text}\n${text}`
    const begun: number = open?.line ?? line
    const isOpen = (joined.split('"').length - 1) % 2 === 1
    open = isOpen ? { line: begun, text: joined } : null
    if (!isOpen && joined.trim() !== '') yield { line: begun, text: joined }
  }
  if (open !== null) throw new FlyballError('FLY-CLI-010', { file, line: open.line, problem: 'a quote is opened and never closed' })
}

/** Cells of one line: commas between them, quotes around those that hold commas, quotes doubled within quotes. */
export function cellsOf(line: string): readonly string[] {
  const cells: string[] = []
  let at = 0
  while (at <= line.length) {
    if (line[at] !== '"') {
      const end = line.indexOf(',', at) < 0 ? line.length : line.indexOf(',', at)
      cells.push(line.slice(at, end))
      at = end + 1
      continue
    }
    let end = at + 1
    while (end < line.length && (line[end] !== '"' || line[end + 1] === '"')) end += line[end] === '"' ? 2 : 1
    cells.push(line.slice(at + 1, end).replaceAll('""', '"'))
    at = end + 2
  }
  return cells
}

/** Where a record holds text, whatever it looks like: `007` is a label and no seven. */
function textPaths(input: InputLayout): ReadonlySet<string> {
  const { id, model, version, unit, error, decision } = input.fields
  const equalled = [error, decision].filter((path) => path?.test?.kind === 'equals')
  const paths = [id, model, version, unit, ...equalled, ...[...input.symbols, ...input.dimensions].map((slot) => slot.path)]
  return new Set(paths.flatMap((path: FieldPath | null) => (path === null ? [] : path.path.join('.'))))
}

function recordOf(header: readonly string[], cells: readonly string[], texts: ReadonlySet<string>): object {
  const record: Record<string, unknown> = {}
  header.forEach((name, index) => {
    const cell = cells[index]!
    if (cell === '') return
    const steps = name.split('.')
    const last = steps.pop()!
    let place = record
    for (const step of steps) place = (place[step] ??= {}) as Record<string, unknown>
    place[last] = texts.has(name) ? cell : numberOrText(cell)
  })
  return record
}

function numberOrText(cell: string): string | number | boolean {
  if (cell === 'true' || cell === 'false') return cell === 'true'
  return NUMBER.test(cell) ? Number(cell) : cell
}

/** No leading zeros: those are codes. */
const NUMBER = /^[+-]?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/
