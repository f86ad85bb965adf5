/** `flyball quarantine list`, `add MODEL` and `release MODEL`: artifacts that get no exposure, and the way back for one. */
import type { Command } from 'commander'
import { isoTime } from '../kit/iso-time.ts'
import { readDecisions } from '../shell/topic-reads.ts'
import { artifact } from './arguments.ts'
import { type AskOptions, askFor, withAskOptions } from './asking.ts'
import { type ConnectionOptions, connected, withConnectionOptions } from './connected.ts'
import { printJson, printLine, table } from './output.ts'
import { quarantineListOf } from './quarantine-view.ts'

interface ListOptions extends ConnectionOptions {
  readonly json?: true
}

interface Options extends AskOptions {
  readonly artifact?: string
}

const ARTIFACT = '--artifact <digest>'

export function register(program: Command): void {
  const quarantine = program.command('quarantine').description('artifacts that get no exposure until a person releases them')
  withConnectionOptions(quarantine.command('list'))
    .description('which artifacts are quarantined for each model, by whom, since when and why')
    .option('--json', 'as JSON on stdout')
    .action(list)
  withAskOptions(quarantine.command('add'))
    .description('keep an artifact from all exposure of a model; what it has is rolled back')
    .option(ARTIFACT, "like sha256:9f86d0…, or version:NAME; left out: the candidate's", artifact)
    .action((name: string, options: Options) => askFor('quarantine', name, withSubject(options)))
  withAskOptions(quarantine.command('release'))
    .description('end a quarantine; a rolled-back candidate begins anew at its first stage')
    .option(ARTIFACT, "left out: the candidate's", artifact)
    .action((name: string, options: Options) => askFor('release', name, withSubject(options)))
}

function withSubject({ artifact, ...options }: Options): AskOptions {
  return { ...options, ...(artifact === undefined ? {} : { subject: artifact }) }
}

async function list(options: ListOptions): Promise<void> {
  await connected(options, async ({ loaded, log, topics }) => {
    const decisions = (await readDecisions(log, topics.decisions)).map(({ decision }) => decision)
    const quarantined = loaded.layout.models.flatMap((model) =>
      quarantineListOf(
        decisions.filter((decision) => decision.model === model.name),
        model,
      ).map((entry) => ({ model: model.name, ...entry })),
    )
    if (options.json) return printJson({ quarantined })
    if (quarantined.length === 0) return printLine('nothing is quarantined')
    const rows = quarantined.map(({ model, artifact, who, sinceMs, reason, number }) => [
      model,
      artifact,
      who,
      isoTime(sinceMs),
      reason,
      `#${number}`,
    ])
    printLine(table(['MODEL', 'ARTIFACT', 'BY', 'SINCE', 'WHY', 'DECISION'], rows))
  })
}
