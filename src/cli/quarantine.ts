/** `flyball quarantine list` and `release MODEL`: candidates that were rolled back, and the way back for one. */
import type { Command } from 'commander'
import { isoTime } from '../kit/iso-time.ts'
import { readDecisions } from '../shell/topic-reads.ts'
import { asking } from './asking.ts'
import { type ConnectionOptions, connected, withConnectionOptions } from './connected.ts'
import { printJson, printLine, table } from './output.ts'
import { quarantineOf } from './rollout-view.ts'

interface Options extends ConnectionOptions {
  readonly json?: true
}

export function register(program: Command): void {
  const quarantine = program.command('quarantine').description('candidates that were rolled back')
  withConnectionOptions(quarantine.command('list'))
    .description('which candidates are quarantined, since when and why')
    .option('--json', 'as JSON on stdout')
    .action(list)
  asking(quarantine.command('release'), 'release').description(
    'end the quarantine of a candidate: its rollout begins anew at the first rung',
  )
}

async function list(options: Options): Promise<void> {
  await connected(options, async ({ loaded, log, topics }) => {
    const decisions = (await readDecisions(log, topics.decisions)).map(({ decision }) => decision)
    const quarantined = loaded.layout.models.flatMap((model) => {
      const since = quarantineOf(
        decisions.filter((decision) => decision.model === model.name),
        model,
      )
      return since === null ? [] : [{ model: model.name, candidate: model.versions[model.candidate]!, since }]
    })
    if (options.json) return printJson({ quarantined })
    if (quarantined.length === 0) return printLine('nothing is quarantined')
    const rows = quarantined.map(({ model, candidate, since }) => [
      model,
      candidate,
      isoTime(since.judgeTimeMs),
      `#${since.number} ${since.summary}`,
    ])
    printLine(table(['MODEL', 'CANDIDATE', 'SINCE', 'DECISION'], rows))
  })
}
