/** `flyball audit anchors MODEL` prints a model's anchors, to be kept outside; and what `audit verify` is given to hold the chain against. */
import { readFileSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import type { KeptPoint, Vouching } from '../audit/anchors.ts'
import type { RawRecord } from '../audit/audit.ts'
import { keptPoint, keptPoints, keptText } from '../audit/kept.ts'
import { anchorOf, type ChainPoint, isAnchor } from '../kit/anchor.ts'
import { FlyballError } from '../kit/errors.ts'
import { timeText } from '../kit/iso-time.ts'
import { claimedKey, isKeyId, trustedKeyOf } from '../kit/signing.ts'
import { readRaw } from '../shell/audit-reads.ts'
import { decodeDecision, hashOfDecision } from '../wire/decisions.ts'
import { type Connected, type ConnectionOptions, connected, modelNamed, withConnectionOptions } from './connected.ts'
import { oneLine, printJson, printLine, table, tell } from './output.ts'

/** Files are read whole. */
const FILE_BYTES_MAX = 32 << 20

export interface VouchingOptions {
  /** Public keys, `FILE` or `ID=FILE`. */
  readonly trustedKeys?: readonly string[]
  /** Files, or MODEL:NUMBER:HASH. */
  readonly anchor?: readonly string[]
}

interface AnchorsOptions extends ConnectionOptions {
  readonly json?: true
}

/** One anchor, as it is printed. */
interface PrintedAnchor extends KeptPoint {
  /** Of stream time. */
  readonly day: string
  readonly judgeTimeMs: number
  readonly head: ChainPoint | null
  readonly previous: ChainPoint | null
  /** As the record has it, for whoever verifies it elsewhere; null: it is not signed. */
  readonly signature: string | null
  /** Id of the key that it claims. */
  readonly keyId: string
  readonly partition: number
  readonly offset: number
}

export function withVouching(command: Command): Command {
  return command
    .option('--trusted-keys <files...>', 'public keys that sign anchors, FILE or ID=FILE: an anchor without a good signature is a finding')
    .option('--anchor <file>', 'anchors kept outside: a file, or MODEL:NUMBER:HASH; may be given again', (text, before: string[] = []) => [
      ...before,
      text,
    ])
}

export function registerAnchors(audit: Command): void {
  withConnectionOptions(audit.command('anchors'))
    .description("a model's anchors, one for each day with news: keep one where nobody of the cluster can write")
    .argument('<model>', 'the model', notEmpty)
    .option('--json', 'as JSON on stdout')
    // Options that both have are taken by the command above.
    .action((model: string, options: AnchorsOptions) => connected(options, (connection) => print(connection, model, options)))
}

function notEmpty(text: string): string {
  if (text === '') throw new InvalidArgumentError('must name a model.')
  return text
}

/** What `verify` is given, all read before a broker is asked for anything. */
export function vouchingOf({ trustedKeys, anchor = [] }: VouchingOptions): Omit<Vouching, 'topic'> {
  return { trusted: trustedKeys?.map(keyOf) ?? null, kept: anchor.flatMap(keptIn) }
}

function keyOf(text: string) {
  const [, named = '', path = text] = /^([A-Za-z0-9._-]{1,64})=(.+)$/.exec(text) ?? []
  const keyId = named === '' ? basename(path).replace(/\.pub$/, '') : named
  if (!isKeyId(keyId)) throw new FlyballError('FLY-CLI-020', { keyId })
  return trustedKeyOf(path, keyId, null)
}

function keptIn(source: string): readonly KeptPoint[] {
  const point = keptPoint(source)
  if (point !== null) return [point]
  const refuse = (problem: string) => new FlyballError('FLY-AUDIT-005', { source, problem })
  let text: string
  try {
    if (statSync(source).size > FILE_BYTES_MAX) throw new Error(`it is longer than ${FILE_BYTES_MAX} bytes`)
    text = readFileSync(source, 'utf8')
  } catch (error) {
    throw refuse((error as Error).message)
  }
  const points = keptPoints(text)
  if (typeof points === 'string') throw refuse(points)
  return points
}

async function print({ loaded, log, topics }: Connected, model: string, options: AnchorsOptions): Promise<void> {
  const anchors: PrintedAnchor[] = []
  let decisions = 0
  const each = (record: RawRecord): void => {
    if (record.value === null || record.key?.toString() !== model) return
    decisions++
    const anchor = printed(record, record.value)
    if (anchor !== null) anchors.push(anchor)
  }
  const onDamage = (partition: number, offset: number) => tell(`warning partition ${partition}, offset ${offset} cannot be read: left out`)
  await readRaw(log, topics.decisions, each, onDamage)
  if (decisions === 0) modelNamed(loaded, model)
  if (options.json) return printJson({ model, anchors })
  const rows = anchors.map((anchor) => [anchor.day, String(anchor.number), anchor.keyId || 'nobody', oneLine(keptText(anchor))])
  printLine(table(['DAY', 'NUMBER', 'SIGNED BY', 'KEEP'], rows))
  if (anchors.length === 0) tell('no anchor yet: the first comes on the day after the first decision, in the time of the stream')
}

/** Null: it is none. Nothing is verified here. */
function printed({ partition, offset, version, signature }: RawRecord, value: Buffer): PrintedAnchor | null {
  let decision: ReturnType<typeof decodeDecision>
  try {
    decision = decodeDecision(value, version)
  } catch (error) {
    if (error instanceof FlyballError) return null
    throw error
  }
  if (!isAnchor(decision)) return null
  const { model, number, judgeTimeMs, body } = decision
  const { head = null, previous = null } = anchorOf(body) ?? {}
  const day = timeText(judgeTimeMs).slice(0, 'YYYY-MM-DD'.length)
  const claimed = { signature: signature ?? null, keyId: claimedKey(signature ?? '') }
  return { model, number, hash: hashOfDecision(value), day, judgeTimeMs, head, previous, ...claimed, partition, offset }
}
