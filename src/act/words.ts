/**
 * What every message says: what was done, the value with its interval, what is allowed, the evidence, rows, the probable cause, who owns
 * it, the runbook, how to override it, and the link. Names, reasons and causes come from models and people: they are text, never markup.
 */
import { createHash } from 'node:crypto'
import type { AlertDetail } from '../domain.ts'
import { isoTime } from '../kit/iso-time.ts'
import { ALL_SCOPE } from '../policy/layout.ts'
import type { Incident, Message } from './contract.ts'
import { cut } from './truncate.ts'

/** Of one fact: what is longer belongs on the page behind the link. */
const FACT_CHARACTERS_MAX = 1_000
const NAME_CHARACTERS_MAX = 200
const KEY_BYTES_MAX = 255
/** As Slack counts it. A longer one is not offered: some far end would refuse the whole message for it. */
const LINK_CHARACTERS_MAX = 2_000

/** Between runbooks. */
export const PAGES_BETWEEN = ' · '

/** In the order in which they are told. */
export const FACT_LABELS = {
  done: 'Done',
  summary: 'What happened',
  acknowledged: 'Acknowledged',
  value: 'Value',
  margin: 'Allowed',
  evidence: 'Evidence',
  rows: 'Rows',
  probable_cause: 'Probable cause',
  owner: 'Owner',
  runbook: 'Runbook',
  override: 'To override',
  flapping: 'Flapping',
  began: 'Began',
  ended: 'Ended',
  link: 'Link',
} as const

export type FactName = keyof typeof FACT_LABELS
export type Facts = Readonly<Partial<Record<FactName, string>>>

/** What is known; a fact that is not there is left out. */
export function factsOf(incident: Incident): Facts {
  const { detail, summary } = incident.alert
  const facts: Record<FactName, string> = {
    done: detail.done,
    summary,
    acknowledged: incident.takenBy === null ? '' : `${incident.takenBy.words} (${isoTime(incident.takenBy.atMs)})`,
    value: valueWords(detail),
    margin: Number.isFinite(detail.margin) ? `${short(detail.margin)} ${detail.unit}` : '',
    evidence: evidenceWords(detail),
    rows: rowsWords(detail),
    probable_cause: detail.probableCause,
    owner: [detail.owner, detail.contact].filter((word) => word !== '').join(', '),
    runbook: detail.runbooks.map(clean).join(PAGES_BETWEEN),
    override: detail.override,
    flapping: incident.flapping ? 'it begins and ends often: it counts as one that goes on until it has been calm' : '',
    began: isoTime(incident.beganMs),
    ended: incident.endedMs === null ? '' : isoTime(incident.endedMs),
    link: usableLink(incident.link),
  }
  const known = Object.entries(facts).map(([name, value]) => [name, name === 'link' ? value : cut(clean(value), FACT_CHARACTERS_MAX)])
  return Object.fromEntries(known.filter(([, value]) => value !== ''))
}

function valueWords({ guardrail, scope, estimate, intervalLow, intervalHigh, unit }: AlertDetail): string {
  const where = scope === '' || scope === ALL_SCOPE ? '' : ` in ${scope}`
  if (!Number.isFinite(estimate)) return `${guardrail}${where}`.trim()
  const isBounded = Number.isFinite(intervalLow) && Number.isFinite(intervalHigh)
  const interval = isBounded ? `[${short(intervalLow)}, ${short(intervalHigh)}]` : '[not bounded yet]'
  return `${guardrail}${where}: ${estimate > 0 ? '+' : ''}${short(estimate)} ${interval} ${unit}`
}

function evidenceWords({ logEvidence, logLimit }: AlertDetail): string {
  if (Number.isNaN(logEvidence)) return ''
  return `e^${logEvidence.toFixed(1)}${Number.isNaN(logLimit) ? '' : ` against a limit of e^${logLimit.toFixed(1)}`}`
}

function rowsWords({ candidateRows, controlRows }: AlertDetail): string {
  if (candidateRows === 0 && controlRows === 0) return ''
  const shown = (rows: number, of: string) => (Number.isFinite(rows) ? [`${rows.toLocaleString('en-US')} of the ${of}`] : [])
  return [...shown(candidateRows, 'candidate'), ...shown(controlRows, 'control')].join(', ')
}

