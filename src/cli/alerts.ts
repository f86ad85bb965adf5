/** `flyball alerts list` and `alerts review`: incidents that hold, and whether telling people of them was worth it. */
import { type Command, Option } from 'commander'
import { type Replayed, replay, type Said, saidSince } from '../act/replay.ts'
import { type Review, reviewOf } from '../act/review.ts'
import { systemClock } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import { isoTime } from '../kit/iso-time.ts'
import { openIncidents, readAlertRecords, readDecisions, readSilences } from '../shell/topic-reads.ts'
import { register as registerAcknowledge } from './acknowledge.ts'
import { duration } from './arguments.ts'
import { type ConnectionOptions, connected, withConnectionOptions } from './connected.ts'
import { printJson, printLine, table } from './output.ts'

interface Options extends ConnectionOptions {
  readonly json?: true
}

const WEEK_MS = 7 * 24 * 3_600_000

export function register(program: Command): void {
  const alerts = program.command('alerts').description('incidents, and who was told of them')
  withConnectionOptions(alerts.command('list')).description('incidents that hold').option('--json', 'as JSON on stdout').action(list)
  withConnectionOptions(alerts.command('review'))
    .description('messages by destination, incidents by cause, and how many anybody acted on')
    .addOption(new Option('--since <duration>', 'how far back').argParser(duration).default(WEEK_MS, '7d'))
    .option('--json', 'as JSON on stdout')
    .action(review)
  registerAcknowledge(alerts)
}

async function list(options: Options): Promise<void> {
  await connected(options, async ({ log, topics }) => {
    const open = await openIncidents(log, topics.alerts)
    if (options.json) return printJson({ incidents: [...open.values()].map(({ alert, atMs }) => ({ ...alert, atMs })) })
    if (open.size === 0) return printLine('nothing is wrong')
    const rows = [...open.values()].map(({ alert, atMs }) => [
      alert.severity,
      alert.model,
      alert.version,
      alert.cause,
      isoTime(atMs),
      alert.summary,
      alert.incident,
    ])
    printLine(table(['SEVERITY', 'MODEL', 'VERSION', 'CAUSE', 'SINCE', 'SUMMARY', 'INCIDENT'], rows))
  })
}

async function review(options: Options & { readonly since: number }): Promise<void> {
  await connected(options, async ({ loaded, log, topics }) => {
    const { alerting } = loaded.layout
    if (alerting === undefined) throw new FlyballError('FLY-CLI-032', {})
    const nowMs = systemClock.nowMs()
    const all = [...(await readAlertRecords(log, topics.alerts))].sort((one, other) => one.atMs - other.atMs)
    const startMs = nowMs - options.since
    const said = saidSince(all, startMs, nowMs)
    const people = (await readDecisions(log, topics.decisions))
      .map(({ decision }) => decision)
      .filter(({ requestId }) => requestId !== null)
    const silences = await readSilences(log, topics.deliveries)
    const sent = replay(said, silences, alerting, nowMs).filter(({ atMs }) => atMs >= startMs)
    const found = reviewOf(
      said.map(({ alert }) => alert),
      people,
      sent,
      alerting,
      { startMs, endMs: nowMs },
    )
    if (options.json) printJson(found)
    else print(found, said, sent)
  })
}

function print(
  { sinks, causes, incidents, begunBefore, actedOn, overBudget }: Review,
  said: readonly Said[],
  sent: readonly Replayed[],
): void {
  printLine(
    `incidents: ${incidents}, of them begun before: ${begunBefore}, acted on: ${actedOn}; alerts: ${said.length}, messages made of them: ${sent.length}`,
  )
  const shares = (ratio: number): string => `${Math.round(ratio * 100)} %`
  printLine('')
  printLine(
    table(
      ['DESTINATION', 'MESSAGES', 'CRITICAL', 'REPEATED', 'RESOLVED'],
      sinks.map((one) => [one.sink, one.messages, one.pages, one.repeated, one.resolved].map(String)),
    ),
  )
  if (causes.length > 0) {
    printLine('')
    printLine(
      table(
        ['CAUSE', 'INCIDENTS', 'ACTED ON', 'NOISE'],
        causes.map((one) => [one.cause, String(one.incidents), String(one.actedOn), shares(one.noiseRatio)]),
      ),
    )
  }
  for (const { route, messages, budget } of overBudget) {
    printLine('')
    printLine(`Route ${route} is over its budget: ${messages} messages, ${budget} a week were meant.`)
  }
}
