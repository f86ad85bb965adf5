/**
 * Panes against a batch computation from the input records.
 *
 * What is written is a function of the records and of where a quiet partition was cut, whoever writes it: so EVERY pane, also one of an
 * owner that was thrown out, must hold what plain loops find in its offsets. And the panes that the rule of epochs lets count must cover
 * every offset of the chain once, whether what an older owner wrote had been decided on or not when the newer one came.
 */
import type { Truth } from '../measure/batch-truth.ts'
import { type Case, grouped, type Placed } from './case.ts'
import type { SourceTruth } from './inputs.ts'
import { aroundHole } from './owners.ts'
import type { WirePane, WirePulse, WireStamp } from './wire.ts'

/** A pulse that closes a slice names the models that have exposures in it: by that the judge knows what is yet to come. */
function checkPulses({ all, report }: Case, { source }: SourceTruth, runs: ReadonlyMap<string, readonly TruthRun[]>): void {
  const exposures = [...runs].filter(([name]) => name.startsWith('exposure|')).map(([name, list]) => ({ model: name.slice(9), list }))
  for (const { partition, offset, value } of all.panes) {
    if (value.kind !== 'pulse' || value.source !== source || value.from >= value.to) continue
    const due = exposures.filter(({ list }) => list.some(({ from, to }) => from >= value.from && to <= value.to)).map(({ model }) => model)
    const [named, wanted] = [[...value.models].sort().join(', '), due.sort().join(', ')]
    const where = `panes/${partition} pulse of ${source} [${value.from}, ${value.to}) at ${offset}`
    if (named !== wanted) report('pulses', where, `names ${named || 'nobody'}, the records show ${wanted || 'nobody'}`)
  }
}

/** Cells of a run: `version|scope|population|block` to numbers. */
type Cells = ReadonlyMap<string, { readonly counts: readonly number[]; readonly sums: readonly number[] }>

interface TruthRun {
  readonly from: number
  readonly to: number
  readonly cells: Cells
}

export function checkPanes(case_: Case, truths: readonly SourceTruth[]): void {
  for (const truth of truths) {
    const written = case_.all.panes.filter(({ value }) => value.kind === 'pane' && value.source === truth.source) as Placed<WirePane>[]
    const runs = runsByChain(truth.computed)
    for (const pane of written) checkContent(case_, pane, runs.get(`${pane.value.chain}|${pane.value.model}`) ?? [], truth)
    for (const [chain, expected] of runs) checkCoverage(case_, truth, chain, expected)
    checkPulses(case_, truth, runs)
  }
}

/** Where panes of a source begin or end. */
export function cutsOf(panes: Case['all']['panes'], source: string): number[] {
  const cuts = new Set<number>()
  for (const { value } of panes) if (value.kind === 'pane' && value.source === source) cuts.add(value.from).add(value.to)
  return [...cuts].sort((a, b) => a - b)
}

/** By `chain|model`, in order. */
function runsByChain(computed: Truth): Map<string, TruthRun[]> {
  const runs = new Map<string, TruthRun[]>()
  for (const [key, cells] of computed.panes) {
    const [chain, model, from, to] = key.split('|')
    const name = `${chain}|${model}`
    const list = runs.get(name) ?? []
    runs.set(name, list)
    list.push({ from: Number(from), to: Number(to), cells })
  }
  for (const list of runs.values()) list.sort((a, b) => a.from - b.from)
  return runs
}

function placeOf({ partition, offset, value }: Placed<WirePane>): string {
  const { source, chain, model, from, to, stamp } = value
  return `panes ${source} ${chain} ${model} [${from}, ${to}) of epoch ${stamp.epoch} at ${partition}/${offset}`
}

function checkContent({ report }: Case, pane: Placed<WirePane>, runs: readonly TruthRun[], truth: SourceTruth): void {
  const { from, to, sliceEndMs, cells, previousTo } = pane.value
  const where = placeOf(pane)
  if (!(from < to) || previousTo > from) report('panes', where, `previous ${previousTo}, from ${from}, to ${to}`)
  const slices = new Set<number>()
  truth.predictions.forEach(({ offset }, index) => {
    if (offset >= from && offset < to) slices.add(truth.sliceEndMs[index]!)
  })
  if ([...slices].some((endMs) => endMs !== sliceEndMs)) {
    report('panes', where, `ends its slice at ${sliceEndMs}, the clock says ${[...slices].join(', ')}`)
  }
  const expected = summed(runs.filter((run) => run.from >= from && run.to <= to))
  const difference = differenceOf(cells, expected)
  if (difference !== '') report('panes', where, difference)
}

function summed(runs: readonly TruthRun[]): Cells {
  if (runs.length === 1) return runs[0]!.cells
  const sum = new Map<string, { counts: number[]; sums: number[] }>()
  for (const { cells } of runs) {
    for (const [key, { counts, sums }] of cells) {
      const known = sum.get(key)
      if (known === undefined) sum.set(key, { counts: [...counts], sums: [...sums] })
      else {
        for (const [slot, count] of counts.entries()) known.counts[slot]! += count
        for (const [slot, one] of sums.entries()) known.sums[slot]! += one
      }
    }
  }
  return sum
}

