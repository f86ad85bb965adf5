/** Rows of a file for `flyball baseline`: JSON lines or CSV, each with the line it began on. CSV becomes the JSON that its columns name. */
import { createReadStream } from 'node:fs'
import { FlyballError } from '../kit/errors.ts'
import type { FieldPath, InputLayout } from '../policy/layout.ts'

export type InputRow =
  | { readonly line: number; readonly value: Buffer }
  /** A line that is no row. */
  | { readonly line: number; readonly problem: string }

interface Line {
  readonly line: number
  /** Without its end; cut off where it is longer than a record may be. */
  readonly bytes: Buffer
  readonly length: number
}

/** Lines that one cell in quotes may go over: an open quote must not swallow the file. */
const LINES_MAX = 1_000
const [LF, CR, QUOTE] = [10, 13, 34]
const BYTE_ORDER_MARK = Buffer.from('\uFEFF')

export async function* rowsOf(file: string, input: InputLayout, bytesMax: number): AsyncGenerator<InputRow> {
  const rows = /\.csv$/i.test(file) ? csvRows(file, input, bytesMax) : jsonRows(file, bytesMax)
  try {
    yield* rows
  } catch (error) {
    if (error instanceof FlyballError) throw error
    throw new FlyballError('FLY-CLI-012', { problem: (error as Error).message }, { cause: error })
  }
}

async function* linesOf(file: string, bytesMax: number): AsyncGenerator<Line> {
  let [line, length] = [0, 0]
  let kept: Buffer[] = []
  const add = (piece: Buffer) => {
    // One byte more than is allowed is enough to see that it is too long.
    if (length <= bytesMax) kept.push(piece.subarray(0, bytesMax + 1 - length))
    length += piece.length
  }
  const take = (): Line => {
    line += 1
    const [joined, whole] = [Buffer.concat(kept), length]
    ;[kept, length] = [[], 0]
    // Some editors begin a file with a byte order mark.
    const bytes = line === 1 && joined.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK) ? joined.subarray(3) : joined
    const ended = bytes.at(-1) === CR && whole <= bytesMax + 1 ? bytes.subarray(0, -1) : bytes
    return { line, bytes: ended, length: whole - (joined.length - ended.length) }
  }
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    let from = 0
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, from)) {
      add(chunk.subarray(from, end))
      yield take()
      from = end + 1
    }
    add(chunk.subarray(from))
  }
  if (length > 0) yield take()
}

const oversized = ({ line, length }: Line, bytesMax: number): InputRow => ({
  line,
  problem: `oversized: ${length} bytes, allowed are ${bytesMax}`,
})

async function* jsonRows(file: string, bytesMax: number): AsyncGenerator<InputRow> {
  for await (const each of linesOf(file, bytesMax)) {
    if (each.length > bytesMax) yield oversized(each, bytesMax)
    else if (each.bytes.toString('latin1').trim() !== '') yield { line: each.line, value: each.bytes }
  }
}

// ── CSV ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

async function* csvRows(file: string, input: InputLayout, bytesMax: number): AsyncGenerator<InputRow> {
  const texts = textPaths(input)
  let header: readonly string[] | null = null
  for await (const record of csvRecords(file, bytesMax, () => header?.length ?? null)) {
    if (header === null) header = headerOf(file, record)
    else if ('problem' in record) yield record
    else yield { line: record.line, value: Buffer.from(JSON.stringify(recordOf(header, record.cells, texts))) }
  }
}

type CsvRecord = { readonly line: number; readonly cells: readonly string[] } | { readonly line: number; readonly problem: string }

/** Lines of which those within quotes are joined again. */
async function* csvRecords(file: string, bytesMax: number, width: () => number | null): AsyncGenerator<CsvRecord> {
  let waiting: readonly Line[] = []
  for await (const line of linesOf(file, bytesMax)) {
    waiting = yield* recordsIn([...waiting, line], { known: waiting.length, atEnd: false, bytesMax, width })
  }
  yield* recordsIn(waiting, { known: waiting.length, atEnd: true, bytesMax, width })
}

interface Reading {
  /** So many of the lines are known to end within quotes. */
  readonly known: number
  readonly atEnd: boolean
  readonly bytesMax: number
  readonly width: () => number | null
}

/**
 * The records that are whole; returns the lines that wait for the end of a quote. Where lines give no row, only the first of them is
 * given up, and those behind it are read anew: an open quote must not swallow them.
 */
