/** Incidents and messages for the tests of sinks. */
import type { Incident, Message } from '../../src/act/contract.ts'
import type { Alert, AlertDetail } from '../../src/domain.ts'

export const NOON_MS = Date.UTC(2013, 1, 1, 12)
export const LINK = 'https://flyball.example/decisions/fraud-7'

const DETAIL: AlertDetail = {
  done: 'Rolled back v2 from 25 % to 0 %',
  guardrail: 'error-rate',
  scope: 'region=eu',
  estimate: 0.0213,
  intervalLow: 0.0142,
  intervalHigh: 0.0291,
  margin: 0.005,
  unit: 'share of requests',
  logEvidence: 12.3,
  logLimit: 6.9,
  candidateRows: 4812,
  controlRows: 14_391,
  probableCause: 'upstream: merchant_age is missing in 41 % of requests on the candidate against 0.2 % on the control',
  owner: 'Ada Lovelace',
  contact: '#fraud-oncall',
  runbooks: ['https://wiki.example/fraud/rollback', 'docs/runbooks/rollback.md'],
  override: 'flyball quarantine release fraud --reason "…"',
}

interface Wanted extends Partial<Omit<Alert, 'detail'>>, Partial<Omit<Incident, 'alert'>> {
  readonly detail?: Partial<AlertDetail>
}

export function incident({
  beganMs = NOON_MS,
  endedMs = null,
  flapping = false,
  link = LINK,
  takenBy = null,
  detail,
  ...alert
}: Wanted = {}): Incident {
  const { environment = 'production', model = 'fraud', version = 'v2', cause = 'rollback:error-rate' } = alert
  return {
    alert: {
      incident: `${environment}/${model}/${version}/${cause}`,
      environment,
      model,
      version,
      cause,
      severity: 'critical',
      status: endedMs === null ? 'firing' : 'resolved',
      summary: 'Rolled back v2 from 25 %: error-rate in region=eu (evidence e^12.3 against a limit of e^6.9 after 4,812 candidate rows)',
      decisionId: 'fraud-7',
      judgeTimeMs: NOON_MS,
      ...alert,
      detail: { ...DETAIL, ...detail },
    },
    beganMs,
    endedMs,
    flapping,
    link,
    takenBy,
  }
}

/** News: all that hold. */
export function message(incidents: readonly Incident[], wanted: Partial<Message> = {}): Message {
  const holding = incidents.filter(({ endedMs }) => endedMs === null)
  const { environment, model } = incidents[0]!.alert
  return {
    key: `flyball/${environment}/${model}`,
    status: holding.length > 0 ? 'firing' : 'resolved',
    severity: (holding[0] ?? incidents[0]!).alert.severity,
    labels: { environment, model },
    incidents,
    omitted: 0,
    news: holding.map(({ alert }) => alert.incident),
    repeated: false,
    acknowledges: false,
    reference: '',
    atMs: NOON_MS + 30_000,
    ...wanted,
  }
}

export const ONE = message([incident()])

/** A storm: so many incidents, the first of them the gravest. */
export function storm(count: number, omitted = 0): Message {
  const others = Array.from({ length: count - 1 }, (_, index) =>
    incident({ model: `model-${index}`, cause: 'signal', severity: 'warning', link: `https://flyball.example/decisions/${index}` }),
  )
  return message([incident(), ...others], { labels: { environment: 'production' }, omitted })
}

/** Text of somebody who would like to be more than text. */
export const HOSTILE =
  '<!channel> <@U012345> <https://evil.example|click> & "quoted" \u202emirrored\u0007\n*bold* `code` \ud800 @here #general'

export function hostile(): Message {
  const words = { done: HOSTILE, guardrail: HOSTILE, scope: HOSTILE, unit: HOSTILE, probableCause: HOSTILE }
  const people = {
    owner: HOSTILE,
    contact: HOSTILE,
    override: HOSTILE,
    runbooks: [HOSTILE, 'javascript:alert(1)', 'https://wiki.example/a|b>c'],
  }
  const one = incident({
    model: HOSTILE,
    version: HOSTILE,
    cause: HOSTILE,
    summary: HOSTILE,
    link: 'https://flyball.example/d?q=<!channel>|x&y',
    detail: { ...words, ...people },
  })
  return message([one, { ...one, alert: { ...one.alert, incident: 'another' } }], {
    labels: { environment: HOSTILE, model: HOSTILE, cause: HOSTILE },
    news: ['another'],
  })
}

/** Every text as long as it may come, in characters of four bytes. */
export function long(characters = 20_000): Message {
  const text = '🛰'.repeat(characters / 2)
  const words = { done: text, guardrail: text, probableCause: text, owner: text, contact: text, override: text, unit: text, scope: text }
  const one = incident({ model: text, version: text, cause: text, summary: text, detail: { ...words, runbooks: [text] } })
  return message([one, one, one], { labels: { environment: text, model: text, cause: text } })
}