function short(value: number): string {
  return Number(value.toPrecision(3)).toString()
}

/** `CRITICAL fraud v2: rollback:error-rate (production)`, `still CRITICAL 12 incidents: fraud (production)`, `RESOLVED …` */
export function titleOf(message: Message): string {
  const before = message.acknowledges ? 'ACKNOWLEDGED ' : message.repeated ? 'still ' : ''
  const state = message.status === 'resolved' ? 'RESOLVED' : `${before}${message.severity.toUpperCase()}`
  const count = message.incidents.length + message.omitted
  if (count === 1) return `${state} ${nameOf(message.incidents[0]!)} (${name(message.incidents[0]!.alert.environment)})`
  const { environment, ...labels } = message.labels
  const common = ['model', 'version', 'cause'].flatMap((label) => labels[label] ?? [])
  const of = common.length === 0 ? '' : `: ${common.map(name).join(' ')}`
  return `${state} ${count} incidents${of}${environment === undefined ? '' : ` (${name(environment)})`}`
}

/** The title, and what was done about the gravest, or who has taken it. */
export function headlineOf(message: Message): string {
  const [gravest] = message.incidents
  const taken = message.acknowledges ? (gravest!.takenBy?.words ?? '') : ''
  return `${titleOf(message)}. ${taken === '' ? doneIn(gravest!) : cut(clean(taken), FACT_CHARACTERS_MAX)}`
}

/** `CRITICAL fraud v2: rollback:error-rate` */
export function headOf(incident: Incident): string {
  return `${incident.endedMs === null ? incident.alert.severity.toUpperCase() : 'RESOLVED'} ${nameOf(incident)}`
}

/** The same, and what was done. */
export function lineOf(incident: Incident): string {
  const done = doneIn(incident)
  return `${headOf(incident)}${done === '' ? '' : `. ${done}`}`
}

function doneIn({ alert: { detail, summary } }: Incident): string {
  return cut(clean(detail.done === '' ? summary : detail.done), FACT_CHARACTERS_MAX)
}

function nameOf({ alert: { model, version, cause } }: Incident): string {
  return `${[model, version].map(name).join(' ').trim()}: ${name(cause)}`
}

function name(text: string): string {
  return cut(clean(text), NAME_CHARACTERS_MAX)
}

export function textOf(incident: Incident): string {
  const facts = factsOf(incident)
  const lines = factNames(facts).map((fact) => `${FACT_LABELS[fact]}: ${facts[fact]}`)
  return [headOf(incident), ...lines].join('\n')
}

export function factNames(facts: Facts): readonly FactName[] {
  return (Object.keys(FACT_LABELS) as FactName[]).filter((fact) => facts[fact] !== undefined)
}

export function omittedWords(count: number): string {
  return `and ${count.toLocaleString('en-US')} more that this message does not list`
}

/** Of the gravest incident that has one; empty: none has. */
export function linkOf({ incidents }: Message): string {
  return incidents.map(({ link }) => usableLink(link)).find((link) => link !== '') ?? ''
}

/** As an address whose parts are escaped; empty where it is none of the web. */
export function usableLink(link: string): string {
  if (!URL.canParse(link)) return ''
  const { protocol, href } = new URL(link)
  const escaped = href.replace(/[|<>`'\\^{}]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
  return /^https?:$/.test(protocol) && escapedForSlack(escaped).length <= LINK_CHARACTERS_MAX ? escaped : ''
}

/** The key itself, or what stands for it where it is too long for a far end, or no plain text: the same from the first message to the last. */
export function keyOf({ key }: Message): string {
  if (Buffer.byteLength(key) <= KEY_BYTES_MAX && clean(key) === key) return key
  return createHash('sha256').update(key).digest('hex')
}

/** A label's value as far ends take it. */
export function labelValue(text: string): string {
  return cut(clean(text), FACT_CHARACTERS_MAX)
}

/** One line of valid text: what ends lines, or turns the direction of what stands behind it, becomes a space. */
export function clean(text: string): string {
  return text
    .replace(/\p{Cs}/gu, '\ufffd')
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]+/gu, ' ')
    .trim()
}

/** For Slack: no mention, no link and no date can be made of it. */
export function escapedForSlack(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
