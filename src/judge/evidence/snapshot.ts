/**
 * Snapshots: the whole evidence as bytes, and back, bit for bit.
 * A version byte, then deflated: length of the JSON part, JSON, every Float64Array in order of appearance, little-endian.
 * In the JSON a Float64Array is `{"$f": length}`, a number that JSON has no word for is `{"$n": "NaN"}`.
 * Evidence whose meaning has changed since (another digest, another block hash) is left out when it is read.
 */
import { endianness } from 'node:os'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { ALL_SCOPE, type Guardrail, type ModelLayout } from '../../policy/layout.ts'
import { isBinned, latencyKey } from './events.ts'
import { memoryMeant } from './memory.ts'
import { isUntouched } from './series.ts'
import type { ChainStrata, EvidenceState, OpenPane, OpenStratum, Series } from './state.ts'
import { steadyStillMeant } from './steady/steady.ts'
import { blocksOf, EMPTY_STRATA } from './strata.ts'
import { bucketKey, unitBlocksIn } from './units.ts'

const FORMAT = 1

export function encodeState(state: EvidenceState): Buffer {
  const arrays: Float64Array[] = []
  const json = Buffer.from(written(withoutUntouched(state), arrays), 'utf8')
  const doubles = arrays.reduce((sum, array) => sum + array.length, 0)
  const bytes = Buffer.allocUnsafe(4 + json.length + doubles * 8)
  bytes.writeUInt32LE(json.length, 0)
  json.copy(bytes, 4)
  let at = 4 + json.length
  for (const array of arrays) at = writeDoubles(bytes, array, at)
  return Buffer.concat([Buffer.from([FORMAT]), deflateRawSync(bytes, { level: 1 })])
}

/**
 * A series that has seen nothing is found anew where it is read, by the layout, so it need not be stored: of a model with many segments
 * that is most of them. Thresholds belong to series that are stored (`stillMeant`).
 */
function withoutUntouched(state: EvidenceState): EvidenceState {
  const touched = (series: EvidenceState['series']) =>
    only(series, (key) => !isUntouched(series[key]!) || series[key]!.guardrail in state.thresholdBins)
  return { ...state, series: touched(state.series), tempered: touched(state.tempered) }
}

/** `fresh` is the empty evidence of this layout: what the snapshot cannot say any more begins there. */
export function decodeState(bytes: Buffer, fresh: EvidenceState, model: ModelLayout): EvidenceState {
  if (bytes[0] !== FORMAT) throw new Error(`evidence snapshot of format ${bytes[0]}, this version reads ${FORMAT}`)
  const plain = inflateRawSync(bytes.subarray(1))
  const jsonEnd = 4 + plain.readUInt32LE(0)
  const reader = { bytes: plain, at: jsonEnd }
  const state = read(JSON.parse(plain.toString('utf8', 4, jsonEnd)), reader) as EvidenceState
  return stillMeant(state, fresh, model)
}

// ── what still means the same ──────────────────────────────────────────────────────────────────────────────────────────────

function stillMeant(state: EvidenceState, fresh: EvidenceState, model: ModelLayout): EvidenceState {
  const series = sameMeaning(state.series, fresh.series)
  const isKept = (guardrail: Guardrail) => series[`${guardrail.name}|__all__`] !== fresh.series[`${guardrail.name}|__all__`]
  const kept = new Set(model.plan.guardrails.filter(isKept).map((guardrail) => guardrail.name))
  return {
    ...state,
    blockHashes: fresh.blockHashes,
    segmentReads: fresh.segmentReads ?? {},
    series,
    tempered: sameMeaning(state.tempered ?? {}, fresh.tempered),
    populations: state.populations ?? [],
    rests: {
      series: sameMeaning(state.rests?.series ?? {}, fresh.rests.series),
      tempered: sameMeaning(state.rests?.tempered ?? {}, fresh.rests.tempered),
    },
    units: unitsMeant(state.units ?? {}, model),
    chains: chainsMeant(state, fresh),
    gates: { ...fresh.gates, ...state.gates },
    steady: steadyStillMeant(state.steady, fresh.steady),
    memory: memoryMeant(state, fresh),
    thresholdBins: only(state.thresholdBins, (name) => kept.has(name)),
    controlLatency: only(state.controlLatency, (key) => latencyKeys(model).some((start) => key.startsWith(start))),
  }
}

function sameMeaning(stored: EvidenceState['series'], fresh: EvidenceState['series']): Record<string, Series> {
  const series: Record<string, Series> = {}
  for (const [key, empty] of Object.entries(fresh)) {
    const known = stored[key]
    series[key] = known && known.digest === empty.digest ? known : empty
  }
  return series
}

/** Unit buckets of definitions that still hold. A placebo once convicted stays so: it was about the users. */
function unitsMeant(units: EvidenceState['units'], model: ModelLayout): EvidenceState['units'] {
  const kept = Object.entries(units).filter(([chain]) => unitBlocksIn(model, chain).length > 0)
  return Object.fromEntries(
    kept.map(([chain, each]) => {
      const keys = new Set(unitBlocksIn(model, chain).map(bucketKey))
      return [chain, { ...each, whole: only(each.whole, (key) => keys.has(key)), stage: only(each.stage, (key) => keys.has(key)) }]
    }),
  )
}