function* recordsIn(lines: readonly Line[], { known, atEnd, bytesMax, width }: Reading): Generator<CsvRecord, readonly Line[]> {
  let from = 0
  let taken = known
  while (from < lines.length) {
    let read: ReturnType<typeof recordOfLines> = 'open'
    while (read === 'open' && from + taken < lines.length && taken < LINES_MAX) {
      taken += 1
      // Quotes in pairs leave an open one open.
      if (taken === 1 || hasOddQuotes(lines[from + taken - 1]!)) read = recordOfLines(lines.slice(from, from + taken), width(), bytesMax)
    }
    if (read === 'open' && !atEnd && taken < LINES_MAX) return lines.slice(from)
    const { line } = lines[from]!
    if (read === 'open') yield { line, problem: 'a quote is opened and never closed' }
    else if (read !== null) yield read
    from += read === 'open' || (read !== null && 'problem' in read) ? 1 : taken
    taken = 0
  }
  return []
}

/** null: nothing but space. */
function recordOfLines(lines: readonly Line[], width: number | null, bytesMax: number): CsvRecord | 'open' | null {
  const { line } = lines[0]!
  const length = lines.reduce((sum, each) => sum + each.length, 0)
  if (length > bytesMax) return { line, problem: `oversized: ${length} bytes, allowed are ${bytesMax}` }
  const text = lines.map((each) => each.bytes.toString('utf8')).join('\n')
  if (text.trim() === '') return null
  const { cells, end } = scanned(text)
  if (end === 'open') return 'open'
  if (end === 'torn') return { line, problem: `text behind the closing quote of cell ${cells.length}` }
  if (width !== null && cells.length !== width) return { line, problem: `${cells.length} cells, the header names ${width}` }
  return { line, cells }
}

function hasOddQuotes({ bytes }: Line): boolean {
  let odd = false
  for (let at = bytes.indexOf(QUOTE); at >= 0; at = bytes.indexOf(QUOTE, at + 1)) odd = !odd
  return odd
}

/** Names that leave no doubt where a cell goes. */
function headerOf(file: string, record: CsvRecord): readonly string[] {
  const refuse = (problem: string) => new FlyballError('FLY-CLI-010', { file, line: record.line, problem: `the header: ${problem}` })
  if ('problem' in record) throw refuse(record.problem)
  const names = new Set<string>()
  for (const name of record.cells) {
    if (names.has(name)) throw refuse(`${name} is listed twice`)
    names.add(name)
  }
  for (const name of names) {
    const steps = name.split('.')
    const holder = steps.map((_, index) => steps.slice(0, index).join('.')).find((each) => each !== '' && names.has(each))
    if (holder !== undefined) throw refuse(`${holder} cannot hold a cell and ${name} too`)
  }
  return record.cells
}

/** Cells of one line: commas between them, quotes around those that hold commas, quotes doubled within quotes. */
export function cellsOf(line: string): readonly string[] {
  return scanned(line).cells
}

function scanned(text: string): { readonly cells: readonly string[]; readonly end: 'whole' | 'open' | 'torn' } {
  const cells: string[] = []
  let at = 0
  while (at <= text.length) {
    if (text[at] !== '"') {
      const end = text.indexOf(',', at) < 0 ? text.length : text.indexOf(',', at)
      cells.push(text.slice(at, end))
      at = end + 1
      continue
    }
    let end = at + 1
    while (end < text.length && (text[end] !== '"' || text[end + 1] === '"')) end += text[end] === '"' ? 2 : 1
    cells.push(text.slice(at + 1, end).replaceAll('""', '"'))
    if (end >= text.length) return { cells, end: 'open' }
    if (end + 1 < text.length && text[end + 1] !== ',') return { cells, end: 'torn' }
    at = end + 2
  }
  return { cells, end: 'whole' }
}

/** Where a record holds text, whatever it looks like: `007` is a label and no seven. */
function textPaths(input: InputLayout): ReadonlySet<string> {
  const { id, model, version, unit, error, decision } = input.fields
  const equalled = [error, decision].filter((path) => path?.test?.kind === 'equals')
  const paths = [id, model, version, unit, ...equalled, ...[...input.symbols, ...input.dimensions].map((slot) => slot.path)]
  return new Set(paths.flatMap((path: FieldPath | null) => (path === null ? [] : path.path.join('.'))))
}

function recordOf(header: readonly string[], cells: readonly string[], texts: ReadonlySet<string>): object {
  const record: Record<string, unknown> = Object.create(null)
  header.forEach((name, index) => {
    const cell = cells[index]!
    if (cell === '') return
    const steps = name.split('.')
    const last = steps.pop()!
    let place = record
    for (const step of steps) place = (place[step] ??= Object.create(null)) as Record<string, unknown>
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
