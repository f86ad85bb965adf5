/**
 * Incidents: one per (environment, model, version, cause), so that a restart or a second look never pages twice and an end always
 * matches its beginning. Which cause a decision opens is a table; when it ends is a property of the ladder.
 */
import type { Alert, Decision, OpenAlert, Verdict } from '../domain.ts'
import { NO_DETAIL } from '../kit/no-detail.ts'
import type { ModelLayout } from '../policy/layout.ts'
import { alertDetail, runbooksFor } from './alert-detail.ts'
import { DRILL_RULE, isOverdue, lastFailed, OVERDUE_RULE, passedOf } from './drills.ts'
import { WATCHED } from './phases.ts'
import { percentOf } from './segments.ts'
import { candidateOf, commands, type JudgeState, type Ladder } from './state.ts'
import { FORGED_RULE } from './unbelieved.ts'

interface Opening {
  readonly cause: string
  readonly severity: Alert['severity']
}

type Decided = Omit<Decision, 'previousHash'>

/** Causes that end when another rule speaks. */
const WHILE_RULE_SPEAKS: Readonly<Record<string, Opening>> = {
  blind: { cause: 'blind', severity: 'warning' },
  'sample-ratio': { cause: 'assignment', severity: 'warning' },
  signal: { cause: 'signal', severity: 'warning' },
  'throttle-at-lowest': { cause: 'throttle-at-lowest', severity: 'critical' },
  cohort: { cause: 'cohort', severity: 'warning' },
  'outcome-coverage': { cause: 'outcome-coverage', severity: 'warning' },
  'lifts-used-up': { cause: 'flapping', severity: 'warning' },
  'blind-too-long': { cause: 'blind', severity: 'critical' },
  approval: { cause: 'approval', severity: 'info' },
  'no-safe-target': { cause: 'target', severity: 'critical' },
  steady: { cause: 'steady', severity: 'warning' },
}

const RULE_CAUSES = new Set(Object.values(WHILE_RULE_SPEAKS).map((opening) => opening.cause))
const ROLLBACK_CAUSES = 'rollback:'
const APART_CAUSES = 'isolate:'
const DRILL_FAILED = 'drill-failed'

/** Every cause there is; `rollback` and `isolate` are followed by a colon and the guardrail or the segment. */
export const CAUSES: readonly string[] = [
  ...RULE_CAUSES,
  'rollback',
  'isolate',
  'throttle',
  'not-effective',
  'would-start',
  'would-promote',
  'would-lift',
  OVERDUE_RULE,
  DRILL_FAILED,
  FORGED_RULE,
]

/** Alerts of this decision (what begins, grows worse or ends) and the incidents left open after it. */
export function alertsOf(
  decision: Decided,
  before: Ladder,
  after: JudgeState,
  model: ModelLayout,
): { readonly alerts: readonly Alert[]; readonly open: Ladder['open'] } {
  const opening = openingOf(decision, before, model)
  const alerts: Alert[] = []
  const open: Record<string, OpenAlert> = {}
  for (const alert of Object.values(before.open)) {
    if (stillFires(alert, decision.verdict, opening, after.ladder, model)) open[alert.incident] = alert
    else alerts.push({ ...alert, status: 'resolved', decisionId: decision.id, judgeTimeMs: decision.judgeTimeMs, detail: NO_DETAIL })
  }
  if (opening !== null) {
    const alert = alertFor(decision, opening, model)
    const known = open[alert.incident]
    if (known === undefined || known.severity !== alert.severity) alerts.push(alert)
    const { detail: _told, ...rest } = alert
    if (!momentary(decision.verdict, model)) open[alert.incident] = rest
  }
  return { alerts, open }
}

