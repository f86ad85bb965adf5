/** Decisions as CSV (RFC 4180), one line each, for whoever reviews them in a spreadsheet: nothing in a cell is run there. */
import type { Decision, Weights } from '../domain.ts'
import { timeText } from '../kit/iso-time.ts'

export const CSV_HEADER = [
  'model',
  'number',
  'time',
  'mode',
  'verdict',
  'rule',
  'weights_before',
  'weights_after',
  'summary',
  'cause',
  'policy_digest',
  'partition',
  'offset',
  'hash',
] as const

export interface Placed {
  readonly decision: Decision
  readonly partition: number
  readonly offset: number
  readonly hash: string
}

export function csvCells({ decision, partition, offset, hash }: Placed): readonly (string | number)[] {
  const { model, number, judgeTimeMs, mode, verdict, weightsBefore, weightsAfter, summary, cause, policyDigest } = decision
  const [before, after] = [weightsText(weightsBefore), weightsText(weightsAfter)]
  const what = [verdict.kind, verdict.rule, before, after, summary, cause, policyDigest]
  return [model, number, timeText(judgeTimeMs), mode, ...what, partition, offset, hash]
}

/** Without its line end, which is CR LF. */
export function csvLine(cells: readonly (string | number)[]): string {
  return cells.map((cell) => quoted(typeof cell === 'number' ? String(cell) : disarmed(cell))).join(',')
}

/** A spreadsheet takes a cell that begins so for a formula. */
function disarmed(text: string): string {
  return /^(?:\s*[=+\-@＝＋－＠]|[\t\r\n])/.test(text) ? `'${text}` : text
}

function quoted(text: string): string {
  return /[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

function weightsText(weights: Weights): string {
  return Object.entries(weights)
    .map(([version, percent]) => `${version}=${percent}`)
    .join('; ')
}
