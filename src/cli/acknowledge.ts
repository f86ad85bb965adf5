/** `flyball alerts acknowledge`: somebody has taken an incident, and everybody who was told of it is told of that. */
import type { Command } from 'commander'
import { WATCHDOG_CAUSES } from '../act/watchdogs.ts'
import type { Acknowledgement } from '../domain.ts'
import { systemClock } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import { openIncidents } from '../shell/topic-reads.ts'
import { acknowledgementRecord } from '../wire/deliveries.ts'
import { asker } from './asking.ts'
import { type Connected, type ConnectionOptions, connected, withConnectionOptions } from './connected.ts'
import { printJson, printLine } from './output.ts'

interface Options extends ConnectionOptions {
  readonly reason: string
  readonly json?: true
}

export function register(alerts: Command): void {
  withConnectionOptions(alerts.command('acknowledge'))
    .description('say that you have taken an incident, or all incidents of a model')
    .argument('<incident>', 'as `alerts list` shows it; or a model: whatever of it holds')
    .requiredOption('--reason <text>', 'what is done about it; shown to whoever was told')
    .option('--json', 'what was acknowledged, as JSON on stdout')
    .action(acknowledge)
}

async function acknowledge(what: string, options: Options): Promise<void> {
  await connected(options, async (connection) => {
    const incidents = await named(what, connection)
    if (incidents.length === 0) throw new FlyballError('FLY-CLI-033', { what })
    const { who } = asker(connection.loaded.policy, options)
    const atMs = systemClock.nowMs()
    const said = incidents.map((incident): Acknowledgement => ({ incident, who, reason: options.reason, atMs }))
    const writer = await connection.log.writer()
    try {
      await writer.send(connection.topics.deliveries, 0, said.map(acknowledgementRecord))
    } finally {
      await writer.close()
    }
    if (options.json) return printJson({ acknowledged: said })
    for (const { incident } of said) printLine(`Acknowledged: ${incident}`)
  })
}

/** What nobody but the watchdogs notices stands on no topic, and is believed to hold. */
async function named(what: string, { log, topics, loaded: { layout } }: Connected): Promise<readonly string[]> {
  const open = [...(await openIncidents(log, topics.alerts)).values()].map(({ alert }) => alert)
  const found = open.filter(
    ({ incident, model, environment }) => incident === what || (model === what && environment === layout.environment),
  )
  if (found.length > 0) return found.map(({ incident }) => incident)
  const isWatched = WATCHDOG_CAUSES.some((cause) => what.startsWith(`${layout.environment}/`) && what.split('/').includes(cause))
  return isWatched ? [what] : []
}
