/** Reads the panes of a run, or the results of a peer, back and holds every cell against the truth. */
import { DEFAULT_LAMBDAS } from '../../detectors/bounded-mean.ts'
import type { BlockCounts, Pane, PaneCell } from '../../src/domain.ts'
import type { EventLog } from '../../src/kafka/contract.ts'
import { decodePane } from '../../src/wire/panes.ts'
import { type Cells, cellAt, FEATURES, type WindowCell } from './workload.ts'

const SEGMENT = 'segment='
const SUMS_WITHIN = 1e-6
/** Sums of a probability block: value, square and exponentials of the log score, then the same of the Brier score, then the residual. */
const BRIER_SUM = 2 + DEFAULT_LAMBDAS.length
const RESIDUAL_SUM = 2 * BRIER_SUM
const NONE: BlockCounts = { counts: new Float64Array(0), sums: new Float64Array(0) }

/** Cells as the panes topic tells them, sources added up; a pane written twice counts once. */
/** What a pane is on average. */
export interface MeanPane {
  readonly bytes: number
  readonly cells: number
}

export async function readCells(
  log: EventLog,
  topic: string,
): Promise<{ readonly cells: Cells; readonly panes: number; readonly pane: MeanPane }> {
  const reader = log.reader()
  const cells: Cells = new Map()
  const links = new Set<string>()
  const sum = { bytes: 0, cells: 0 }
  try {
    for (const { partition, start, end } of await log.admin.offsets(topic)) {
      await reader.readRange(topic, partition, start, end, ({ value }) => {
        const found = value === null ? null : decodePane(value)
        if (found === null || found.kind === 'pulse') return
        const link = [found.source, found.chain, found.model, found.from, found.to].join('|')
        if (links.has(link)) return
        links.add(link)
        addPane(cells, found)
        sum.bytes += value!.length
        sum.cells += found.cells.length
      })
    }
  } finally {
    await reader.close()
  }
  const panes = Math.max(1, links.size)
  return { cells, panes: links.size, pane: { bytes: Math.round(sum.bytes / panes), cells: sum.cells / panes } }
}

/** One record of a peer's results topic. */
interface PeerResult extends Readonly<Record<'count' | 'errors' | 'joined' | 'correct' | 'brier' | 'residual', number>> {
  readonly model: string
  readonly version: string
  readonly segment: string
  readonly windowStart: number
  readonly latency: readonly number[]
  readonly score: readonly number[]
  readonly features: readonly (readonly number[])[]
  readonly c1: readonly number[]
}

/** Cells as a peer tells them, parts of one window added up; and when the broker took the last of them. */
export async function readPeerCells(log: EventLog, topic: string): Promise<{ readonly cells: Cells; readonly lastAtMs: number }> {
  const reader = log.reader()
  const cells: Cells = new Map()
  let lastAtMs = 0
  try {
    for (const { partition, start, end } of await log.admin.offsets(topic)) {
      await reader.readRange(topic, partition, start, end, ({ value, timestampMs }) => {
        if (value !== null) addResult(cells, JSON.parse(value.toString()))
        lastAtMs = Math.max(lastAtMs, timestampMs)
      })
    }
  } finally {
    await reader.close()
  }
  return { cells, lastAtMs }
}

function addResult(cells: Cells, result: PeerResult): void {
  const sum = cellAt(cells, result.model, result.version, result.segment, result.windowStart)
  for (const name of [...COUNTS, ...SUMS]) sum[name] += result[name]
  addRun(sum.latency, result.latency, 0)
  addRun(sum.score, result.score, 0)
  for (let feature = 0; feature < FEATURES; feature++) addRun(sum.features[feature]!, result.features[feature] ?? [], 0)
  addRun(sum.c1, result.c1, 0)
}

/** Segments, and the whole under `__all__`. */
function addPane(cells: Cells, pane: Pane): void {
  for (const cell of pane.cells) {
    if (cell.population !== 'all') continue
    const segment = cell.scope.startsWith(SEGMENT) ? cell.scope.slice(SEGMENT.length) : cell.scope
    const sum = cellAt(cells, pane.model, cell.version, segment, pane.sliceStartMs)
    if (pane.chain === 'exposure') addExposures(sum, cell)
    else addOutcomes(sum, cell)
  }
}

