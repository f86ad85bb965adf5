/** `flyball lineage VERSION`: where it came from and what became of it; `--publish FILE` tells Flyball of a version. */
import { readFileSync } from 'node:fs'
import { type Command, InvalidArgumentError } from 'commander'
import { type Lineage, lineageOf, modelsWith } from '../audit/lineage.ts'
import { type VersionRecord, versionRecordOf } from '../audit/version-record.ts'
import { drilledBy } from '../kit/drill-name.ts'
import { FlyballError } from '../kit/errors.ts'
import { partitionOf } from '../kit/hash.ts'
import { timeText } from '../kit/iso-time.ts'
import { readDecisions, readRequests, readVersionRecords } from '../shell/topic-reads.ts'
import { modelKey } from '../wire/keys.ts'
import { type Connected, type ConnectionOptions, connected, withConnectionOptions } from './connected.ts'
import { oneLine, printJson, printLine, tell } from './output.ts'

interface Options extends ConnectionOptions {
  readonly model?: string
  readonly publish?: string
  readonly json?: true
}

export function register(program: Command): void {
  withConnectionOptions(program.command('lineage'))
    .description('where a version came from and what became of it: data, features, training run, artifact, parents, decisions, people')
    .argument('[version]', 'as predictions name it', notEmpty)
    .option('--model <model>', 'where several models have such a version')
    .option('--publish <file>', 'check a version record (JSON, schemas/versions.schema.json) and write it to the versions topic')
    .option('--json', 'as JSON on stdout')
    .action((version: string | undefined, options: Options) => {
      if ((version === undefined) === (options.publish === undefined)) throw new FlyballError('FLY-LINEAGE-004', {})
      // Faults in a file are told before anybody is connected to.
      const record = options.publish === undefined ? null : recordIn(options.publish)
      return connected(options, (connection) =>
        record === null ? show(connection, version!, options) : publish(connection, record, options),
      )
    })
}

function notEmpty(text: string): string {
  if (text === '') throw new InvalidArgumentError('must name a version.')
  return text
}

function recordIn(file: string): VersionRecord {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (error) {
    throw new FlyballError('FLY-LINEAGE-002', { source: file, problem: (error as Error).message })
  }
  return versionRecordOf(bytes, file)
}

async function publish({ log, topics, loaded }: Connected, record: VersionRecord, { json }: Options): Promise<void> {
  const partitions = (await log.admin.topics([topics.versions])).get(topics.versions)
  if (partitions === undefined) throw new FlyballError('FLY-KAFKA-005', { topic: topics.versions, partition: 0 })
  const key = modelKey(record.model)
  const partition = partitionOf(Buffer.from(record.model), partitions)
  const writer = await log.writer()
  try {
    const { baseOffset } = await writer.send(topics.versions, partition, [{ key, value: Buffer.from(JSON.stringify(record)) }])
    if (!loaded.layout.models.some(({ name }) => name === record.model)) tell(`warning the policy has no model ${record.model}`)
    if (json) printJson({ topic: topics.versions, partition, offset: baseOffset, record })
    else printLine(oneLine(`published ${record.model} ${record.version} (${topics.versions}/${partition}, offset ${baseOffset})`))
  } finally {
    await writer.close()
  }
}

async function show({ log, topics }: Connected, version: string, { model: asked, json }: Options): Promise<void> {
  const sources = {
    records: await readVersionRecords(log, topics.versions, (problem) => tell(`warning ${problem}`)),
    decisions: (await readDecisions(log, topics.decisions)).map(({ decision }) => decision),
    requests: await readRequests(log, topics.requests),
  }
  // What a drill's shadow did with a version is a rehearsal: told when it is asked for.
  const models = modelsWith(version, sources).filter((model) => (asked === undefined ? drilledBy(model) === null : model === asked))
  if (models.length > 1) throw new FlyballError('FLY-LINEAGE-003', { version, models: models.join(', ') })
  const [model] = models
  if (model === undefined) throw new FlyballError('FLY-LINEAGE-001', { version: asked === undefined ? version : `${version} of ${asked}` })
  const found = lineageOf(model, version, sources)
  if (json) printJson(found)
  else for (const line of lineageLines(found)) printLine(line)
}

// ── in lines ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

const MOVES_MAX = 20

/** Lines for people. */
export function lineageLines(lineage: Lineage): readonly string[] {
  const { model, version, record, missing, conflicts, ancestors, people } = lineage
  const parents = ancestors.flatMap(({ version: parent, record: of }, at) => [
    `${'  '.repeat(at)}${row('parent', parent)}${of === null ? '  (nobody has published a record of it)' : ''}`,
    ...(of === null ? [] : recordLines(of).map((line) => `${'  '.repeat(at + 1)}${line}`)),
  ])
  const lines = [
    `${model} ${version}`,
    ...(record === null ? [] : recordLines(record)),
    ...conflicts.map((conflict) => row('conflict', conflict)),
    ...(missing.length === 0 ? [] : [row('not told', missing.join(', '))]),
    ...(record !== null && record.parent === undefined ? [row('parent', 'none named')] : []),
    ...parents,
    ...decisionLines(lineage),
    ...(people.length === 0 ? [row('people', 'none on record')] : []),
    ...people.map(({ who, did, atMs }) => row('person', `${Number.isFinite(atMs) ? timeText(atMs) : 'no time told'}  ${who} ${did}`)),
  ]
  return lines.map(oneLine)
}

function row(title: string, words: string): string {
  return `  ${title.padEnd(13)}${words}`
}

function recordLines({
  datasets,
  featureSet,
  trainingRun,
  artifact,
  plan,
  createdBy,
  createdAt,
  facets,
}: VersionRecord): readonly string[] {
  const { runId, job, code, startedAt } = trainingRun ?? {}
  const run = [runId, job && `job ${job.namespace}/${job.name}`, code && `code ${code}`, startedAt && `began ${startedAt}`]
  const by = [createdBy && `by ${createdBy}`, createdAt && `at ${createdAt}`]
  const features = featureSet && `${versioned(featureSet.name, featureSet.version)}, ${featureSet.features.length} features listed`
  const told = (title: string, words: string | undefined) => (words === undefined || words === '' ? [] : [row(title, words)])
  return [
    ...told('artifact', artifact),
    ...datasets.map((data) =>
      row('data', `${data.namespace} ${versioned(data.name, data.version)}${data.digest ? `, ${data.digest}` : ''}`),
    ),
    ...told('feature set', features),
    ...told('training run', run.filter(Boolean).join(', ')),
    ...told('plan', plan),
    ...told('made', by.filter(Boolean).join(' ')),
    ...told('facets', facets && JSON.stringify(facets)),
  ]
}

function versioned(name: string, version: string | undefined): string {
  return version === undefined ? name : `${name}@${version}`
}

/** Moves and what people did; the rest is counted, and whole in JSON. */
function decisionLines({ decisions }: Lineage): readonly string[] {
  if (decisions.length === 0) return [row('decisions', 'none about it')]
  const told = decisions.filter(
    ({ verdict, weightsBefore, weightsAfter, requestId }) =>
      requestId !== null || verdict.kind === 'recorded' || JSON.stringify(weightsBefore) !== JSON.stringify(weightsAfter),
  )
  const shown = told.slice(-MOVES_MAX)
  const others = decisions.length - shown.length
  return [
    ...shown.map(({ number, judgeTimeMs, summary }) => row('decision', `${timeText(judgeTimeMs)}  #${number} ${summary}`)),
    ...(others === 0 ? [] : [row('', `${others} more decisions about it: flyball lineage --json, flyball explain`)]),
  ]
}
