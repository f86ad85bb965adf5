/** One attempt to tell a far end something: it ends in time, never throws, and gives no secret away in what it says of a problem. */
import type { SinkPlan } from '../policy/layout.ts'
import type { Answer, Message, Outside } from './contract.ts'
import { failed } from './http.ts'
import { cut } from './truncate.ts'
import { clean } from './words.ts'

export type PlanOf<Kind extends SinkPlan['kind']> = Extract<SinkPlan, { kind: Kind }>

/** How a kind of sink sends; it may throw, and need not look at the clock. */
export type Sender<Kind extends SinkPlan['kind']> = (
  plan: PlanOf<Kind>,
  message: Message,
  outside: Outside,
  signal: AbortSignal,
) => Promise<Answer>

/** Thrown where no repetition helps. */
export class Refusal extends Error {}

/** What is shorter is in ordinary words too, and is nobody's secret. */
const SECRET_CHARACTERS_MIN = 6
const PROBLEM_CHARACTERS_MAX = 300
/** No timer runs longer than 24 days: one that is asked to ends at once. */
const TIMEOUT_MS_MAX = 3_600_000

export async function attempt(
  timeoutMs: number,
  outside: Outside,
  signal: AbortSignal,
  work: (outside: Outside, signal: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  const secrets: string[] = []
  const answer = await settled(timeoutMs, signal, (inTime) => work(withSecrets(outside, secrets), inTime))
  return answer.result === 'delivered' ? answer : { ...answer, problem: withoutSecrets(answer.problem, secrets) }
}

function withSecrets(outside: Outside, secrets: string[]): Outside {
  const secret = (file: string): string => {
    let text: string
    try {
      text = outside.secret(file).trim()
    } catch {
      throw new Refusal(`cannot read the secret in ${file}`)
    }
    if (text === '') throw new Refusal(`the secret in ${file} is empty`)
    secrets.push(text, ...text.split(/\s+/))
    return text
  }
  return { fetch: outside.fetch, nowMs: outside.nowMs, write: outside.write, secret }
}

export function bearer(token: string): Readonly<Record<string, string>> {
  if (!/^[\x21-\x7e]+$/.test(token)) throw new Refusal('the token has signs in it that no header may have')
  return { authorization: `Bearer ${token}` }
}

/** By listeners of its own: a signal made of others may be forgotten by the engine before it speaks. */
async function settled(timeoutMs: number, signal: AbortSignal, work: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
  if (signal.aborted) return failed('given up before it was sent')
  const controller = new AbortController()
  const late = AbortSignal.timeout(Math.min(timeoutMs, TIMEOUT_MS_MAX))
  const giveUp = () => controller.abort('given up')
  const timeOut = () => controller.abort(`no answer within ${timeoutMs} ms`)
  signal.addEventListener('abort', giveUp)
  late.addEventListener('abort', timeOut)
  try {
    return await work(controller.signal)
  } catch (error) {
    if (error instanceof Refusal) return { result: 'refused', problem: error.message }
    return failed(controller.signal.aborted ? String(controller.signal.reason) : `it could not be sent: ${nameOf(error)}`)
  } finally {
    signal.removeEventListener('abort', giveUp)
    late.removeEventListener('abort', timeOut)
  }
}

/** Not its message: that may quote an address. */
function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'an error without a name'
}

/** In whatever form a far end may have said them again. */
function withoutSecrets(problem: string, secrets: readonly string[]): string {
  const known = secrets.filter((secret) => secret.length >= SECRET_CHARACTERS_MIN)
  const forms = known.flatMap((secret) => [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')])
  const told = forms.reduce((text, form) => text.replace(new RegExp(literally(form), 'gi'), '[secret]'), clean(problem))
  return cut(told, PROBLEM_CHARACTERS_MAX)
}

function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}
