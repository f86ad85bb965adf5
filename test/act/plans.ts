/** A plan of each kind for a far end of the tests, with its secret; and sending one message by it. */
import type { Answer, Message, Outside } from '../../src/act/contract.ts'
import { sinkOf } from '../../src/act/sinks/index.ts'
import type { SinkPlan } from '../../src/policy/layout.ts'
import { NOON_MS } from './messages.ts'

export const LIMITS = { messagesMax: 30, perMs: 60_000, timeoutMs: 25_000 }

export const SECRETS: Readonly<Record<string, string>> = {
  token: 'xoxb-planted-bot-secret\n',
  key: 'planted0routing0key0secret000000\n',
  secret: `whsec_${Buffer.from('planted webhook secret of 32 b.').toString('base64')}\n`,
}

export const PLANS = {
  'slack-webhook': (url: string) => ({ kind: 'slack-webhook', urlFile: `${url}/hook`, ...LIMITS }),
  'slack-bot': (url: string) => ({ kind: 'slack-bot', url: `${url}/api`, tokenFile: 'token', channel: 'C0123456789', ...LIMITS }),
  pagerduty: (url: string) => ({ kind: 'pagerduty', url, routingKeyFile: 'key', ...LIMITS }),
  alertmanager: (url: string) => ({ kind: 'alertmanager', url, tokenFile: null, ...LIMITS }),
  webhook: (url: string) => ({ kind: 'webhook', url: `${url}/hook`, secretFile: 'secret', ...LIMITS }),
  log: () => ({ kind: 'log', ...LIMITS }),
} as const satisfies Readonly<Record<string, (url: string) => SinkPlan>>

/** The address of a webhook stands for the file that holds it. */
export function outsideWith(more: Partial<Outside> = {}): Outside {
  return { fetch, secret: (file) => SECRETS[file] ?? file, nowMs: () => NOON_MS, write: () => {}, ...more }
}

export function send(plan: SinkPlan, message: Message, more: Partial<Outside> = {}): Promise<Answer> {
  return sinkOf(plan, outsideWith(more)).send(message, new AbortController().signal)
}
