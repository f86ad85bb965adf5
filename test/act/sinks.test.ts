/** Every kind of destination keeps the contract; the table of what became of a message is printed, and is the one of docs/alerts.md. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { beat } from '../../src/act/sinks/heartbeat.ts'
import { MESSAGE_KINDS, sinkOf } from '../../src/act/sinks/index.ts'
import type { SinkPlan } from '../../src/policy/layout.ts'
import { ANSWERS, keepsTheSinkContract, type Place, TABLE } from '../conformance/sinks.ts'
import { FarEnd, json, type Received, status } from './far-server.ts'

const far = await new FarEnd().open()
after(() => far.close())

const LIMITS = { messagesMax: 30, perMs: 60_000, timeoutMs: 0 }
const DELIVERED = 'delivered'
const REFUSED = 'refused'
const FAILED = 'failed'
/** From 400 on, what the far ends do means the same everywhere. */
const SAME = [REFUSED, REFUSED, REFUSED, REFUSED, 'failed, not before 7 s', FAILED, FAILED, FAILED, FAILED, REFUSED, FAILED]

function placeOf(plan: (url: string) => SinkPlan, place: Omit<Place, 'kind' | 'far' | 'send'>): Place {
  const { kind } = plan('')
  return {
    kind,
    far,
    send: (url, message, outside, signal, timeoutMs) => sinkOf({ ...plan(url), timeoutMs }, outside).send(message, signal),
    ...place,
  }
}

function objectOf({ bytes }: Received): Record<string, unknown> {
  return JSON.parse(bytes.toString()) as Record<string, unknown>
}

function missingIn(text: string): number {
  return Number((/and ([\d,]+) more that this message does not list/.exec(text)?.[1] ?? '0').replaceAll(',', ''))
}

/** The gravest has its facts, the others have lines. */
function countedInSlack({ bytes }: Received): { told: number; missing: number } {
  const text = bytes.toString()
  return { told: 1 + (text.match(/• /g)?.length ?? 0), missing: missingIn(text) }
}

const PLACES: readonly Place[] = [
  placeOf((url) => ({ kind: 'slack-webhook', urlFile: `hook of ${url}`, ...LIMITS }), {
    yes: status(200, 'ok'),
    secrets: (url) => ({ [`hook of ${url}`]: `${url}/services/T0001/B0002/planted-hook-secret` }),
    counted: countedInSlack,
    bytesMax: 40_000,
    expected: [DELIVERED, REFUSED, DELIVERED, ...SAME],
  }),
  placeOf((url) => ({ kind: 'slack-bot', url: `${url}/api/`, tokenFile: 'token', channel: 'C0123456789', ...LIMITS }), {
    yes: json(200, { ok: true, channel: 'C0123456789', ts: '1359720000.000100' }),
    secrets: () => ({ token: 'xoxb-planted-bot-secret' }),
    counted: countedInSlack,
    bytesMax: 40_000,
    expected: [DELIVERED, REFUSED, REFUSED, ...SAME],
  }),
  placeOf((url) => ({ kind: 'pagerduty', url, routingKeyFile: 'key', ...LIMITS }), {
    yes: json(202, { status: 'success', message: 'Event processed', dedup_key: 'theirs' }),
    secrets: () => ({ key: 'planted0routing0key0secret000000' }),
    counted: (received) => {
      const { custom_details } = objectOf(received)['payload'] as { custom_details: { others: unknown[]; not_listed: number } }
      return { told: 1 + custom_details.others.length, missing: custom_details.not_listed }
    },
    bytesMax: 512_000,
    expected: [DELIVERED, REFUSED, REFUSED, ...SAME],
  }),
  placeOf((url) => ({ kind: 'alertmanager', url: `${url}/base/`, tokenFile: 'token', ...LIMITS }), {
    yes: status(200),
    secrets: () => ({ token: 'planted-alertmanager-secret' }),
    // It is told of all there are, and does its own grouping: of the 13 that it is not sent it learns nothing.
    counted: (received) => ({ told: (JSON.parse(received.bytes.toString()) as unknown[]).length, missing: 13 }),
    bytesMax: 1_000_000,
    expected: [DELIVERED, DELIVERED, DELIVERED, ...SAME],
  }),
  placeOf((url) => ({ kind: 'webhook', url: `${url}/hook`, secretFile: 'secret', ...LIMITS }), {
    yes: status(204),
    secrets: () => ({ secret: `whsec_${Buffer.from('planted webhook secret of 32 b.').toString('base64')}` }),
    counted: (received) => {
      const { alerts, truncatedAlerts } = objectOf(received) as { alerts: unknown[]; truncatedAlerts: number }
      return { told: alerts.length, missing: truncatedAlerts }
    },
    bytesMax: 260_000,
    expected: [DELIVERED, DELIVERED, DELIVERED, ...SAME],
  }),
  placeOf(() => ({ kind: 'log', ...LIMITS }), {
    yes: status(200),
    secrets: () => ({}),
    counted: (received) => {
      const { incidents, notListed } = objectOf(received) as { incidents: unknown[]; notListed: number }
      return { told: incidents.length, missing: notListed }
    },
    bytesMax: 40_000,
    expected: ANSWERS.map(() => DELIVERED),
  }),
  {
    kind: 'heartbeat',
    far,
    yes: status(200, 'OK'),
    secrets: () => ({}),
    send: (url, _message, outside, signal, timeoutMs) =>
      beat({ kind: 'heartbeat', url: `${url}/beat`, everyMs: 60_000, ...LIMITS, timeoutMs }, outside, signal),
    counted: null,
    bytesMax: 0,
    expected: [DELIVERED, DELIVERED, DELIVERED, ...SAME],
  },
]

for (const place of PLACES) keepsTheSinkContract(place)

test('every kind of destination has run the suite, and nothing that takes no messages is one', () => {
  assert.deepEqual(new Set(PLACES.map(({ kind }) => kind)), new Set([...MESSAGE_KINDS, 'heartbeat']))
  const plan: SinkPlan = { kind: 'heartbeat', url: far.url, everyMs: 1, ...LIMITS }
  assert.throws(() => sinkOf(plan, { fetch, secret: () => '', nowMs: () => 0, write: () => {} }), /takes no messages/)
})

test('the table in docs/alerts.md is what happened', () => {
  const head = ['the far end', ...TABLE.keys()]
  const rows = ANSWERS.map((answer, at) => [answer, ...[...TABLE.values()].map((results) => results[at]!)])
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const table = [line(head), line(head.map(() => '---')), ...rows.map(line)]
  console.log(table.join('\n'))
  const page = readFileSync(new URL('../../docs/alerts.md', import.meta.url), 'utf8').split('\n')
  for (const row of table) assert.ok(page.includes(row), `docs/alerts.md lacks ${row}`)
})