function differenceOf(found: Cells, expected: Cells): string {
  for (const key of new Set([...found.keys(), ...expected.keys()])) {
    const [ours, theirs] = [found.get(key), expected.get(key)]
    const slots = Math.max(ours?.counts.length ?? 0, theirs?.counts.length ?? 0)
    for (let slot = 0; slot < slots; slot++) {
      const [one, other] = [ours?.counts[slot] ?? 0, theirs?.counts[slot] ?? 0]
      if (one !== other) return `${key} count ${slot} is ${one}, the records say ${other}`
    }
    for (let slot = 0; slot < Math.max(ours?.sums.length ?? 0, theirs?.sums.length ?? 0); slot++) {
      const [one, other] = [ours?.sums[slot] ?? 0, theirs?.sums[slot] ?? 0]
      if (Math.abs(one - other) > 1e-6 * Math.max(1, Math.abs(other))) return `${key} sum ${slot} is ${one}, the records say ${other}`
    }
  }
  return ''
}

interface Link {
  readonly from: number
  readonly to: number
  readonly stamp: WireStamp
}

/** A chain as the rule of epochs leaves it, and what was wrong on the way. */
interface Chain {
  readonly links: readonly Link[]
  readonly faults: readonly string[]
}

/** `decided`: everything taken before a higher epoch came had been decided on by then; else nothing. The truth lies between. */
export function chainOf(records: readonly (WirePane | WirePulse)[], chain: string, model: string, decided: boolean): Chain {
  let epoch = -1
  let links: Link[] = []
  const faults: string[] = []
  for (const record of records) {
    if (record.stamp.epoch < epoch) continue
    if (record.stamp.epoch > epoch && !decided) links = links.filter(({ stamp }) => !isAfter(stamp, record.base))
    epoch = record.stamp.epoch
    if (record.kind !== 'pane' || record.chain !== chain || record.model !== model) continue
    const through = links.at(-1)?.to ?? 0
    if (record.from < through && record.to > through)
      faults.push(`[${record.from}, ${record.to}) of epoch ${epoch} lies across ${through}: what comes behind it is lost`)
    if (record.from >= through) links = [...links, { from: record.from, to: record.to, stamp: record.stamp }]
  }
  return { links, faults }
}

function isAfter(stamp: WireStamp, base: WireStamp): boolean {
  return stamp.epoch > base.epoch || (stamp.epoch === base.epoch && stamp.sequence > base.sequence)
}

function checkCoverage(case_: Case, truth: SourceTruth, name: string, runs: readonly TruthRun[]): void {
  const { all, world, report } = case_
  const [chain, model] = name.split('|') as [string, string]
  const ofSource = all.panes.filter(({ value }) => value.source === truth.source)
  for (const [partition, records] of grouped(ofSource, (placed) => String(placed.partition))) {
    const values = records.map(({ value }) => value)
    if (!values.some((value) => value.kind === 'pane' && value.model === model)) continue
    for (const decided of [false, true]) {
      const { links, faults } = chainOf(values, chain, model, decided)
      const where = `panes/${partition} ${truth.source} ${chain} ${model}${decided ? ', all decided' : ''}`
      if (world.panesLost !== true) for (const fault of faults) report('coverage', where, fault)
      const end = links.at(-1)?.to ?? 0
      const due = world.settled ? runs.filter((run) => isDue(run, chain, truth)) : runs.filter((run) => run.to <= end)
      const missing = due.filter((run) => !links.some((link) => link.from <= run.from && run.to <= link.to))
      if (missing.length === 0 || world.panesLost === true) continue
      const { from, to } = missing[0]!
      const hole = aroundHole(case_, { source: truth.source, chain, model, from, to })
      const what = `${missing.length} runs are in no pane that counts, first [${from}, ${to}); the chain ends at ${end}`
      report('coverage', where, decided ? what : `${what}; ${hole}`)
    }
  }
  const isWritten = ofSource.some(({ value }) => value.kind === 'pane' && value.model === model && value.chain === chain)
  if (world.settled && !isWritten && runs.some((run) => isDue(run, chain, truth)))
    report('coverage', `${truth.source} ${chain} ${model}`, 'no pane was ever written')
}

/** Of a quiet world: every exposure is final, and every outcome whose horizon the clock of outcomes has passed. */
function isDue(run: TruthRun, chain: string, truth: SourceTruth): boolean {
  if (chain === 'exposure') return true
  const index = truth.predictions.findIndex(({ offset }) => offset >= run.from && offset < run.to)
  return truth.sliceEndMs[index]! + Number(chain.slice(chain.indexOf(':') + 1)) <= truth.outcomeClockMs
}
