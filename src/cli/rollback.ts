/** `flyball rollback MODEL`: asks the judge to take the candidate back; `--break-glass` does it without the judge. */
import { randomUUID } from 'node:crypto'
import { userInfo } from 'node:os'
import { createInterface } from 'node:readline/promises'
import { type Command, InvalidArgumentError } from 'commander'
import { systemClock } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import { partitionOf } from '../kit/hash.ts'
import type { ModelLayout } from '../policy/layout.ts'
import { breakGlass } from '../shell/break-glass.ts'
import { readDecisions } from '../shell/topic-reads.ts'
import { modelKey } from '../wire/keys.ts'
import { encodeRequest } from '../wire/requests.ts'
import { type Connected, type ConnectionOptions, connected, modelNamed, withConnectionOptions } from './connected.ts'
import { printJson, printLine, tell } from './output.ts'

interface Options extends ConnectionOptions {
  readonly reason: string
  readonly breakGlass?: true
  readonly confirm?: string
  readonly dryRun?: true
  readonly json?: true
  readonly input: boolean
  readonly wait: number
}

const POLL_MS = 300

export function register(program: Command): void {
  withConnectionOptions(program.command('rollback'))
    .description('send all traffic of a model back to its control version')
    .argument('<model>')
    .requiredOption('--reason <text>', 'why; written into the audit log', said)
    .option('--break-glass', 'fence the judge and write the command directly')
    .option('--confirm <model>', 'the model again, where nobody can be asked')
    .option('--no-input', 'never ask')
    .option('--dry-run', 'say what would be done')
    .option('--wait <seconds>', "how long to wait for the judge's answer", seconds, 30)
    .option('--json', 'the result as JSON on stdout')
    .action((name: string, options: Options) => connected(options, (connection) => rollback(connection, name, options)))
}

async function rollback(connection: Connected, name: string, options: Options): Promise<void> {
  const model = modelNamed(connection.loaded, name)
  const effect = `all traffic of ${name} to ${model.versions[model.control]}, none to ${model.versions[model.candidate]}`
  if (options.dryRun) return report(options, { done: false, effect }, `Would send ${effect}.`)
  await confirm(name, effect, options)
  if (options.breakGlass) return broken(connection, model, effect, options)
  return asked(connection, model, effect, options)
}

async function confirm(name: string, effect: string, options: Options): Promise<void> {
  if (options.confirm === name) return
  if (options.confirm !== undefined || !options.input || !process.stdin.isTTY) throw new FlyballError('FLY-CLI-005', { model: name })
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await terminal.question(`This sends ${effect}. Type the model's name to go on: `)
  terminal.close()
  if (answer.trim() !== name) throw new FlyballError('FLY-CLI-005', { model: name })
}

async function broken({ loaded, log }: Connected, model: ModelLayout, effect: string, options: Options): Promise<void> {
  const { layout, policy } = loaded
  const command = await breakGlass({
    log,
    layout,
    prefix: policy.kafka.prefix,
    model,
    who: who(),
    reason: options.reason,
    clock: systemClock,
  })
  const text = `Sent ${effect}: command ${command.epoch}.${command.sequence}. The judge was fenced and takes over from it.`
  report(options, { done: true, effect, command }, text)
}

async function asked({ log, topics }: Connected, model: ModelLayout, effect: string, options: Options): Promise<void> {
  const partitions = (await log.admin.topics([topics.requests])).get(topics.requests)
  if (partitions === undefined) throw new FlyballError('FLY-KAFKA-005', { topic: topics.requests, partition: 0 })
  const before = (await readDecisions(log, topics.decisions)).filter(({ decision }) => decision.model === model.name).length
  const request = {
    id: randomUUID(),
    model: model.name,
    verb: 'rollback' as const,
    who: who(),
    reason: options.reason,
    atMs: systemClock.nowMs(),
  }
  const writer = await log.writer()
  await writer.send(topics.requests, partitionOf(Buffer.from(model.name), partitions), [
    { key: modelKey(model.name), value: encodeRequest(request) },
  ])
  await writer.close()
  tell('Asked; waiting for the judge.')
  const deadlineMs = systemClock.monotonicMs() + options.wait * 1000
  for (;;) {
    const decisions = (await readDecisions(log, topics.decisions)).filter(({ decision }) => decision.model === model.name).slice(before)
    const answer = decisions.find(({ decision }) => decision.verdict.kind === 'override')
    if (answer !== undefined) return report(options, { done: true, effect, decision: answer.decision }, answer.decision.summary)
    if (systemClock.monotonicMs() > deadlineMs) throw new FlyballError('FLY-CLI-006', { seconds: options.wait })
    await systemClock.sleep(POLL_MS)
  }
}

function seconds(text: string): number {
  const count = Number(text)
  if (text.trim() === '' || !Number.isFinite(count) || count < 0) throw new InvalidArgumentError('must be a number of seconds, 0 or more.')
  return count
}

function said(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('must not be empty.')
  return text
}

/** The user of this machine: nobody has vouched for it. */
function who(): string {
  return `${userInfo().username} (OS user)`
}

function report(options: Options, result: object, text: string): void {
  if (options.json) printJson(result)
  else printLine(text)
}
