/** The detail of an alert that has none: of schema 1, or raised by what has no numbers. */
import type { AlertDetail } from '../domain.ts'

export const NO_DETAIL: AlertDetail = {
  done: '',
  guardrail: '',
  scope: '',
  estimate: Number.NaN,
  intervalLow: Number.NaN,
  intervalHigh: Number.NaN,
  margin: Number.NaN,
  unit: '',
  logEvidence: Number.NaN,
  logLimit: Number.NaN,
  candidateRows: 0,
  controlRows: 0,
  probableCause: '',
  owner: '',
  contact: '',
  runbooks: [],
  override: '',
}