function latencyKeys(model: ModelLayout): readonly string[] {
  const chains = ['exposure', 'described', ...model.horizons.map((horizon) => horizon.chain)]
  const blocks = chains.flatMap((chain) => blocksOf(model, chain)).filter(isBinned)
  return blocks.map((block) => latencyKey(block, ''))
}

/**
 * Open panes keep the blocks whose hash is still the layout's. Where more of a segment is read now than they kept of it, they say nothing of
 * that segment: counts of a part of a stratum's requests would be compared with those of all.
 */
function chainsMeant(state: EvidenceState, fresh: EvidenceState): EvidenceState['chains'] {
  const chains: Record<string, ChainStrata> = {}
  for (const [chain, strata] of Object.entries(state.chains)) {
    const isSame = (id: string) => state.blockHashes[`${chain}|${id}`] === fresh.blockHashes[`${chain}|${id}`]
    const isWhole = (scope: string) => {
      const kept = scope === ALL_SCOPE ? undefined : (state.segmentReads?.[`${chain}|${scope}`] ?? (state.segmentReads && []))
      return kept === undefined || (fresh.segmentReads?.[`${chain}|${scope}`] ?? []).every((id) => kept.includes(id))
    }
    const ofPane = (pane: OpenPane): OpenPane => ({
      ...pane,
      cells: pane.cells.map((cell) => ({
        ...cell,
        population: cell.population ?? 'all',
        blocks: isWhole(cell.scope) ? cell.blocks.filter(([id]) => isSame(id)) : [],
      })),
    })
    const ofStratum = (stratum: OpenStratum): OpenStratum => ({ ...stratum, panes: stratum.panes.map(ofPane) })
    const open = Object.fromEntries(Object.entries(strata.open).map(([source, stratum]) => [source, ofStratum(stratum)]))
    chains[chain] = { ...EMPTY_STRATA, ...strata, open, pools: strata.pools.map(ofStratum) }
  }
  return chains
}

function only<T>(record: Readonly<Record<string, T>>, holds: (key: string) => boolean): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([key]) => holds(key)))
}

// ── plain data to JSON and doubles, and back ───────────────────────────────────────────────────────────────────────────────

/** JSON as `JSON.stringify` writes it, but for arrays and numbers of ours: written down at once, since every decision stores the whole state. */
function written(value: unknown, arrays: Float64Array[]): string {
  if (typeof value === 'number') return numberWritten(value)
  if (typeof value === 'string') return quoted(value)
  if (value === undefined) return 'null'
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (value instanceof Float64Array) {
    arrays.push(value)
    return `{"$f":${value.length}}`
  }
  return Array.isArray(value) ? arrayWritten(value, arrays) : objectWritten(value, arrays)
}

function numberWritten(value: number): string {
  if (Object.is(value, -0)) return '{"$n":"-0"}'
  return Number.isFinite(value) ? `${value}` : `{"$n":"${value}"}`
}

function arrayWritten(values: readonly unknown[], arrays: Float64Array[]): string {
  let text = ''
  for (const value of values) text += text === '' ? written(value, arrays) : `,${written(value, arrays)}`
  return `[${text}]`
}

function objectWritten(object: object, arrays: Float64Array[]): string {
  let text = ''
  for (const [key, value] of Object.entries(object)) {
    if (value === undefined) continue
    text += `${text === '' ? '' : ','}${quoted(key)}:${written(value, arrays)}`
  }
  return `{${text}}`
}

/** Nearly all strings of a state are names, the same in every state. */
const QUOTED = new Map<string, string>()
const QUOTED_MAX = 4096

function quoted(text: string): string {
  const known = QUOTED.get(text)
  if (known !== undefined) return known
  if (QUOTED.size >= QUOTED_MAX) QUOTED.clear()
  const found = JSON.stringify(text)
  QUOTED.set(text, found)
  return found
}

const IS_LITTLE_ENDIAN = endianness() === 'LE'

function writeDoubles(bytes: Buffer, array: Float64Array, at: number): number {
  if (!IS_LITTLE_ENDIAN) return array.reduce((place, value) => bytes.writeDoubleLE(value, place), at)
  return at + Buffer.from(array.buffer, array.byteOffset, array.byteLength).copy(bytes, at)
}

interface Reader {
  readonly bytes: Buffer
  at: number
}

function read(value: unknown, reader: Reader): unknown {
  if (Array.isArray(value)) return value.map((each) => read(each, reader))
  if (value === null || typeof value !== 'object') return value
  if ('$f' in value) return readDoubles(Number(value.$f), reader)
  if ('$n' in value) return Number(value.$n)
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, read(each, reader)]))
}

function readDoubles(length: number, reader: Reader): Float64Array {
  const array = new Float64Array(length)
  for (let index = 0; index < length; index += 1) array[index] = reader.bytes.readDoubleLE(reader.at + index * 8)
  reader.at += length * 8
  return array
}
