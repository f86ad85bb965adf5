/** What each kind of destination is sent, as it came over the wire: `test/golden/sinks/`. */
import type { Message } from '../../src/act/contract.ts'
import { changeSinkOf } from '../../src/act/sinks/index.ts'
import type { SinkPlan } from '../../src/policy/layout.ts'
import { FarEnd, type Responder } from './far-server.ts'
import { incident, LINK, message, NOON_MS, ONE } from './messages.ts'
import { outsideWith, PLANS, send } from './plans.ts'

const ENDED = incident({ endedMs: NOON_MS + 20_000 })
const BLIND = incident({
  version: 'v3',
  cause: 'blind',
  severity: 'warning',
  summary: 'Holding v3 at 5 % (blind): no outcomes for 20 minutes',
  flapping: true,
})
const TAKEN_BY = { words: 'ada: looking into <it>', atMs: NOON_MS + 60_000 }
const TAKEN = message([incident({ takenBy: TAKEN_BY }), { ...BLIND, takenBy: TAKEN_BY }], {
  ...{ news: [], acknowledges: true, reference: 'C0123456789:1359720000.000100' },
})
const OVER = message([ENDED])
/** One that began beside one that goes on. */
const TWO = message([incident(), BLIND], { news: [BLIND.alert.incident], reference: 'C0123456789:1359720000.000100' })

interface Golden {
  readonly name: string
  readonly plan: (url: string) => SinkPlan
  readonly message: Message
}

const GOLDEN: readonly Golden[] = [
  { name: 'slack-webhook', plan: PLANS['slack-webhook'], message: ONE },
  { name: 'slack-bot-first', plan: PLANS['slack-bot'], message: ONE },
  { name: 'slack-bot-later', plan: PLANS['slack-bot'], message: TWO },
  { name: 'pagerduty-trigger', plan: PLANS.pagerduty, message: TWO },
  { name: 'slack-bot-acknowledged', plan: PLANS['slack-bot'], message: TAKEN },
  { name: 'pagerduty-acknowledge', plan: PLANS.pagerduty, message: TAKEN },
  { name: 'pagerduty-resolve', plan: PLANS.pagerduty, message: OVER },
  { name: 'alertmanager-firing', plan: PLANS.alertmanager, message: TWO },
  { name: 'alertmanager-resolved', plan: PLANS.alertmanager, message: OVER },
  { name: 'webhook-firing', plan: PLANS.webhook, message: TWO },
  { name: 'webhook-resolved', plan: PLANS.webhook, message: OVER },
  { name: 'log', plan: PLANS.log, message: TWO },
]

export function goldenFile(name: string): URL {
  return new URL(`../golden/sinks/${name}.json`, import.meta.url)
}

/** Name → text of the file. */
export async function goldenTexts(): Promise<ReadonlyMap<string, string>> {
  const far = await new FarEnd().open()
  far.respond = yes
  const texts = new Map<string, string>()
  for (const { name, plan, message: told } of GOLDEN) {
    const lines: unknown[] = []
    const from = far.received.length
    const answer = await send(plan(far.url), told, { write: (line) => lines.push(line) })
    texts.set(name, textOf([answer, ...sentTo(far, from), ...lines]))
  }
  const change = {
    summary: 'Promoted v2 from 5 % to 25 %',
    source: 'production/fraud',
    atMs: NOON_MS,
    links: [{ href: LINK, text: 'The decision' }],
  }
  const from = far.received.length
  const answer = await changeSinkOf(PLANS.pagerduty(far.url), outsideWith())!.send(change, new AbortController().signal)
  texts.set('pagerduty-change', textOf([answer, ...sentTo(far, from)]))
  await far.close()
  return texts
}

const yes: Responder = (response, { path }) => {
  const body = path === '/hook' ? 'ok' : JSON.stringify({ ok: true, channel: 'C0123456789', ts: '1359720000.000100' })
  response.writeHead(path.includes('enqueue') ? 202 : 200).end(body)
}

function sentTo(far: FarEnd, from: number): readonly object[] {
  return far.received.slice(from).map(({ method, path, headers, bytes }) => {
    const told = Object.entries(headers).filter(([header]) => header === 'content-type' || header.startsWith('webhook-'))
    return { request: `${method} ${path}`, headers: Object.fromEntries(told.sort()), body: JSON.parse(bytes.toString()) as object }
  })
}

function textOf(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
