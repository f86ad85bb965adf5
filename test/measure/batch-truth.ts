/**
 * What the cells must be, computed the slow and plain way: all records of a source at once, Maps and loops, nothing shared with the
 * pipeline but the types. Written from the rules, not from the code.
 */
import { unitBucket } from '../../src/kit/hash.ts'
import type { Block, InputLayout, Layout, ModelLayout } from '../../src/policy/layout.ts'

export interface TruthEvent {
  readonly offset: number
  readonly atMs: number
  /** Set: the ingest rejects it. */
  readonly broken?: string
  readonly id: number
  readonly model: number
  readonly version: number
  readonly unit: number
  /** Lanes of the unit's hash; default: its number, and that scrambled. */
  readonly unitLanes?: readonly [number, number]
  readonly home: number
  readonly error: number
  readonly decision: number
  readonly score: number
  readonly latencyMs: number
  readonly number: number
  readonly numberState: number
  readonly symbol: number
  /** The event's own time; NaN or absent when it tells none. */
  readonly eventAtMs?: number
  readonly region: number
  readonly label: number
  readonly value: number
}

/** chain|model|from|to → version|scope|population|block → [counts, sums] */
export type TruthPanes = Map<string, Map<string, { counts: number[]; sums: number[] }>>

export interface Truth {
  readonly panes: TruthPanes
  readonly drops: { predictions: Record<string, number>; outcomes: Record<string, number> }
  readonly used: { predictions: number; outcomes: number }
  readonly contradictions: number[]
  readonly duplicates: number[]
}

/** Second lane of a hash, for numbers that stand for ids and units. */
export function scramble(id: number): number {
  return Math.imul(id ^ (id >>> 15), 0x9e3779b1) ^ Math.imul(id, 0x85ebca77)
}

interface Run {
  from: number
  to: number
  endMs: number
  rows: number[]
}

function clocksOf(events: readonly TruthEvent[], skewMs: number): number[] {
  let now = -1
  let held: number[] = []
  return events.map(({ atMs }) => {
    if (atMs < 0) return now
    if (now >= 0 && atMs > now + skewMs) {
      held.push(atMs)
      if (held.length === 17) {
        now = Math.min(...held)
        held = []
      }
    } else {
      held = []
      now = Math.max(now, atMs)
    }
    return now
  })
}

function runsOf(events: readonly TruthEvent[], clocks: readonly number[], sliceMs: number, cuts: readonly number[]): Run[] {
  const runs: Run[] = []
  let open: Run | null = null
  let from = -1
  events.forEach((event, index) => {
    const endMs = (Math.floor(clocks[index]! / sliceMs) + 1) * sliceMs
    const cut = open === null ? undefined : cuts.find((at) => at > open!.from && at <= event.offset)
    if (open !== null && (cut !== undefined || endMs !== open.endMs)) {
      open.to = from = cut ?? event.offset
      open = null
    }
    if (open === null) {
      open = { from: from < 0 ? event.offset : from, to: -1, endMs, rows: [] }
      runs.push(open)
    }
    open.rows.push(index)
  })
  if (open !== null) (open as Run).to = events.at(-1)!.offset + 1
  return runs
}

function bump(counters: Record<string, number>, reason: string): void {
  counters[reason] = (counters[reason] ?? 0) + 1
}

export function truthOf(
  layout: Layout,
  predictions: readonly TruthEvent[],
  outcomes: readonly TruthEvent[],
  described: readonly TruthEvent[],
  cuts: readonly number[],
): Truth {
  const drops = { predictions: {} as Record<string, number>, outcomes: {} as Record<string, number> }
  const used = { predictions: 0, outcomes: 0 }
  const panes: TruthPanes = new Map()
  const clocks = clocksOf(predictions, layout.maxClockSkewMs)
  const runs = runsOf(predictions, clocks, layout.sliceMs, cuts)
  const endOf = new Map<number, number>()
  for (const run of runs) for (const row of run.rows) endOf.set(row, run.endMs)
  const duplicates: number[] = []
  const isDuplicate = new Set<number>()
  const accepted = new Map<number, number[]>()
  predictions.forEach((p, row) => {
    if (p.broken !== undefined) {
      bump(drops.predictions, p.broken)
      return
    }
    const earlier = accepted.get(p.id) ?? []
    if (earlier.some((before) => clocks[row]! < endOf.get(before)! + layout.maxHorizonMs)) {
      isDuplicate.add(row)
      duplicates.push(p.offset)
      bump(drops.predictions, 'duplicate-id')
      return
    }
    used.predictions++
    accepted.set(p.id, [...earlier, row])
  })
  // Outcomes: the lowest prediction each fits; of several the lowest outcome.
  const outcomeClocks = clocksOf(outcomes, layout.maxClockSkewMs)
  const outcomeOf = new Map<number, number>()
  const contradictions: number[] = []
  outcomes.forEach((o, index) => {
    if (o.broken !== undefined) {
      bump(drops.outcomes, o.broken)
      return
    }
    const clock = outcomeClocks[index]!
    const fits = (accepted.get(o.id) ?? []).find(
      (row) => clock < endOf.get(row)! + layout.maxHorizonMs && clocks[row]! <= clock + layout.maxEarlyMs,
    )
    if (fits === undefined) {
      bump(drops.outcomes, 'unmatched-outcome')
      return
    }
    const winner = outcomeOf.get(fits)
    if (winner === undefined) {
      outcomeOf.set(fits, index)
      used.outcomes++
      return
    }
    const contradicts = !Number.isNaN(o.label) && !Number.isNaN(outcomes[winner]!.label) && o.label !== outcomes[winner]!.label
    if (contradicts) contradictions.push(o.offset)
    bump(drops.outcomes, contradicts ? 'contradicting-outcome' : 'duplicate-outcome')
  })
  const joined: Joined = { isDuplicate, outcomeOf, outcomeClocks, outcomes }
  for (const run of runs) countRun(layout, predictions, run, joined, firstRows(layout, predictions, isDuplicate), panes)
  describe(layout, described, panes)
  return { panes, drops, used, contradictions, duplicates }
}

