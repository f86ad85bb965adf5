/** `flyball alerts acknowledge`: somebody has taken an incident, and everybody who was told of it is told of that. */
import type { Command } from 'commander'
import type { Acknowledgement } from '../domain.ts'
import { systemClock } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import { openIncidents } from '../shell/topic-reads.ts'
import { acknowledgementRecord } from '../wire/deliveries.ts'
import { said } from './arguments.ts'
import { asker } from './asking.ts'
import { type ConnectionOptions, connected, withConnectionOptions } from './connected.ts'
import { incidentsMeant } from './incident-names.ts'
import { printJson, printLine } from './output.ts'

interface Options extends ConnectionOptions {
  readonly reason: string
  readonly json?: true
}

export function register(alerts: Command): void {
  withConnectionOptions(alerts.command('acknowledge'))
    .description('say that you have taken an incident, or all incidents of a model')
    .argument('<incident>', 'as `alerts list` shows it; or a model: whatever of it holds')
    .requiredOption('--reason <text>', 'what is done about it; shown to whoever was told', said)
    .option('--json', 'what was acknowledged, as JSON on stdout')
    .action(acknowledge)
}

async function acknowledge(what: string, options: Options): Promise<void> {
  await connected(options, async ({ log, topics, loaded: { layout, policy } }) => {
    const meant = incidentsMeant(what, (await openIncidents(log, topics.alerts)).values(), layout.environment)
    if (meant.length === 0) throw new FlyballError('FLY-CLI-033', { what })
    const { who } = asker(policy, options)
    // It began by another clock, which may be ahead of this one.
    const taken = meant.map(({ incident, sinceMs }): Acknowledgement => {
      return { incident, who, reason: options.reason, atMs: Math.max(sinceMs, systemClock.nowMs()) }
    })
    const writer = await log.writer()
    try {
      await writer.send(topics.deliveries, 0, taken.map(acknowledgementRecord))
    } finally {
      await writer.close()
    }
    const listed = taken.filter((_, index) => meant[index]!.isListed)
    if (options.json) return printJson({ acknowledged: listed })
    for (const { incident } of listed) printLine(`Acknowledged: ${incident}`)
  })
}
