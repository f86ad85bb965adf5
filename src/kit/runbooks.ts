/** Which page of docs/runbooks/ tells what to do: by cause of an alert, by rule of a decision, and by kind of a verdict. */

/** Page → what it is about. A rule or a cause that is new goes into one of these lists; a test finds the ones that are in none. */
const PAGES: Readonly<Record<string, readonly string[]>> = {
  rollback: ['rollback', 'harm'],
  contract: ['contract'],
  'candidate-silent': ['candidate-silent'],
  throttle: ['throttle', 'calming', 'lift'],
  'throttle-at-lowest': ['throttle-at-lowest'],
  flapping: ['flapping', 'lifts-used-up'],
  blind: ['blind', 'blind-too-long', 'step-down'],
  assignment: ['assignment', 'sample-ratio'],
  signal: ['signal'],
  'outcome-coverage': ['outcome-coverage'],
  'judge-stalled': ['judge-stalled'],
  'gateway-missing': ['gateway-missing'],
  'audit-broken': ['audit-broken'],
  'sink-failing': ['sink-failing'],
  'not-effective': ['not-effective', 'not-in-force'],
  steady: ['steady', 'steady-over'],
  insufficient: ['insufficient', 'hold'],
  isolate: ['isolate', 'not-kept-out', 'cohort', 'not-isolated'],
  held: ['human', 'frozen', 'aborted', 'until'],
  quarantined: ['quarantined'],
  stages: ['advance', 'offline', 'shadow', 'guard', 'preflight', 'gate', 'gate-passed', 'guarding', 'start-request'],
  approvals: ['approval', 'approval-lapsed', 'another-stage', 'not-asked', 'four-eyes', 'gate-closed'],
  target: ['target', 'no-safe-target'],
  progress: ['start', 'promote', 'would-start', 'would-promote', 'would-lift', 'acked', 'quorum', 'observed', 'share'],
  adopt: ['adopt', 'found-in-force', 'gateway-ahead', 'break-glass'],
  'forged-command': ['forged-command'],
  requests: [
    'override',
    'operator',
    'refused',
    'expired',
    'if-sequence',
    'unknown-verb',
    'not-quarantined',
    'not-started',
    'highest-rung',
    'no-drill',
    'begun',
    'signature',
    'policy-mode',
    'unknown-mode',
    'catching-up',
  ],
  recorded: ['recorded', 'drill', 'policy-loaded', 'anchor'],
  series: ['series', 'no-data'],
  'drill-overdue': ['drill-overdue'],
  'drill-failed': ['drill-failed'],
}

/** Rules that an alert names behind `rollback:`, where a guardrail's name stands else. */
const FACTS: readonly string[] = ['contract', 'candidate-silent']

const PAGE_OF: ReadonlyMap<string, string> = new Map(
  Object.entries(PAGES).flatMap(([page, names]) => names.map((name): [string, string] => [name, page])),
)

/** Path from the root of the package; null: there is no such cause, rule or kind. */
export function runbookOf(causeOrRule: string): string | null {
  const [name = '', of = ''] = causeOrRule.split(':')
  const page = PAGE_OF.get(FACTS.includes(of) ? of : name)
  return page === undefined ? null : `docs/runbooks/${page}.md`
}
