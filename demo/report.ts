/** The demo's last page: what was decided, on what, and how long each command took to be obeyed and seen. Words from the decisions only. */
import type { Decision, Reading } from '../src/domain.ts'
import { type CommandTimes, commandTimes } from './decisions.ts'

export function decisionTable(decisions: readonly Decision[]): string {
  const header = [
    'NO',
    'VERDICT',
    'RULE',
    'CANDIDATE',
    'ON',
    'ESTIMATE [INTERVAL]',
    'EVIDENCE',
    'ROWS',
    'DETECT→COMMAND',
    '→ACK',
    '→OBSERVED',
  ]
  return columns([header, ...commandTimes(decisions).map(line)])
}

function line({ decision, ackedMs, observedMs }: CommandTimes): readonly string[] {
  const { verdict, wallTimes } = decision
  const reading = tellingReading(decision)
  const detectMs = (wallTimes['commanded'] ?? Number.NaN) - (wallTimes['detected'] ?? Number.NaN)
  return [
    String(decision.number),
    verdict.kind,
    verdict.rule,
    movement(decision),
    reading === null ? '–' : told(reading),
    reading === null ? '–' : effect(reading),
    reading === null ? '–' : evidence(reading),
    count(decision.rows),
    milliseconds(Number.isNaN(detectMs) ? null : detectMs),
    milliseconds(ackedMs),
    milliseconds(observedMs),
  ]
}

/** Of its detail what comes first: all of it, distances and calibration too, is wider than a screen. */
function told({ guardrail, detail }: Reading): string {
  const [first = ''] = detail.split('; ')
  return first === '' ? guardrail : `${guardrail} (${first})`
}

/** "v2 5 → 25 %" */
function movement({ weightsBefore, weightsAfter, verdict }: Decision): string {
  const versions = Object.keys(weightsAfter)
  const candidate = versions.at(-1)!
  return `${candidate} ${verdict.kind === 'start' ? 0 : (weightsBefore[candidate] ?? 0)} → ${weightsAfter[candidate] ?? 0} %`
}

/** What a harm stands on; for a promotion the proof that came closest to its limit. */
function tellingReading({ verdict, readings }: Decision): Reading | null {
  if (verdict.kind === 'rollback' || verdict.kind === 'throttle') return verdict.evidence[0] ?? null
  if (verdict.kind !== 'promote') return null
  const withIntervals = verdict.proofs.filter((proof) => readingOf(readings, proof.guardrail)?.unit)
  const closest = withIntervals.reduce<(typeof withIntervals)[number] | null>(
    (one, other) => (one !== null && one.upperEnd / one.allowed >= other.upperEnd / other.allowed ? one : other),
    null,
  )
  return closest === null ? null : readingOf(readings, closest.guardrail)
}

function readingOf(readings: readonly Reading[], guardrail: string): Reading | null {
  return readings.find((reading) => reading.guardrail === guardrail && reading.scope === '__all__') ?? null
}

export function effect({ estimate, intervalLow, intervalHigh, unit }: Reading): string {
  if (!Number.isFinite(estimate)) return '–'
  const bounds = Number.isFinite(intervalLow) && Number.isFinite(intervalHigh)
  return `${signed(estimate)}${bounds ? ` [${signed(intervalLow)}, ${signed(intervalHigh)}]` : ''} ${unit}`.trim()
}

export function evidence({ logEvidence, logLimit }: Reading): string {
  return `e^${logEvidence.toFixed(1)} (acts at e^${logLimit.toFixed(1)})`
}

function signed(value: number): string {
  return `${value > 0 ? '+' : ''}${Number(value.toPrecision(2))}`
}

export function count(value: number): string {
  return value.toLocaleString('en-US')
}

function milliseconds(value: number | null): string {
  if (value === null) return '–'
  return value < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`
}

/** Why, with every reading that was looked at. */
export function explanation(decision: Decision): string {
  const rows = decision.readings.map((reading) => [
    reading.guardrail,
    reading.scope === '__all__' ? 'all' : reading.scope,
    reading.detail === '' ? '–' : reading.detail,
    evidence(reading),
    effect(reading),
    `${count(reading.candidateRows)} / ${count(reading.controlRows)}`,
  ])
  const readings = columns([
    ['GUARDRAIL', 'SCOPE', 'MOST OF IT FROM', 'EVIDENCE', 'ESTIMATE [INTERVAL]', 'ROWS CANDIDATE / CONTROL'],
    ...rows,
  ])
  const cause = decision.cause === '' ? '' : `\nProbable cause: ${decision.cause}`
  return `Decision ${decision.number} (${decision.id}), rule ${decision.verdict.rule}\n${decision.summary}${cause}\n\n${readings}`
}

function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const written = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join('  '))
  return written.map((text) => text.trimEnd()).join('\n')
}
