/** `flyball audit verify` proves that no decision was changed, added or removed; `flyball audit export` hands them out. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Vouching } from '../audit/anchors.ts'
import type { AuditedModel, AuditReport, RawRecord } from '../audit/audit.ts'
import { CSV_HEADER, csvCells, csvLine } from '../audit/csv.ts'
import { type Bounds, type Finding, isWithin } from '../audit/findings.ts'
import type { Decision } from '../domain.ts'
import { isoTimeMs } from '../ingest/meaning.ts'
import { systemClock } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import { readRaw, verifyChains } from '../shell/audit-reads.ts'
import { decodeDecision, hashOfDecision } from '../wire/decisions.ts'
import { registerAnchors, type VouchingOptions, vouchingOf, withVouching } from './audit-anchors.ts'
import { type Connected, type ConnectionOptions, connected, modelNamed, withConnectionOptions } from './connected.ts'
import { cell, jsonText, oneLine, paint, printJson, printLine, table, tell } from './output.ts'

/** The number of a decision, or a judge time. */
type Bound = { readonly number: number } | { readonly ms: number }

interface RangeOptions extends ConnectionOptions {
  readonly model?: string
  readonly from?: Bound
  readonly to?: Bound
}

interface VerifyOptions extends RangeOptions, VouchingOptions {
  readonly json?: true
}

interface ExportOptions extends RangeOptions {
  readonly format: 'jsonl' | 'csv'
}

export function register(program: Command): void {
  const audit = program.command('audit').description('verify the chain of decisions, print its anchors, or export them')
  withVouching(withRange(audit.command('verify')))
    .description('recompute the chain of every model and name what is broken; exit code 3 when anything is')
    .option('--json', 'as JSON on stdout')
    .action((options: VerifyOptions) => {
      const bounds = boundsOf(options)
      const given = vouchingOf(options)
      return connected(options, (connection) => verify(connection, options, bounds, given))
    })
  registerAnchors(audit)
  withRange(audit.command('export'))
    .description('decisions on stdout, one line each')
    .addOption(
      new Option('--format <format>', 'JSON lines with everything, or CSV for a spreadsheet').choices(['jsonl', 'csv']).default('jsonl'),
    )
    .action((options: ExportOptions) => {
      const bounds = boundsOf(options)
      return connected(options, (connection) => exportAll(connection, options, bounds))
    })
}

function withRange(command: Command): Command {
  return withConnectionOptions(command)
    .option('--model <model>', 'this model only')
    .option('--from <bound>', 'from this decision on: a number, or a judge time (ISO 8601)', (text) => bound(text, 0))
    .option('--to <bound>', 'up to this decision, included: a number, or a judge time (ISO 8601); a day counts whole', (text) =>
      bound(text, DAY_MS - 1),
    )
}

const DAY_MS = 86_400_000

/** `withinDayMs`: which moment of it a day alone means. */
function bound(text: string, withinDayMs: number): Bound {
  if (/^\d{1,15}$/.test(text)) return { number: Number(text) }
  const ms = isoTimeMs(text)
  if (!Number.isFinite(ms) || !isInCalendar(text))
    throw new InvalidArgumentError('must be the number of a decision, or a time such as 2024-05-01T00:00:00Z.')
  return { ms: text.length === 'YYYY-MM-DD'.length ? ms + withinDayMs : ms }
}

/** Date.parse takes 30 February for 2 March. */
function isInCalendar(text: string): boolean {
  const day = text.slice(0, 'YYYY-MM-DD'.length)
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day)
}

function boundsOf({ from, to }: RangeOptions): Bounds {
  const [first, last] = [parts(from), parts(to)]
  const isEmpty = (low: number | null, high: number | null) => low !== null && high !== null && low > high
  if (isEmpty(first.number, last.number) || isEmpty(first.ms, last.ms)) throw new FlyballError('FLY-AUDIT-004', {})
  return { fromNumber: first.number, toNumber: last.number, fromMs: first.ms, toMs: last.ms }
}

function parts(of: Bound | undefined): { readonly number: number | null; readonly ms: number | null } {
  return { number: null, ms: null, ...of }
}

async function verify(
  { loaded, log, topics }: Connected,
  options: VerifyOptions,
  bounds: Bounds,
  given: Omit<Vouching, 'topic'>,
): Promise<void> {
  const audit = await verifyChains(log, topics, bounds, systemClock, { given: { ...given, topic: topics.decisions } })
  const report = audit.report(options.model)
  const { models, removed, findings, outside } = report
  if (options.model !== undefined && models.length + removed.length + findings.length === 0) modelNamed(loaded, options.model)
  const count = findings.length + outside
  const isEmpty = hasBounds(options) && models.every(({ records }) => records === 0)
  if (options.json) printJson({ whole: count === 0 && !isEmpty && !hasNothingLeft(report), ...report })
  else show(report, isEmpty)
  if (count > 0) throw new FlyballError('FLY-AUDIT-001', { count, first: firstOf(report) })
  if (isEmpty) throw noneWithin(options)
}

function firstOf({ findings: [first], outside }: AuditReport): string {
  return first === undefined ? outsideText(outside) : `${placeOf(first)}: ${cell(first.what)}`
}

function hasNothingLeft({ models, removed }: Pick<AuditReport, 'models' | 'removed'>): boolean {
  return models.length === 0 && removed.length > 0
}

function outsideText(count: number): string {
  return `${count} more outside the bounds asked for`
}

function hasBounds({ from, to }: RangeOptions): boolean {
  return from !== undefined || to !== undefined
}