function addExposures(sum: WindowCell, cell: PaneCell): void {
  const block = (id: string) => cell.blocks.get(id) ?? NONE
  sum.count += block('requests').counts[0] ?? 0
  sum.errors += block('errors').counts[0] ?? 0
  const latency = block('latency').counts
  // Requests that succeeded, then those that failed.
  for (let bin = 0; bin < 64; bin++) sum.latency[bin]! += (latency[bin] ?? 0) + (latency[64 + bin] ?? 0)
  addRun(sum.score, block('score').counts, 0)
  for (let feature = 0; feature < FEATURES; feature++) addFeature(sum.features[feature]!, block(`feature:f${feature + 1}`).counts)
  addRun(sum.c1, block('feature:c1').counts, 0)
}

/** What lies below and above the bins is folded into the first and the last. */
function addFeature(sum: Float64Array, counts: Float64Array): void {
  addRun(sum, counts, 1)
  sum[0]! += counts[0] ?? 0
  sum[sum.length - 1]! += counts[1 + sum.length] ?? 0
}

function addRun(sum: Float64Array, counts: ArrayLike<number>, from: number): void {
  for (let bin = 0; bin < sum.length; bin++) sum[bin]! += counts[from + bin] ?? 0
}

function addOutcomes(sum: WindowCell, cell: PaneCell): void {
  const [, joined = 0, wrong = 0] = cell.blocks.get('outcome:label')?.counts ?? []
  const { sums } = cell.blocks.get('probability:label') ?? NONE
  sum.joined += joined
  sum.correct += joined - wrong
  sum.brier += sums[BRIER_SUM] ?? 0
  sum.residual += sums[RESIDUAL_SUM] ?? 0
}

/** The truth with the whole of each window beside its segments. */
export function withWhole(truth: Cells): Cells {
  const all: Cells = new Map(truth)
  for (const [key, cell] of truth) {
    const [model, version, , start] = key.split('|')
    addCell(cellAt(all, model!, version!, '__all__', Number(start)), cell)
  }
  return all
}

function addCell(sum: WindowCell, cell: WindowCell): void {
  for (const name of COUNTS) sum[name] += cell[name]
  for (const name of SUMS) sum[name] += cell[name]
  for (const [name, counts] of histograms(cell)) addRun(new Map(histograms(sum)).get(name)!, counts, 0)
}

const COUNTS = ['count', 'errors', 'joined', 'correct'] as const
const SUMS = ['brier', 'residual'] as const

function histograms(cell: WindowCell): readonly (readonly [string, Float64Array])[] {
  return [
    ['latency', cell.latency],
    ['score', cell.score],
    ['c1', cell.c1],
    ...cell.features.map((counts, index) => [`f${index + 1}`, counts] as const),
  ]
}

/** Every difference in words; empty when all cells agree. */
export function differences(truth: Cells, found: Cells): string[] {
  const unexpected = [...found.keys()].filter((key) => !truth.has(key)).map((key) => `${key}: not in the truth`)
  const wrong = [...truth].flatMap(([key, cell]) => {
    const other = found.get(key)
    return other === undefined ? [`${key}: missing`] : cellDifferences(cell, other).map((difference) => `${key}: ${difference}`)
  })
  return [...unexpected, ...wrong]
}

function cellDifferences(truth: WindowCell, found: WindowCell): string[] {
  const told: string[] = []
  for (const name of COUNTS) if (truth[name] !== found[name]) told.push(`${name} ${found[name]} instead of ${truth[name]}`)
  for (const name of SUMS) {
    if (!(Math.abs(truth[name] - found[name]) < SUMS_WITHIN)) told.push(`${name} ${found[name]} instead of ${truth[name]}`)
  }
  const others = new Map(histograms(found))
  for (const [name, counts] of histograms(truth)) {
    const bin = counts.findIndex((count, index) => count !== others.get(name)![index])
    if (bin >= 0) told.push(`${name}[${bin}] ${others.get(name)![bin]} instead of ${counts[bin]}`)
  }
  return told
}
