/**
 * `flyball baseline`: records what healthy traffic looks like, as a profile that guardrails without a control compare with, or as bins
 * to paste into the policy.
 */
import { writeFileSync } from 'node:fs'
import { type Command, InvalidArgumentError } from 'commander'
import type { DropReason } from '../domain.ts'
import { isoTimeMs } from '../ingest/meaning.ts'
import type { EventLog } from '../kafka/contract.ts'
import { FlyballError } from '../kit/errors.ts'
import type { Layout } from '../policy/layout.ts'
import { type LoadedPolicy, loadPolicyAlone } from '../policy/load.ts'
import { EVERY_VERSION, type Profile } from '../policy/profile.ts'
import { positiveNumber } from './arguments.ts'
import { rowsOf } from './baseline-input.ts'
import { type RecordedRow, Recorder, type Refused } from './baseline-recorder.ts'
import { type ConnectionOptions, openLog, withConnectionOptions } from './connected.ts'
import { printJson, printLine, table, tell } from './output.ts'

interface Options extends ConnectionOptions {
  readonly topic?: true
  readonly from?: number
  readonly limit: number
  readonly out?: string
  readonly edges?: true
  readonly skipBad?: true
  readonly json?: true
}

const LIMIT = 1_000_000
const OUT = 'flyball-profile.json'
/** Other models and versions in a sample are no fault of its lines. */
const NOT_OURS: readonly DropReason[] = ['unknown-model', 'unknown-version']

export function register(program: Command): void {
  withConnectionOptions(program.command('baseline'))
    .description('record a profile of healthy traffic, or suggest bins for features')
    .argument('[file]', 'predictions as JSON lines, or as CSV (.csv) whose header names the fields')
    .option('--topic', "read the policy's predictions topic instead of a file")
    .option('--from <time>', 'with --topic: records at or after this time (ISO 8601)', timeText)
    .option('--limit <count>', 'with --topic: at most so many of the newest records of each partition', positiveNumber, LIMIT)
    .option('-o, --out <file>', `where to write the profile (default: ${OUT}; with --edges: not written)`)
    .option('--edges', 'print a features: block with quantile edges and frequent values')
    .option('--skip-bad', 'leave out lines that cannot be used')
    .option('--json', 'the profile as JSON on stdout')
    .action((file: string | undefined, options: Options) => baseline(file, options))
}

async function baseline(file: string | undefined, options: Options): Promise<void> {
  if ((file === undefined) === (options.topic === undefined)) {
    throw new FlyballError('FLY-CLI-012', { problem: file === undefined ? 'no input is named' : 'a file and --topic exclude each other' })
  }
  // The policy may name the very profile that is about to be written.
  const loaded = loadPolicyAlone(options.policy)
  for (const warning of loaded.warnings) tell(`warning ${warning}`)
  const profile = file === undefined ? await fromTopic(loaded, options) : await fromFile(file, loaded, options)
  if (profile.rows === 0) throw new FlyballError('FLY-CLI-011', { source: profile.source })
  const out = options.out ?? (options.edges ? undefined : OUT)
  for (const { model, hourOfWeek } of out === undefined ? [] : profile.models) {
    if (hourOfWeek.every((count) => count === 0)) {
      tell(
        `warning ${model}: no hour of the week is known from ${profile.from ?? 'no time'} to ${profile.to ?? 'no time'}: no forecast for volume`,
      )
    }
  }
  if (out !== undefined) write(out, profile)
  if (options.json) printJson(profile)
  else if (options.edges) for (const line of edgesText(profile)) printLine(line)
  else for (const line of summaryOf(profile, out!)) printLine(line)
}

async function fromFile(file: string, loaded: LoadedPolicy, { skipBad }: Options): Promise<Profile> {
  // Whatever the topic holds, a file holds JSON.
  const layout: Layout = { ...loaded.layout, predictions: { ...loaded.layout.predictions, format: 'json' } }
  const recorder = new Recorder(layout, mappedFeatures(loaded), ({ place, reason, detail }: Refused) => {
    if (skipBad || (reason !== null && NOT_OURS.includes(reason))) return
    throw new FlyballError('FLY-CLI-010', { file, line: place, problem: reason === null ? detail : `${reason}: ${detail}` })
  })
  for await (const row of rowsOf(file, layout.predictions, layout.recordBytesMax)) {
    if ('value' in row) await recorder.add({ value: row.value, timestampMs: -1, place: row.line })
    else await recorder.refuse({ place: row.line, reason: null, detail: row.problem })
  }
  return recorder.profile(file)
}

