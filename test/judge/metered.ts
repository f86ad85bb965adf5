/** The judge's small world with requests that use something: every pane carries the mean and the tail of one resource, drawn with a seed. */
import { normal } from '../../detectors/math/random.ts'
import type { BlockCounts, Pane, PaneCell } from '../../src/domain.ts'
import type { Random } from '../../src/kit/random.ts'
import type { Block, ModelLayout } from '../../src/policy/layout.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { type Traffic, World } from './world.ts'

/** GPU milliseconds of one request. */
export type Use = (random: Random) => number

const MEDIAN = 40
const SPREAD = 0.5

export const usual: Use = (random) => MEDIAN * Math.exp(SPREAD * normal(random))
/** A third more, always. */
export const dearer: Use = (random) => 1.3 * usual(random)
/** As dear on average, and ruinous now and then. */
export const erratic: Use = (random) => (random() < 0.06 ? 300 : 0.64 * usual(random))

/** No guardrails: those that stand there by default. */
export function meteredModel(guardrails: readonly string[]): ModelLayout {
  const text = `version: 1
inputs: { predictions: { topic: predictions, fields: { score: null, latency: null } } }
timing: { settling: 0s }
models:
  flights:
    control: v1
    candidate: v2
    mode: enforce
    segments: { region: [eu, us] }
    resources: { gpuMs: { bounds: { high: 500 } } }
    ladder: { steps: [5, 25, 50, 100], dwell: 30s, minimumRows: 200 }
${guardrails.length === 0 ? '' : `    guardrails: [${guardrails.map((each) => `{ ${each} }`).join(', ')}]\n`}`
  const [model] = parsePolicy(text, 'metered.yaml').layout.models
  return { ...model!, plan: { ...model!.plan, rollout: { ...model!.plan.rollout, guardMs: 0 } } }
}

export class MeteredWorld extends World {
  use: { control: Use; candidate: Use }
  /** Region of the requests to whom the candidate's use applies; others are served as by the control. Empty: everybody. */
  onlyIn = ''

  constructor(model: ModelLayout, seed: number, candidate: Use, traffic: Partial<Traffic> = {}) {
    super(model, traffic, seed)
    this.use = { control: usual, candidate }
  }

  protected override pane(source: number, sliceStartMs: number, from: number, candidate: number, control: number): Pane {
    const plain = super.pane(source, sliceStartMs, from, candidate, control)
    const { exposureBlocks } = this.model
    const cells = plain.cells.flatMap((cell) => this.metered(cell, cell.version === 'v2' ? candidate : control))
    return { ...plain, blockHashes: new Map(exposureBlocks.map(({ id, hash }) => [id, hash])), cells }
  }

  /** One cell for everybody, and one for each region. */
  private metered(whole: PaneCell, requests: number): PaneCell[] {
    const regions = ['eu', 'us'].map((region) => this.emptyCell(whole.version, `region=${region}`))
    const all: PaneCell = { ...whole, blocks: new Map([...whole.blocks, ...this.emptyCell(whole.version, '').blocks]) }
    all.blocks.get('requests')!.counts[0] = requests
    for (let request = 0; request < requests; request++) {
      const region = this.random() < 0.5 ? 0 : 1
      const isHarmed = whole.version === 'v2' && (this.onlyIn === '' || this.onlyIn === (region === 0 ? 'eu' : 'us'))
      const used = (isHarmed ? this.use.candidate : this.use.control)(this.random)
      for (const cell of [all, regions[region]!]) this.count(cell, used)
      regions[region]!.blocks.get('requests')!.counts[0]! += 1
    }
    return [all, ...regions]
  }

  private emptyCell(version: string, scope: string): PaneCell {
    const mine = this.model.exposureBlocks.filter(({ kind }) => kind !== 'errors' || scope !== '')
    const blocks = new Map(mine.map((block) => [block.id, emptyCounts(block)]))
    return { version, scope, population: 'all', blocks }
  }

  private count({ blocks }: PaneCell, used: number): void {
    for (const block of this.model.exposureBlocks) {
      if (block.kind === 'value') countMean(block, blocks.get(block.id)!, used)
      if (block.kind === 'tail') countTail(block, blocks.get(block.id)!, used)
    }
  }
}

function emptyCounts(block: Block): BlockCounts {
  return { counts: new Float64Array(block.countSlots), sums: new Float64Array(block.sumSlots) }
}

function countMean({ bounds, lambdas }: Block, { counts, sums }: BlockCounts, used: number): void {
  if (Number.isNaN(used)) return
  const cost = Math.min(1, (used - bounds!.low) / (bounds!.high - bounds!.low))
  const terms = [used, used * used, cost, cost * cost, ...lambdas.map((lambda) => Math.exp(lambda * cost))]
  terms.forEach((term, slot) => {
    sums[slot]! += term
  })
  counts[0]! += 1
  if (used > bounds!.high) counts[1]! += 1
}

function countTail({ firstMs, perOctave, bins }: Block, { counts }: BlockCounts, used: number): void {
  const missing = Number.isNaN(used)
  counts[missing ? bins : Math.min(bins - 1, Math.max(0, Math.floor(Math.log2(used / firstMs) * perOctave + 1e-9)))]! += 1
}
