/**
 * Slack, by an incoming webhook: every message is a new one in its channel. It has taken a message only when it answers 200 and `ok`.
 * Its address is the secret.
 */
import { Refusal, type Sender } from '../attempt.ts'
import type { Answer } from '../contract.ts'
import { declined, exchange, type Heard, quoted } from '../http.ts'
import { slackMessage } from '../slack.ts'

export const sendSlackWebhook: Sender<'slack-webhook'> = async (plan, message, outside, signal) => {
  const url = outside.secret(plan.urlFile)
  if (!isAddress(url)) throw new Refusal(`${plan.urlFile} holds no address of a webhook`)
  const heard = await exchange(outside, { url, body: JSON.stringify(slackMessage(message)) }, signal)
  return 'result' in heard ? heard : answerOf(heard)
}

function answerOf(heard: Heard): Answer {
  const words = heard.text.trim()
  if (heard.status === 200 && words === 'ok') return { result: 'delivered', reference: '' }
  // Its errors are single words, `no_service`, `channel_is_archived`; a page of a proxy is not worth telling.
  return declined(heard, /^[a-z_]{2,60}$/.test(words) ? quoted(words) : '')
}

function isAddress(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, username } = new URL(text)
  return /^https?:$/.test(protocol) && username === ''
}
