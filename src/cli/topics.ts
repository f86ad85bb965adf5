/** `flyball topics`: the topics Flyball owns, as they are made; `--create` makes those that are missing. Inputs are the user's and are only looked at. */
import { type Command, Option } from 'commander'
import type { LogAdmin } from '../kafka/contract.ts'
import { ROLES } from '../kit/rights.ts'
import { type OwnTopic, ownTopics, rekeyTopics } from '../kit/topics.ts'
import type { LoadedPolicy } from '../policy/load.ts'
import { durationText } from '../policy/units.ts'
import { addPrincipal, type PrincipalOptions, printRules } from './acls.ts'
import { positiveNumber } from './arguments.ts'
import { type ConnectionOptions, loadedPolicy, openLog, withConnectionOptions } from './connected.ts'
import { printJson, printLine, table, tell } from './output.ts'

interface Options extends ConnectionOptions, PrincipalOptions {
  readonly create?: true
  readonly acls?: true
  readonly inputPartitions?: number
  readonly json?: true
}

export function register(program: Command): void {
  withConnectionOptions(program.command('topics'))
    .description('print the topics Flyball owns and who must be allowed what, or create those that are missing')
    .option('--create', 'create what is missing')
    .option('--input-partitions <count>', 'partitions of the predictions topic, where the broker is not to be asked', positiveNumber)
    .addOption(
      new Option('--acls', 'print the least that each role must be allowed, as commands of kafka-acls.sh; changes nothing').conflicts(
        'create',
      ),
    )
    .addOption(new Option('--role <role>', 'with --acls: this role only').choices(ROLES))
    .addOption(
      new Option('--principal <principal>', 'with --acls: User:NAME, or ROLE=User:NAME, more than once')
        .argParser(addPrincipal)
        .default({}, 'User:flyball-ROLE'),
    )
    .option('--json', 'the list as JSON on stdout')
    .action(topicsCommand)
}

async function topicsCommand(options: Options): Promise<void> {
  const loaded = loadedPolicy(options)
  if (options.acls) return printRules(loaded, options)
  if (!options.create) return print(specsFor(loaded, options.inputPartitions), new Set(), options)
  await withAdmin(loaded, options, async (admin) => {
    const inputPartitions = await askInputPartitions(admin, loaded)
    const specs = specsFor(loaded, inputPartitions)
    print(specs, new Set(await admin.create(specs)), options)
  })
}

function specsFor({ policy }: LoadedPolicy, inputPartitions = policy.kafka.partitions): readonly OwnTopic[] {
  const { prefix, partitions } = policy.kafka
  return [
    ...ownTopics(prefix, partitions, inputPartitions),
    ...(policy.inputs.predictions.rekey ? rekeyTopics(prefix, inputPartitions) : []),
  ]
}

async function withAdmin(loaded: LoadedPolicy, options: Options, work: (admin: LogAdmin) => Promise<void>): Promise<void> {
  const log = await openLog(loaded, options)
  try {
    await work(log.admin)
  } finally {
    await log.close()
  }
}

/** Says which inputs are not there yet: they are the user's, and never made here. */
async function askInputPartitions(admin: LogAdmin, { policy }: LoadedPolicy): Promise<number | undefined> {
  const inputs = Object.values(policy.inputs).filter((input) => input !== undefined)
  const existing = await admin.topics(inputs.map(({ topic }) => topic))
  for (const input of inputs) {
    if (!existing.has(input.topic)) tell(`warning the input topic ${input.topic} does not exist`)
  }
  return existing.get(policy.inputs.predictions.topic)
}

function print(specs: readonly OwnTopic[], created: ReadonlySet<string>, options: Options): void {
  if (options.json) {
    const list = specs.map((spec) => (options.create ? { ...spec, created: created.has(spec.topic) } : spec))
    printJson({ topics: list })
    return
  }
  const rows = specs.map(({ topic, partitions, config }) => {
    const retentionMs = config['retention.ms']
    const kept = retentionMs === undefined ? 'last per key' : durationText(Number(retentionMs))
    return [
      topic,
      String(partitions),
      config['cleanup.policy'] ?? 'delete',
      kept,
      ...(options.create ? [created.has(topic) ? 'created' : 'exists'] : []),
    ]
  })
  printLine(table(['TOPIC', 'PARTITIONS', 'CLEANUP', 'KEPT', ...(options.create ? ['STATE'] : [])], rows))
}
