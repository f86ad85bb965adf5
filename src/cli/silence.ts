/** `flyball silence add`, `list` and `expire`: incidents of which nobody is told for a while. They stay on the alerts topic all the same. */
import { randomUUID } from 'node:crypto'
import type { Command } from 'commander'
import { fits } from '../act/match.ts'
import type { Silence } from '../domain.ts'
import { systemClock } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import { isoTime } from '../kit/iso-time.ts'
import { ALERT_LABELS } from '../policy/alerts-schema.ts'
import { readSilences } from '../shell/topic-reads.ts'
import { silenceRecord } from '../wire/deliveries.ts'
import { duration, said } from './arguments.ts'
import { asker } from './asking.ts'
import { type Connected, type ConnectionOptions, connected, withConnectionOptions } from './connected.ts'
import { printJson, printLine, table } from './output.ts'

interface AddOptions extends ConnectionOptions, Partial<Record<(typeof ALERT_LABELS)[number], string[]>> {
  readonly for: number
  readonly reason: string
  readonly json?: true
}

interface ListOptions extends ConnectionOptions {
  readonly json?: true
  readonly all?: true
}

export function register(program: Command): void {
  const silence = program.command('silence').description('incidents of which nobody is told for a while')
  const add = withConnectionOptions(silence.command('add'))
    .description('tell nobody of incidents that fit; name at least one label')
    .requiredOption('--for <duration>', 'how long, like 2h', duration)
    .requiredOption('--reason <text>', 'why; shown to whoever wonders', said)
    .option('--json', 'the silence as JSON on stdout')
  for (const label of ALERT_LABELS)
    add.option(
      `--${label} <pattern...>`,
      `${label} of the incident${label === 'severity' ? ' (critical, warning, info)' : ''}; * is anything`,
    )
  add.action(addSilence)
  withConnectionOptions(silence.command('list'))
    .description('silences in force and to come; --all: those that are over too')
    .option('--all', 'those that are over, too')
    .option('--json', 'as JSON on stdout')
    .action(list)
  withConnectionOptions(silence.command('expire'))
    .description('end a silence now')
    .argument('<id>', 'as `silence list` shows it; the beginning of it will do')
    .action(expire)
}

async function addSilence(options: AddOptions): Promise<void> {
  const match = Object.fromEntries(ALERT_LABELS.flatMap((label) => (options[label] === undefined ? [] : [[label, options[label]]])))
  if (Object.keys(match).length === 0)
    throw new FlyballError('FLY-CLI-030', { labels: ALERT_LABELS.map((label) => `--${label}`).join(', ') })
  await connected(options, async (connection) => {
    const beginsAtMs = systemClock.nowMs()
    const { who } = asker(connection.loaded.policy, options)
    const silence: Silence = {
      id: randomUUID(),
      match,
      author: who,
      reason: options.reason,
      beginsAtMs,
      endsAtMs: beginsAtMs + Math.round(options.for),
    }
    await write(connection, silence)
    if (options.json) return printJson(silence)
    printLine(`Silent until ${isoTime(silence.endsAtMs)} (${silence.id}): ${matchText(silence)}`)
    const covered = connection.loaded.layout.models.filter(({ name }) => fits({ model: match['model'] ?? ['*'] }, labelsOfModel(name)))
    printLine(covered.length === 0 ? 'No model of the policy fits.' : `Models: ${covered.map(({ name }) => name).join(', ')}`)
  })
}

const labelsOfModel = (model: string) => ({ environment: '', model, version: '', cause: '', severity: '' })

async function list(options: ListOptions): Promise<void> {
  await connected(options, async ({ log, topics }) => {
    const nowMs = systemClock.nowMs()
    const all = [...(await readSilences(log, topics.deliveries)).values()]
    const silences = all.filter(({ endsAtMs }) => options.all || endsAtMs > nowMs).sort((one, other) => one.endsAtMs - other.endsAtMs)
    if (options.json) return printJson({ silences })
    if (silences.length === 0) return printLine('nothing is silenced')
    const rows = silences.map((silence) => [
      silence.id.slice(0, 8),
      isoTime(silence.endsAtMs),
      silence.author,
      matchText(silence),
      silence.reason,
    ])
    printLine(table(['ID', 'UNTIL', 'BY', 'WHAT', 'WHY'], rows))
  })
}

async function expire(id: string, options: ConnectionOptions): Promise<void> {
  await connected(options, async (connection) => {
    const { log, topics } = connection
    const nowMs = systemClock.nowMs()
    const found = [...(await readSilences(log, topics.deliveries)).values()].filter((one) => one.id.startsWith(id) && one.endsAtMs > nowMs)
    if (found.length !== 1) throw new FlyballError('FLY-CLI-031', { id, count: found.length })
    await write(connection, { ...found[0]!, endsAtMs: nowMs })
    printLine(`Ended: ${matchText(found[0]!)}`)
  })
}

async function write({ log, topics }: Connected, silence: Silence): Promise<void> {
  const writer = await log.writer()
  try {
    await writer.send(topics.deliveries, 0, [silenceRecord(silence)])
  } finally {
    await writer.close()
  }
}

function matchText({ match }: Silence): string {
  return Object.entries(match)
    .map(([label, patterns]) => `${label} ${patterns.join(' or ')}`)
    .join(', ')
}