interface Joined {
  readonly isDuplicate: ReadonlySet<number>
  readonly outcomeOf: ReadonlyMap<number, number>
  readonly outcomeClocks: readonly number[]
  readonly outcomes: readonly TruthEvent[]
}

function countRun(
  layout: Layout,
  predictions: readonly TruthEvent[],
  run: Run,
  joined: Joined,
  first: ReadonlySet<number>,
  panes: TruthPanes,
): void {
  for (const row of run.rows) {
    const p = predictions[row]!
    if (p.broken !== undefined) continue
    const model = layout.models[p.model]!
    if (joined.isDuplicate.has(row)) {
      for (const block of model.exposureBlocks) {
        if (block.kind === 'duplicate')
          cell(panes, `exposure|${model.name}|${run.from}|${run.to}`, `${model.versions[p.version]}|__all__|all|duplicate`, block)
            .counts[0]!++
      }
      continue
    }
    record(
      panes,
      `exposure|${model.name}|${run.from}|${run.to}`,
      model,
      model.exposureBlocks,
      layout.predictions,
      p,
      first.has(row),
      Number.NaN,
      Number.NaN,
    )
    for (const horizon of model.horizons) {
      const winner = joined.outcomeOf.get(row)
      const inTime = winner !== undefined && joined.outcomeClocks[winner]! < run.endMs + horizon.horizonMs
      const o = inTime ? joined.outcomes[winner]! : null
      const key = `${horizon.chain}|${model.name}|${run.from}|${run.to}`
      record(panes, key, model, horizon.blocks, layout.predictions, p, first.has(row), o?.label ?? Number.NaN, o?.value ?? Number.NaN)
    }
  }
}

function describe(layout: Layout, described: readonly TruthEvent[], panes: TruthPanes): void {
  if (layout.described === null) return
  const runs = runsOf(described, clocksOf(described, layout.maxClockSkewMs), layout.sliceMs, [])
  const first = firstRows(layout, described, new Set())
  for (const run of runs) {
    for (const row of run.rows) {
      const d = described[row]!
      if (d.broken !== undefined) continue
      const model = layout.models[d.model]!
      record(
        panes,
        `described|${model.name}|${run.from}|${run.to}`,
        model,
        model.describedBlocks,
        layout.described,
        d,
        first.has(row),
        d.label,
        d.value,
      )
    }
  }
}

function firstRows(layout: Layout, events: readonly TruthEvent[], skipped: ReadonlySet<number>): Set<number> {
  const seen = new Set<string>()
  const first = new Set<number>()
  events.forEach((event, row) => {
    const model = layout.models[event.model]!
    if (event.broken !== undefined || skipped.has(row) || !model.hasUnits || event.unit === 0 || event.home !== 1) return
    if (event.version !== model.control && event.version !== model.candidate) return
    const key = `${event.model}/${event.unit}`
    if (!seen.has(key)) first.add(row)
    seen.add(key)
  })
  return first
}

function cell(panes: TruthPanes, pane: string, key: string, block: Block): { counts: number[]; sums: number[] } {
  let cells = panes.get(pane)
  if (!cells) panes.set(pane, (cells = new Map()))
  let found = cells.get(key)
  if (!found)
    cells.set(key, (found = { counts: new Array<number>(block.countSlots).fill(0), sums: new Array<number>(block.sumSlots).fill(0) }))
  return found
}