function noneWithin({ model }: RangeOptions): FlyballError {
  return new FlyballError('FLY-AUDIT-003', { model: model === undefined ? 'any model' : oneLine(model) })
}

function show({ models, removed, findings, unchecked, outside }: AuditReport, isEmpty: boolean): void {
  const rows = models.map(({ model, records, first, last, headNumber, headHash, headVouched }) => [
    cell(model),
    String(records),
    first === null ? '–' : `${first} to ${last}`,
    `#${headNumber} ${headHash}`,
    headVouched ? 'yes' : 'no',
  ])
  printLine(table(['MODEL', 'DECISIONS', 'NUMBERS', 'HEAD', 'VOUCHED FOR'], rows))
  for (const note of models.flatMap(notesOf)) printLine(note)
  for (const { model, partition, number } of removed) {
    const where = `removed from partition ${partition} by retention`
    printLine(`${cell(model)}: every decision, up to ${number}, was ${where}: nothing left to verify`)
  }
  for (const { model, number } of unchecked) {
    printLine(
      `${cell(model)}: the anchor ${number} that was kept outside tells of what retention has removed: nothing is left to hold it against`,
    )
  }
  for (const finding of findings) showFinding(finding)
  if (outside > 0) printLine(outsideText(outside))
  if (findings.length + outside > 0 || isEmpty || hasNothingLeft({ models, removed })) return
  tell(paint('green', models.length === 0 ? 'no decisions' : 'whole', process.stderr))
}

function notesOf(audited: AuditedModel): readonly string[] {
  const { model: name, partition, records, beginsAt, headNumber, headVouched } = audited
  const model = cell(name)
  const none = `no decision of ${model} in these bounds`
  const trimmed = `${model}: decisions before ${beginsAt} were removed from partition ${partition} by retention; verified from there on`
  const unvouched = `${model}: nobody vouches for the last decision, ${headNumber}: state does not name it`
  return [
    ...(records > 0 ? [] : [none]),
    ...(beginsAt === null ? [] : [trimmed]),
    ...(headVouched ? [] : [unvouched]),
    ...anchorNotes(audited),
  ]
}

/** From where on, up to where and by what the chain is vouched for beside `state`. */
function anchorNotes({ model: name, headNumber, vouched, keptFits }: AuditedModel): readonly string[] {
  const model = cell(name)
  const { by, keyId, anchor, from, to } = vouched
  const how = { signed: `signed by key ${keyId}`, unverified: `which key ${keyId} is said to have signed`, unsigned: 'which is not signed' }
  const rest = anchor === headNumber ? '' : `; for those after it nobody but state`
  const words =
    by === 'nothing'
      ? `${model}: no anchor vouches for its decisions`
      : `${model}: decisions ${from} to ${to} are vouched for by the anchor ${anchor}, ${how[by]}${rest}`
  return [words, ...(keptFits === 0 ? [] : [`${model}: anchors kept outside that fit: ${keptFits}`])]
}

function showFinding(finding: Finding): void {
  printLine(`${paint('red', 'broken')}  ${placeOf(finding)}: ${finding.kind}: ${cell(finding.what)}`)
  if (finding.expectedHash === null || finding.foundHash === null) return
  printLine(`        expected ${finding.expectedHash || 'none'}`)
  printLine(`        found    ${finding.foundHash || 'none'}`)
}

function placeOf({ model, number, toNumber, partition, offset }: Finding): string {
  const numbers = number === toNumber ? `decision ${number}` : `decisions ${number} to ${toNumber}`
  const what = number === null ? cell(model) || 'a record' : `${cell(model)} ${numbers}`
  return `${what} (partition ${partition}${offset === null ? '' : `, offset ${offset}`})`
}

async function exportAll({ loaded, log, topics }: Connected, options: ExportOptions, bounds: Bounds): Promise<void> {
  const bad: string[] = []
  let written = 0
  if (options.format === 'csv') writeCsv(CSV_HEADER)
  const each = (record: RawRecord): void => {
    const decision = decisionIn(record)
    if (decision === null) return void bad.push(`partition ${record.partition}, offset ${record.offset}`)
    if (options.model !== undefined && decision.model !== options.model) return
    if (!isWithin(bounds, decision.number, decision.judgeTimeMs)) return
    written++
    write(options.format, record, decision)
  }
  await readRaw(log, topics.decisions, each, (partition, offset) => void bad.push(`partition ${partition}, offset ${offset}`))
  if (written === 0 && options.model !== undefined) modelNamed(loaded, options.model)
  if (bad.length > 0) throw new FlyballError('FLY-AUDIT-002', { count: bad.length, first: bad[0]! })
  if (written === 0 && hasBounds(options)) throw noneWithin(options)
}

function decisionIn({ value, version }: RawRecord): Decision | null {
  if (value === null) return null
  try {
    return decodeDecision(value, version)
  } catch (error) {
    if (error instanceof FlyballError) return null
    throw error
  }
}

function write(format: ExportOptions['format'], { partition, offset, value }: RawRecord, decision: Decision): void {
  const placed = { decision, partition, offset, hash: hashOfDecision(value!) }
  if (format === 'csv') writeCsv(csvCells(placed))
  else process.stdout.write(`${jsonText({ ...decision, partition, offset, hash: placed.hash })}\n`)
}

function writeCsv(cells: readonly (string | number)[]): void {
  process.stdout.write(`${csvLine(cells.map((one) => (typeof one === 'number' ? one : oneLine(one))))}\r\n`)
}
