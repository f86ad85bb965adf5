/**
 * What every command that asks something of the judge shares: its options, the confirmation, the request on its way, and the wait for
 * the one decision that carries the request's id.
 */
import { randomUUID } from 'node:crypto'
import { userInfo } from 'node:os'
import { createInterface } from 'node:readline/promises'
import { type Command, InvalidArgumentError } from 'commander'
import type { OperatorRequest } from '../domain.ts'
import { systemClock } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import { partitionOf } from '../kit/hash.ts'
import { connectionOf } from '../policy/connection.ts'
import type { ModelLayout } from '../policy/layout.ts'
import type { Policy } from '../policy/policy.ts'
import { DURATION, durationMs } from '../policy/units.ts'
import { withSignature } from '../shell/signatures.ts'
import { readDecisionsFrom, type StoredDecision } from '../shell/topic-reads.ts'
import { tooLong } from '../wire/lengths.ts'
import { REQUEST_LENGTHS_MAX, requestRecord } from '../wire/requests.ts'
import { duration, said, wholeNumber } from './arguments.ts'
import { type Connected, type ConnectionOptions, modelNamed, withConnectionOptions } from './connected.ts'
import { effectOf } from './effects.ts'
import { printJson, printLine, tell } from './output.ts'
import { connectedToAsk, type SigningOptions, signerFor } from './sign.ts'

export type Verb = OperatorRequest['verb']

export interface AskOptions extends ConnectionOptions, SigningOptions {
  readonly reason: string
  readonly confirm?: string
  readonly dryRun?: true
  readonly json?: true
  readonly input: boolean
  readonly wait: number
  readonly ifSequence?: number
  readonly expires?: number
  /** Wall clock. */
  readonly until?: number
  readonly requestId?: string
  /** release: `dimension=value` instead of the whole candidate. */
  readonly segment?: string
  /** What the request is about, where its verb wants to know. */
  readonly subject?: string
}

/** What a request is about, and what it brings to be recorded. */
export type About = Pick<OperatorRequest, 'subject' | 'body'>

const ABOUT_NOTHING: About = { subject: null, body: '' }
const POLL_MS = 300

export function withAskOptions(command: Command): Command {
  return withConnectionOptions(command)
    .argument('<model>')
    .requiredOption('--reason <text>', 'why; written into the audit log', said)
    .option('--confirm <model>', 'the model again, where nobody can be asked')
    .option('--no-input', 'never ask')
    .option('--dry-run', 'say what would be done')
    .option('--if-sequence <number>', 'refuse when the command in force has another sequence', wholeNumber)
    .option('--expires <duration>', 'refuse when the judge comes to it later than that, like 10m', duration)
    .option('--request-id <id>', 'an id of your own: asked twice with the same it is done once', said)
    .option('--sign-key <file>', "sign with this private key; default: the policy's security.signing")
    .option('--key-id <id>', 'its id; default: the name of the file')
    .option('--wait <seconds>', "how long to wait for the judge's answer", seconds, 30)
    .option('--json', 'the result as JSON on stdout')
}

/** For what may end by itself. */
export function withUntil(command: Command): Command {
  return command.option('--until <time>', 'when it ends by itself: a duration like 2h, or a time like 2030-01-31T08:00:00Z', until)
}

/** A whole command that asks for `verb`. */
export function asking(command: Command, verb: Verb): Command {
  return withAskOptions(command).action((name: string, options: AskOptions) => askFor(verb, name, options))
}

export async function askFor(verb: Verb, name: string, options: AskOptions): Promise<void> {
  await connectedToAsk(options, async (connection) => {
    const model = modelNamed(connection.loaded, name)
    const effect = await effectOf(verb, connection, model, options.segment ?? options.subject)
    if (options.dryRun) return report(options, { done: false, effect }, `Would ${effect}.`)
    await confirm(name, effect, options)
    await ask(connection, model, verb, effect, options)
  })
}

export async function confirm(name: string, effect: string, options: Pick<AskOptions, 'confirm' | 'input'>): Promise<void> {
  if (options.confirm === name) return
  if (options.confirm !== undefined || !options.input || !process.stdin.isTTY) throw new FlyballError('FLY-CLI-005', { model: name })
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await terminal.question(`This would ${effect}. Type the model's name to go on: `)
  terminal.close()
  if (answer.trim() !== name) throw new FlyballError('FLY-CLI-005', { model: name })
}