function record(
  panes: TruthPanes,
  pane: string,
  model: ModelLayout,
  blocks: readonly Block[],
  input: InputLayout,
  event: TruthEvent,
  first: boolean,
  label: number,
  value: number,
): void {
  const scopes = ['__all__', `${input.dimensions[0]?.name}=${input.dimensions[0]?.values[event.region]}`].filter((name) =>
    model.scopes.some((scope) => scope.name === name),
  )
  const chain = pane.slice(0, pane.indexOf('|'))
  if (event.version === model.control && event.unit !== 0) recordUnit(panes, pane, model, chain, blocks, event, label, value)
  for (const block of blocks) {
    const adds = contribution(block, event, label, value)
    if (adds === null) continue
    for (const scope of block.inSegments ? scopes : ['__all__']) {
      for (const population of first && model.hasUnits ? ['all', 'first'] : ['all']) {
        const target = cell(panes, pane, `${model.versions[event.version]}|${scope}|${population}|${block.id}`, block)
        for (const slot of adds.counts) target.counts[slot]!++
        for (const [slot, sum] of adds.sums) target.sums[slot]! += sum
      }
    }
  }
}

/** The `units` cell: control rows with a unit, by bucket, with what they are judged by. */
function recordUnit(
  panes: TruthPanes,
  pane: string,
  model: ModelLayout,
  chain: string,
  blocks: readonly Block[],
  event: TruthEvent,
  label: number,
  value: number,
): void {
  const bucket = unitBucket(...(event.unitLanes ?? [event.unit, scramble(event.unit)]))
  for (const unitBlock of model.unitBlocks?.[chain] ?? []) {
    const judged = judgedValue(unitBlock, blocks, event, label, value)
    if (judged === null) continue
    const target = cell(panes, pane, `${model.versions[model.control]}|__all__|units|${unitBlock.id}`, unitBlock)
    target.counts[bucket]!++
    target.sums[bucket]! += judged
    target.sums[128]! += judged * judged
  }
}

/** What a row adds to its own blocks says what its judged value is. */
function judgedValue(unitBlock: Block, blocks: readonly Block[], event: TruthEvent, label: number, value: number): number | null {
  if (unitBlock.id === 'units:missing') {
    if (event.error === 1) return null
    return event.numberState > 0 || event.symbol === -1 || event.symbol === -2 || Number.isNaN(event.score) ? 1 : 0
  }
  const isBrier = unitBlock.id.endsWith(':brier')
  const own = blocks.find((block) => `units:${block.id}${isBrier ? ':brier' : ''}` === unitBlock.id)!
  const adds = contribution(own, event, label, value)
  switch (own.kind) {
    case 'errors':
      return event.error
    case 'latency':
      if (event.error === 1) return own.bins - 1
      return Number.isNaN(event.latencyMs) ? null : adds!.counts[0]!
    case 'outcome':
      return Number.isNaN(own.absent) && Number.isNaN(label) ? null : adds!.counts.includes(2) ? 1 : 0
    case 'probability':
      return adds === null ? null : adds.sums[isBrier ? 2 + own.lambdas.length : 0]![1]
    case 'value': {
      const told = own.slot < 0 ? value : event.number
      if (own.bounds !== undefined && !Number.isNaN(told)) return Math.min(Math.max(told, own.bounds.low), own.bounds.high)
      return adds === null ? null : told
    }
    case 'tail':
      return Number.isNaN(event.number) ? null : adds!.counts[0]!
    default:
      return adds === null ? null : adds.counts[0]!
  }
}

type Contribution = { counts: number[]; sums: [number, number][] }

