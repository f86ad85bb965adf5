/** A message in Slack's blocks, within its limits: the whole stays under 10,000 characters, and the link is always in it. */
import type { Incident, Message } from './contract.ts'
import { cut, fitting } from './truncate.ts'
import {
  escapedForSlack,
  FACT_LABELS,
  type FactName,
  factNames,
  factsOf,
  headlineOf,
  headOf,
  lineOf,
  linkOf,
  omittedWords,
  PAGES_BETWEEN,
  titleOf,
  usableLink,
} from './words.ts'

/** Blocks, characters of a header, of a section, and of the whole; what Slack refuses of the whole begins somewhat above 13,000. */
const SLACK_LIMITS = { blocks: 50, header: 150, section: 3_000, body: 9_999 } as const

/** For what the bot adds: channel, time stamps, switches. */
const RESERVED = 500
/** Texts below are measured as JSON, where a quote is two characters. */
const FALLBACK_COST_MAX = 300
const LINE_COST_MAX = 300
const GRAVEST_COST_MAX = 2_600
const DETAIL_COST_MAX = 2_000
const LINK_BESIDE_OTHERS_MAX = 300
/** JSON around the text of a section. */
const SECTION_COST = 100
/** How long one fact may be: the first with which all of them fit. */
const FACT_COSTS = [1_000, 600, 400, 250, 150, 100]

type Block =
  | { readonly type: 'header'; readonly text: { readonly type: 'plain_text'; readonly text: string; readonly emoji: false } }
  | { readonly type: 'section'; readonly text: { readonly type: 'mrkdwn'; readonly text: string; readonly verbatim: true } }

export interface SlackBody {
  /** Shown in notifications. */
  readonly text: string
  readonly blocks: readonly Block[]
  readonly unfurl_links: false
  readonly unfurl_media: false
}

/** The group as it stands: everything about the gravest incident, a line for each of the others. */
export function slackMessage(message: Message): SlackBody {
  const [gravest, ...others] = message.incidents as [Incident, ...Incident[]]
  const name = others.length > 0 ? `${nameLine(gravest)}\n` : ''
  const head = [header(titleOf(message)), section(`${name}${factLines(gravest, GRAVEST_COST_MAX)}`)]
  const lines = others.map((incident) => `• ${escapedWithin(lineOf(incident), LINE_COST_MAX)}`)
  const room = roomBeside(head, message) - SECTION_COST
  // Ten lines fill a section: each pays for a part of what is around it.
  const told = fitting(lines, room, (line) => costInJson(line) + SECTION_COST / 5)
  return bodyOf(message, [...head, ...sections(told), ...tail(message, message.omitted + others.length - told.length)])
}

/** For the thread: everything about these incidents, as many as fit. */
export function slackDetails(message: Message, incidents: readonly Incident[]): SlackBody {
  const head = [section(`*${escapedWithin(titleOf(message), LINE_COST_MAX)}*`)]
  const texts = incidents.map((incident) => {
    const lines = [nameLine(incident), factLines(incident, DETAIL_COST_MAX), ...linkLine(usableLink(incident.link))]
    return lines.join('\n')
  })
  const room = roomBeside(head, message)
  const shown = fitting(texts, room, (text) => costInJson(text) + SECTION_COST).slice(0, SLACK_LIMITS.blocks - 2)
  return bodyOf(message, [...head, ...shown.map(section), ...tail(message, incidents.length - shown.length)])
}

function bodyOf(message: Message, blocks: readonly Block[]): SlackBody {
  return { text: escapedWithin(headlineOf(message), FALLBACK_COST_MAX), blocks, unfurl_links: false, unfurl_media: false }
}

/** For sections between head and tail. */
function roomBeside(head: readonly Block[], message: Message): number {
  const least = bodyOf(message, [...head, ...tail(message, Number.MAX_SAFE_INTEGER)])
  return SLACK_LIMITS.body - RESERVED - JSON.stringify(least).length
}

/** In a block of its own, which nothing pushes out. */
function tail(message: Message, missing: number): readonly Block[] {
  const link = linkOf(message)
  const lines = [...(missing > 0 ? [omittedWords(missing)] : []), ...(link === '' ? [] : [`<${escapedForSlack(link)}|Open the decision>`])]
  return lines.length === 0 ? [] : [section(lines.join('\n'))]
}

function header(title: string): Block {
  return { type: 'header', text: { type: 'plain_text', text: cut(title, SLACK_LIMITS.header), emoji: false } }
}

/** Verbatim: what looks like a mention, a channel or an address in a text stays a text. */
function section(text: string): Block {
  return { type: 'section', text: { type: 'mrkdwn', text, verbatim: true } }
}

/** Lines together in as few sections as hold them. */
function sections(lines: readonly string[]): readonly Block[] {
  const texts: string[] = []
  for (const line of lines) {
    const joined = `${texts.at(-1)}\n${line}`
    if (texts.length > 0 && joined.length <= SLACK_LIMITS.section) texts[texts.length - 1] = joined
    else texts.push(line)
  }
  return texts.map(section)
}

function nameLine(incident: Incident): string {
  return `*${escapedWithin(headOf(incident), LINE_COST_MAX)}*`
}

/** None of a link that would leave no room for another incident: the message has the first one's in any case. */
function linkLine(link: string): readonly string[] {
  return link === '' || link.length > LINK_BESIDE_OTHERS_MAX ? [] : [`<${escapedForSlack(link)}|Open this decision>`]
}

/** Every fact, each cut so far that all of them fit. */
function factLines(incident: Incident, most: number): string {
  const facts = factsOf(incident)
  const names = factNames(facts).filter((name) => name !== 'link')
  let text = ''
  for (const costMax of FACT_COSTS) {
    text = names.map((name) => `*${FACT_LABELS[name]}*  ${factText(name, facts[name]!, costMax)}`).join('\n')
    if (costInJson(text) <= most) break
  }
  return text
}

function factText(name: FactName, value: string, costMax: number): string {
  if (name === 'override') return `\`${escapedWithin(value.replaceAll('`', "'"), costMax)}\``
  if (name === 'runbook' && costInJson(escapedForSlack(value)) <= costMax / 2)
    return value.split(PAGES_BETWEEN).map(pageText).join(PAGES_BETWEEN)
  return escapedWithin(value, costMax)
}

/** Nothing becomes a link by itself in a verbatim text. */
function pageText(page: string): string {
  const link = usableLink(page)
  return link === '' ? escapedForSlack(page) : `<${escapedForSlack(link)}>`
}

/** Cut before it is escaped: half of an `&lt;` would be seen. */
function escapedWithin(text: string, most: number): string {
  return escapedForSlack(cut(text, most, (part) => costInJson(escapedForSlack(part))))
}

function costInJson(text: string): number {
  return JSON.stringify(text).length - 2
}
