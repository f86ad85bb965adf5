/**
 * What a judge that takes over finds on `control`, model by model: the newest command that is to be believed, and one above it that is
 * not. Who may write the topic can write any command; a key of the policy's proves whose it is.
 */
import type { Command, LogRecord } from '../domain.ts'
import type { RefusedCommand } from '../judge/unbelieved.ts'
import type { FlyballError } from '../kit/errors.ts'
import { SIGNATURE_HEADER, type TrustedKey, verified } from '../kit/signing.ts'
import { encodeCommand } from '../wire/control.ts'
import { commandsIn, isLower, lastCommands, type PlacedCommand } from './topic-reads.ts'

export interface Found {
  readonly adopted: Command | null
  readonly refused: RefusedCommand | null
}

export interface Place {
  readonly topic: string
  readonly environment: string
  readonly wallMs: number
}

export const NOTHING_FOUND: Found = { adopted: null, refused: null }

/** Signatures tried for one model. Whoever writes more commands than that hides what lies below them: then nothing is adopted. */
const TRIED_MAX = 1000

/** `known`: what the state holds of each model; it was ours, signed or not. `keys`: null, where nobody signs: then all is believed. */
export function foundCommands(
  records: readonly LogRecord[],
  known: readonly Command[],
  keys: readonly TrustedKey[] | null,
  place: Place,
  problem: (problem: FlyballError) => void,
): ReadonlyMap<string, Found> {
  if (keys === null) {
    const adopted = [...lastCommands(records, problem)]
    return new Map(adopted.map(([model, command]) => [model, { adopted: command, refused: null }]))
  }
  const oursOf = new Map(known.map((command) => [command.model, command]))
  const byModel = new Map<string, PlacedCommand[]>()
  for (const placed of commandsIn(records, problem)) {
    const { model } = placed.command
    const ours = oursOf.get(model)
    // What is below the command in force moves nobody.
    if (ours !== undefined && isLower(placed.command, ours)) continue
    const found = byModel.get(model)
    if (found === undefined) byModel.set(model, [placed])
    else found.push(placed)
  }
  const doubt = (record: LogRecord): string => doubtOf(record, keys, place)
  return new Map([...byModel].map(([model, found]) => [model, believed(found, oursOf.get(model), doubt)]))
}

/** From the highest down to the first one that is to be believed, and whatever bears the same numbers as that. */
function believed(found: readonly PlacedCommand[], ours: Command | undefined, doubt: (record: LogRecord) => string): Found {
  const known = ours === undefined ? null : encodeCommand(ours)
  let adopted: PlacedCommand | null = null
  const refused: (PlacedCommand & { readonly why: string })[] = []
  for (const placed of highestFirst(found).slice(0, TRIED_MAX)) {
    if (adopted !== null && isLower(placed.command, adopted.command)) break
    const why = known?.equals(placed.record.value!) ? '' : doubt(placed.record)
    if (why === '') adopted ??= placed
    else refused.push({ ...placed, why })
  }
  const isSame = ({ record }: PlacedCommand): boolean => adopted?.record.value?.equals(record.value!) === true
  const other = refused.find((each) => !isSame(each))
  const { epoch = 0, sequence = 0 } = other?.command ?? {}
  return { adopted: adopted?.command ?? null, refused: other === undefined ? null : { epoch, sequence, why: other.why } }
}

/** Each once, however often it was repeated. */
function highestFirst(found: readonly PlacedCommand[]): readonly PlacedCommand[] {
  const once = new Map(found.map((placed) => [`${headerOf(placed.record)} ${placed.record.value!.toString('base64')}`, placed]))
  return [...once.values()]
    .reverse()
    .sort((one, other) => Number(isLower(one.command, other.command)) - Number(isLower(other.command, one.command)))
}

/** Empty: none. */
function doubtOf(record: LogRecord, keys: readonly TrustedKey[], { topic, environment, wallMs }: Place): string {
  const signed = { topic, key: record.key?.toString() ?? '', environment, value: record.value! }
  const found = verified(keys, headerOf(record), signed, wallMs)
  return 'why' in found ? found.why : ''
}

function headerOf({ headers }: LogRecord): string | undefined {
  return headers.find(([name]) => name === SIGNATURE_HEADER)?.[1].toString()
}
