/** `flyball status`: every model's command in force, what was last decided and why it waits, and the gateways that obey. */
import type { Command } from 'commander'
import type { Ack, Decision, Command as TrafficCommand } from '../domain.ts'
import { systemClock } from '../kit/clock.ts'
import { readCommands, readDecisions, readGateways } from '../shell/topic-reads.ts'
import { type Connected, type ConnectionOptions, connected, withConnectionOptions } from './connected.ts'
import { printJson, printLine, table, weightsText } from './output.ts'
import { whyOf } from './rollout-view.ts'

interface Options extends ConnectionOptions {
  readonly watch?: true
  readonly json?: true
}

const WATCH_MS = 2000
const ACKS_LOOKED_AT = 2000
const SUMMARY_MAX = 140

export function register(program: Command): void {
  withConnectionOptions(program.command('status'))
    .description('what is in force for every model, and why')
    .option('-w, --watch', 'again every two seconds, until interrupted')
    .option('--json', 'as JSON on stdout')
    .action(statusCommand)
}

async function statusCommand(options: Options): Promise<void> {
  await connected(options, async (connection) => {
    let watching = options.watch === true
    process.once('SIGINT', () => {
      watching = false
    })
    do {
      show(await statusOf(connection), options)
      if (watching) await systemClock.sleep(WATCH_MS)
    } while (watching)
  })
}

interface ModelStatus {
  readonly model: string
  readonly mode: string
  readonly command: TrafficCommand | null
  readonly last: Decision | null
  readonly why: Decision | null
  readonly gateways: readonly Ack[]
}

export async function statusOf({ loaded, log, topics }: Connected): Promise<readonly ModelStatus[]> {
  const commands = await readCommands(log, topics.control)
  const decisions = await readDecisions(log, topics.decisions)
  const gateways = [...(await readGateways(log, topics.acks, ACKS_LOOKED_AT)).values()]
  return loaded.layout.models.map((model) => {
    const own = decisions.flatMap(({ decision }) => (decision.model === model.name ? [decision] : []))
    return {
      model: model.name,
      mode: model.plan.mode,
      command: commands.get(model.name) ?? null,
      last: own.at(-1) ?? null,
      why: whyOf(own),
      gateways: gateways.filter((gateway) => gateway.model === model.name),
    }
  })
}

function show(statuses: readonly ModelStatus[], options: Options): void {
  if (options.json) return printJson({ models: statuses })
  const rows = statuses.map(({ model, mode, command, last, why, gateways }) => [
    model,
    mode,
    weightsText(last?.weightsAfter ?? command?.weights ?? {}) || '–',
    command === null ? '–' : `${command.epoch}.${command.sequence}`,
    command === null ? '–' : obeyedText(command, gateways),
    why === null ? 'nothing decided yet' : `#${why.number} ${shortened(why.summary)}`,
  ])
  printLine(table(['MODEL', 'MODE', 'WEIGHTS', 'COMMAND', 'GATEWAYS', 'WHY'], rows))
}

/** `explain` has the whole of it. */
function shortened(summary: string): string {
  return summary.length <= SUMMARY_MAX ? summary : `${summary.slice(0, SUMMARY_MAX)} …`
}

function obeyedText(command: TrafficCommand, gateways: readonly Ack[]): string {
  const obeying = gateways.filter((gateway) => gateway.epoch === command.epoch && gateway.sequence === command.sequence)
  const expired = gateways.filter((gateway) => gateway.leaseExpired).length
  return `${obeying.length} of ${gateways.length}${expired > 0 ? `, ${expired} with expired lease` : ''}`
}