/** Asks, waits, and says what was answered. A refusal is an error of its own. */
export async function ask(
  connection: Connected,
  model: ModelLayout,
  verb: Verb,
  effect: string,
  options: AskOptions,
  about: Partial<About> = {},
): Promise<void> {
  const { decision } = await answered(connection, { ...requestOf(connection, model, verb, options), ...about }, options)
  const done = decision.verdict.kind !== 'refused'
  if (done || options.json) report(options, { done, effect, decision }, decision.summary)
  if (!done) throw new FlyballError('FLY-CLI-015', { answer: decision.summary })
}

async function answered({ log, topics, loaded }: Connected, request: OperatorRequest, options: AskOptions): Promise<StoredDecision> {
  const problem = tooLong(request, REQUEST_LENGTHS_MAX)
  if (problem !== null) throw new FlyballError('FLY-CLI-016', { problem })
  const partitions = (await log.admin.topics([topics.requests])).get(topics.requests)
  if (partitions === undefined) throw new FlyballError('FLY-KAFKA-005', { topic: topics.requests, partition: 0 })
  const partition = partitionOf(Buffer.from(request.model), partitions)
  const isAnswer = ({ decision }: StoredDecision) => decision.model === request.model && decision.requestId === request.id
  let { decisions, next } = await readDecisionsFrom(log, topics.decisions, partition, 0)
  const before = decisions.find(isAnswer)
  if (before !== undefined) {
    tell('This request has been answered before.')
    return before
  }
  const writer = await log.writer()
  const signer = signerFor(loaded.layout, options)
  await writer.send(topics.requests, partition, [withSignature(signer, topics.requests, loaded.layout.environment, requestRecord(request))])
  await writer.close()
  tell(`Asked (${request.id}); waiting for the judge.`)
  const deadlineMs = systemClock.monotonicMs() + options.wait * 1000
  for (;;) {
    ;({ decisions, next } = await readDecisionsFrom(log, topics.decisions, partition, next))
    const answer = decisions.find(isAnswer)
    if (answer !== undefined) return answer
    if (systemClock.monotonicMs() > deadlineMs) throw new FlyballError('FLY-CLI-006', { seconds: options.wait })
    await systemClock.sleep(POLL_MS)
  }
}

function requestOf({ loaded }: Connected, model: ModelLayout, verb: Verb, options: AskOptions): OperatorRequest {
  const atMs = systemClock.nowMs()
  return {
    id: options.requestId ?? randomUUID(),
    model: model.name,
    verb,
    ...asker(loaded.policy, options),
    reason: options.reason,
    atMs,
    ifSequence: options.ifSequence ?? null,
    expiresAtMs: options.expires === undefined ? null : atMs + Math.round(options.expires),
    untilMs: options.until ?? null,
    ...ABOUT_NOTHING,
    subject: options.segment ?? options.subject ?? null,
  }
}

/** The name under which the brokers let this process in, where it has one; else the user of this machine. Neither proves anything. */
export function asker(policy: Policy, options: ConnectionOptions): Pick<OperatorRequest, 'who' | 'knownBy'> {
  const { sasl } = connectionOf(policy, options.policy, { brokers: options.brokers, environment: process.env })
  if (sasl?.username !== undefined) return { who: `User:${sasl.username}`, knownBy: 'principal' }
  return { who: userInfo().username, knownBy: 'osUser' }
}

export function report(options: Pick<AskOptions, 'json'>, result: object, text: string): void {
  if (options.json) printJson(result)
  else printLine(text)
}

function seconds(text: string): number {
  const count = Number(text)
  if (text.trim() === '' || !Number.isFinite(count) || count < 0) throw new InvalidArgumentError('must be a number of seconds, 0 or more.')
  return count
}

/** A time needs its zone: what `08:00` means must not depend on the machine that asks. */
function until(text: string): number {
  const nowMs = systemClock.nowMs()
  const ms = DURATION.test(text)
    ? nowMs + Math.round(durationMs(text))
    : /T.*(Z|[+-]\d\d:?\d\d)$/.test(text)
      ? Date.parse(text)
      : Number.NaN
  if (!(ms > nowMs))
    throw new InvalidArgumentError('must be a time to come: a duration like 2h, or a time with its zone like 2030-01-31T08:00:00Z.')
  return ms
}