function contribution(block: Block, event: TruthEvent, label: number, value: number): Contribution | null {
  const inRange = event.score >= 0 && event.score <= 1
  const bin = Math.min(block.bins - 1, Math.floor(event.score * block.bins))
  switch (block.kind) {
    case 'requests':
      return { counts: [0], sums: [] }
    case 'errors':
      return event.error === 1 ? { counts: [0], sums: [] } : null
    case 'latency': {
      const ms = event.latencyMs
      if (Number.isNaN(ms)) return { counts: [2 * block.bins + (event.error === 1 ? 0 : 1)], sums: [] }
      const raw = Math.floor(Math.log2(ms / block.firstMs) * block.perOctave + 1e-9)
      const at = Math.max(0, Math.min(block.bins - 1, raw)) + (event.error === 1 ? block.bins : 0)
      return {
        counts: [at],
        sums: [
          [0, ms],
          [1, ms * ms],
        ],
      }
    }
    case 'score':
      if (Number.isNaN(event.score)) return event.error === 1 ? null : { counts: [block.bins], sums: [] }
      return inRange
        ? {
            counts: [bin],
            sums: [
              [0, event.score],
              [1, event.score * event.score],
            ],
          }
        : { counts: [block.bins + 1], sums: [] }
    case 'feature': {
      const bins = block.edges.length - 1
      const x = event.number
      if (event.numberState === 1 && event.error === 1) return null
      if (event.numberState !== 0) return { counts: [bins + 1 + event.numberState], sums: [] }
      const inside = block.edges.findIndex(
        (edge, k) => k < bins && x >= edge && (x < block.edges[k + 1]! || (k === bins - 1 && x === block.edges[bins])),
      )
      const slot = x < block.edges[0]! ? 0 : x > block.edges[bins]! ? bins + 1 : inside + 1
      return {
        counts: [slot],
        sums: [
          [0, x],
          [1, x * x],
        ],
      }
    }
    case 'category': {
      if (event.symbol === -1 && event.error === 1) return null
      const values = block.countSlots - 3
      const slot = event.symbol >= 0 ? event.symbol : event.symbol === -4 ? values : event.symbol === -1 ? values + 1 : values + 2
      return { counts: [slot], sums: [] }
    }
    case 'tail':
      return tailContribution(block, event)
    case 'stale':
      return event.atMs - (event.eventAtMs ?? Number.NaN) > block.staleAfterMs! ? { counts: [0], sums: [] } : null
    case 'pair': {
      const [first, second] = block.pair!.map((side) => (side.values > 0 ? categoryGroup(event.symbol) : numberGroup(event, side.edges)))
      if (first === null || second === null) return event.error === 1 ? null : { counts: [64], sums: [] }
      return { counts: [first! * 8 + second!], sums: [] }
    }
    default:
      return outcomeContribution(block, event, label, block.slot < 0 ? value : event.number)
  }
}

function tailContribution(block: Block, { number, error }: TruthEvent): Contribution | null {
  if (Number.isNaN(number)) return error === 1 ? null : { counts: [block.bins], sums: [] }
  const raw = number > 0 ? Math.floor(Math.log2(number / block.firstMs) * block.perOctave + 1e-9) : 0
  return { counts: [Math.max(0, Math.min(block.bins - 1, raw))], sums: [] }
}

function categoryGroup(symbol: number): number | null {
  if (symbol === -4 || symbol > 6) return 7
  return symbol < 0 ? null : symbol
}

/** Bins in order, dealt to eight groups as evenly as they go; what lies outside belongs to the ends. */
function numberGroup(event: TruthEvent, edges: readonly number[]): number | null {
  if (event.numberState !== 0) return null
  const bins = edges.length - 1
  const x = event.number
  if (x < edges[0]!) return 0
  if (x > edges[bins]!) return 7
  let bin = 0
  while (bin < bins - 1 && x >= edges[bin + 1]!) bin++
  return Math.floor((bin * 8) / bins)
}

function boundedValue(block: Block, value: number): Contribution {
  const { low, high, worse } = block.bounds!
  const outside = value < low || value > high
  const inside = outside ? (value < low ? low : high) : value
  const share = (inside - low) / (high - low)
  const u = worse === 'lower' ? 1 - share : share
  const terms = [value, value * value, u, u * u, ...block.lambdas.map((lambda) => Math.exp(lambda * u))]
  return { counts: outside ? [0, 1] : [0], sums: terms.map((sum, slot) => [slot, sum]) }
}

function outcomeContribution(block: Block, event: TruthEvent, label: number, value: number): Contribution | null {
  const actual = Number.isNaN(label) ? block.absent : label
  const inRange = event.score >= 0 && event.score <= 1
  const bin = Math.min(block.bins - 1, Math.floor(event.score * block.bins))
  switch (block.kind) {
    case 'outcome': {
      const counts = [0]
      if (!Number.isNaN(label)) counts.push(1)
      if (!Number.isNaN(actual) && event.decision !== 2 && event.decision !== actual) counts.push(2)
      if (actual === 1) counts.push(3)
      return { counts, sums: [] }
    }
    case 'probability': {
      if (Number.isNaN(actual) || !inRange) return null
      const counts = actual === 1 ? [bin, block.bins + bin] : [bin]
      const clipped = Math.max(block.floor, Math.min(1 - block.floor, event.score))
      const logScore = Math.log(actual === 1 ? clipped : 1 - clipped) / Math.log(block.floor)
      const brier = (actual - event.score) ** 2
      const terms = [logScore, brier].flatMap((v) => [v, v * v, ...block.lambdas.map((lambda) => Math.exp(lambda * v))])
      const sums = [...terms, actual - event.score].map((sum, slot): [number, number] => [slot, sum])
      return { counts, sums: [...sums, [sums.length + bin, event.score]] }
    }
    case 'value':
      if (block.bounds !== undefined) return Number.isNaN(value) ? null : boundedValue(block, value)
      return Number.isNaN(value)
        ? null
        : {
            counts: [0],
            sums: [
              [0, value],
              [1, value * value],
            ],
          }
    default:
      return null
  }
}
