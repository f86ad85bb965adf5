/** Manners of the command line: data on stdout, messages on stderr, colour only for a person at a terminal. */
import { FlyballError } from '../kit/errors.ts'

/** One JSON document on stdout. */
export function printJson(value: unknown): void {
  process.stdout.write(`${jsonText(value, 2)}\n`)
}

/** What JSON lets pass and a terminal obeys is escaped as JSON does it. */
export function jsonText(value: unknown, indent = 0): string {
  const units = (sign: string) => Array.from({ length: sign.length }, (_, at) => sign.charCodeAt(at).toString(16).padStart(4, '0'))
  return JSON.stringify(value, null, indent).replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (sign) =>
    sign === '\n'
      ? sign
      : units(sign)
          .map((unit) => `\\u${unit}`)
          .join(''),
  )
}

export function printLine(text: string): void {
  process.stdout.write(`${harmless(text)}\n`)
}

const STYLES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const
const OUR_COLOURS = [0, ...Object.values(STYLES)].map((style) => `\u001b[${style}m`)

/** Texts out of records and topics pass here: what would move a terminal's cursor or hide a line is shown instead of sent. */
export function harmless(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (sign, at: number) => {
    const isOurs = sign === '\n' || sign === '\t' || OUR_COLOURS.some((colour) => text.startsWith(colour, at))
    return isOurs ? sign : `\\u{${sign.codePointAt(0)!.toString(16)}}`
  })
}

const SHOWN_LENGTH_MAX = 200

/** A text out of a record, on the line it stands in: no line of its own, no colour of ours. */
export function oneLine(text: string): string {
  return harmless(text.replaceAll('\u001b', '\\u{1b}')).replaceAll('\n', '\\u{a}').replaceAll('\t', '\\u{9}')
}

/** The same for a cell of a table or a finding: as much of it as a person reads. */
export function cell(text: string): string {
  const shown = oneLine(text)
  return shown.length <= SHOWN_LENGTH_MAX ? shown : `${shown.slice(0, SHOWN_LENGTH_MAX - 1)}…`
}

/** For people: goes to stderr, so that stdout stays data. */
export function tell(text: string): void {
  process.stderr.write(`${harmless(text)}\n`)
}

/** Colours `text` when `stream` is a terminal and NO_COLOR is unset or empty. */
export function paint(style: keyof typeof STYLES, text: string, stream: { readonly isTTY?: boolean } = process.stdout): string {
  if (stream.isTTY !== true || (process.env['NO_COLOR'] ?? '') !== '') return text
  return `\u001b[${STYLES[style]}m${text}\u001b[0m`
}

/** Columns as wide as their widest cell; two spaces between them; no spaces at line ends. A cell is one line, whatever it holds. */
export function table(header: readonly string[], given: readonly (readonly string[])[]): string {
  const rows = given.map((cells) => cells.map((cell) => cell.replaceAll('\n', '\\u{a}')))
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return [line(header), ...rows.map(line)].join('\n')
}

/** Says what went wrong and what to do about it; returns the exit code. A stack trace only for what is our own mistake. */
export function reportFailure(error: unknown): number {
  if (error instanceof FlyballError) {
    tell(`${paint('red', 'error', process.stderr)} ${error.message}`)
    tell(error.spec.remedy)
    return error.spec.exit
  }
  tell(error instanceof Error ? (error.stack ?? error.message) : String(error))
  return 1
}

/** Versions with their shares, as people read them. */
export function weightsText(weights: Readonly<Record<string, number>>): string {
  return Object.entries(weights)
    .map(([version, weight]) => `${version} ${weight} %`)
    .join(', ')
}