async function fromTopic(loaded: LoadedPolicy, options: Options): Promise<Profile> {
  const log = await openLog(loaded, options)
  try {
    return await recordTopic(log, loaded, { fromMs: options.from ?? 0, limit: options.limit })
  } finally {
    await log.close()
  }
}

/** Records of the predictions topic at or after `fromMs`, of each partition at most the newest `limit`. */
export async function recordTopic(
  log: EventLog,
  loaded: LoadedPolicy,
  { fromMs, limit }: { readonly fromMs: number; readonly limit: number },
): Promise<Profile> {
  const { topic } = loaded.layout.predictions
  const recorder = new Recorder(loaded.layout, mappedFeatures(loaded), () => {})
  const reader = log.reader()
  try {
    for (const { partition, start, end } of await log.admin.offsets(topic)) {
      // In pieces, so that a million records do not lie in memory at once.
      for (let from = Math.max(start, end - limit); from < end; from += PIECE) {
        const rows: RecordedRow[] = []
        await reader.readRange(topic, partition, from, Math.min(end, from + PIECE), ({ value, timestampMs, offset }) => {
          if (timestampMs < fromMs) return
          if (value === null) recorder.rejected += 1
          else rows.push({ value, timestampMs, place: offset })
        })
        for (const row of rows) await recorder.add(row)
      }
    }
  } finally {
    await reader.close()
  }
  return recorder.profile(`topic ${topic}`)
}

const PIECE = 10_000

function mappedFeatures({ policy }: LoadedPolicy): readonly string[] {
  return Object.entries(policy.inputs.predictions.features ?? {}).flatMap(([name, spec]) => {
    const path = typeof spec === 'string' ? spec : typeof spec.path === 'string' ? spec.path : spec.path.join('.')
    return `${name}=${path.replace(/^\$\./, '')}`
  })
}

function write(file: string, profile: Profile): void {
  try {
    writeFileSync(file, `${JSON.stringify(profile)}\n`)
  } catch (error) {
    throw new FlyballError('FLY-CLI-002', { file, problem: (error as Error).message }, { cause: error })
  }
}

function summaryOf(profile: Profile, out: string): readonly string[] {
  const span = profile.from === null ? 'without times' : `${profile.from} to ${profile.to}`
  const rows = profile.models.flatMap((model) =>
    model.versions.map((version) => [
      model.model,
      version.version === EVERY_VERSION ? 'all' : version.version,
      version.rows.toLocaleString('en-US'),
      version.errorRate === null ? '–' : `${Number((100 * version.errorRate).toPrecision(3))} %`,
      String(version.blocks.filter((block) => block.id.startsWith('feature:')).length),
      version.version === EVERY_VERSION ? String(model.hourOfWeek.filter((count) => count > 0).length) : '',
    ]),
  )
  return [
    `${out}: ${profile.rows.toLocaleString('en-US')} rows of ${profile.source}, ${profile.rejected} left out, ${span}`,
    table(['MODEL', 'VERSION', 'ROWS', 'ERRORS', 'FEATURES', 'HOURS OF THE WEEK'], rows),
  ]
}

/** Ready to paste below a model. JSON is YAML, so names and labels are written as JSON. */
function edgesText(profile: Profile): readonly string[] {
  return profile.models.flatMap((model) => {
    const lines = model.suggestions.map(({ feature, edges, values }) => {
      const bins =
        edges === undefined ? `values: [${values!.map((value) => JSON.stringify(value)).join(', ')}]` : `edges: [${edges.join(', ')}]`
      return `  ${/^[A-Za-z_][\w-]*$/.test(feature) && !YAML_WORDS.test(feature) ? feature : JSON.stringify(feature)}: { ${bins} }`
    })
    return [`# ${model.model}, from ${model.rows} rows`, ...(lines.length === 0 ? ['features: {}'] : ['features:', ...lines])]
  })
}

/** Names that YAML would take for something else. */
const YAML_WORDS = /^(true|false|yes|no|on|off|null|y|n)$/i

function timeText(text: string): number {
  const timeMs = isoTimeMs(text)
  if (!Number.isFinite(timeMs)) throw new InvalidArgumentError('must be a time such as 2024-05-01T00:00:00Z.')
  return timeMs
}