function openingOf({ verdict, body }: Decided, before: Ladder, model: ModelLayout): Opening | null {
  // What a shadow does is done to nobody; what is done to a cohort is done to people.
  const critical = commands(model) && percentOf(before, model) > 0 ? 'critical' : 'warning'
  switch (verdict.kind) {
    case 'rollback':
      return { cause: `${ROLLBACK_CAUSES}${verdict.evidence[0]?.guardrail ?? verdict.rule}`, severity: critical }
    case 'isolate':
      return { cause: `${APART_CAUSES}${verdict.evidence[0]?.scope ?? ''}`, severity: critical }
    case 'throttle':
      return WHILE_RULE_SPEAKS[verdict.rule] ?? { cause: 'throttle', severity: 'warning' }
    case 'not-effective':
      return { cause: 'not-effective', severity: 'critical' }
    case 'hold':
    case 'step-down':
      return WHILE_RULE_SPEAKS[verdict.rule] ?? null
    case 'start':
    case 'promote':
    case 'lift':
      return commands(model) ? null : { cause: `would-${verdict.kind}`, severity: 'info' }
    case 'recorded':
      if (verdict.rule === OVERDUE_RULE) return { cause: OVERDUE_RULE, severity: 'warning' }
      return verdict.rule === DRILL_RULE && passedOf(body) === false ? { cause: DRILL_FAILED, severity: 'warning' } : null
    case 'refused':
      return verdict.rule === FORGED_RULE ? { cause: FORGED_RULE, severity: 'critical' } : null
    default:
      return null
  }
}

/** A would-be step up is told once and is no incident that goes on. */
function momentary(verdict: Verdict, model: ModelLayout): boolean {
  return !commands(model) && ['start', 'promote', 'lift'].includes(verdict.kind)
}

function stillFires(alert: OpenAlert, verdict: Verdict, opening: Opening | null, after: Ladder, model: ModelLayout): boolean {
  if (alert.cause === 'not-effective') return after.loop?.notEffective === true
  if (alert.cause === 'throttle') return after.throttledRungs > 0 && after.phase !== 'rolled-back'
  if (alert.cause.startsWith(APART_CAUSES)) return after.isolated.includes(alert.cause.slice(APART_CAUSES.length))
  if (alert.cause.startsWith(ROLLBACK_CAUSES)) return after.phase === 'rolled-back'
  if (alert.cause === OVERDUE_RULE) return isOverdue(after, model)
  if (alert.cause === DRILL_FAILED) return lastFailed(after, model)
  // Until the gateways have what was issued over it; where nothing is commanded it is told once.
  if (alert.cause === FORGED_RULE) return verdict.rule === FORGED_RULE || after.loop?.ackedAtMs === 0
  if (!RULE_CAUSES.has(alert.cause)) return true
  // Acks, observations and requests say nothing about what a rule found.
  return isLoopWord(verdict) ? (alert.cause === 'steady' ? ['promoted'] : WATCHED).includes(after.phase) : opening?.cause === alert.cause
}

function isLoopWord(verdict: Verdict): boolean {
  return ['acked', 'observed', 'not-effective', 'override', 'refused', 'adopt', 'recorded'].includes(verdict.kind)
}

function alertFor(decision: Decided, opening: Opening, model: ModelLayout): Alert {
  const version = candidateOf(model)
  return {
    incident: `${decision.environment}/${decision.model}/${version}/${opening.cause}`,
    environment: decision.environment,
    model: decision.model,
    version,
    cause: opening.cause,
    // What is rehearsed wakes nobody.
    severity: model.shadow ? 'info' : opening.severity,
    status: 'firing',
    summary: `${decision.summary}${runbookWords(opening.cause, model)}`,
    decisionId: decision.id,
    judgeTimeMs: decision.judgeTimeMs,
    detail: alertDetail(decision, opening.cause, model),
  }
}

/** What to do. */
function runbookWords(cause: string, model: ModelLayout): string {
  const pages = runbooksFor(cause, model)
  return pages.length === 0 ? '' : `. Runbook: ${pages.join(', ')}`
}
