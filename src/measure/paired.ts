/**
 * Counts pairs of answers to one request into the candidate's cell of the whole population, once each, whichever answer was read last.
 * What the slots mean stands in the table of `policy/layout.ts`; the bets on scores are the detector's own.
 */
import { addPairedBets, PAIRED_STAKES, type PairedLoss } from '../../detectors/paired-scores.ts'
import type { PairColumns } from '../domain.ts'
import { ALL_SCOPE, type Block, type ModelLayout } from '../policy/layout.ts'
import type { CellTable } from './cell-table.ts'
import { labelOf } from './fill.ts'

/** Adds one pair to the slots of one block, which begin at these places. */
type Counter = (pairs: PairColumns, row: number, counts: Uint32Array, at: number, sums: Float64Array, sumsAt: number) => void

export class PairCounts {
  private readonly candidate: number
  private readonly allScope: number
  private readonly counters: readonly { readonly block: Block; readonly count: Counter }[]

  constructor({ candidate, scopes }: ModelLayout, blocks: readonly Block[]) {
    this.candidate = candidate
    this.allScope = scopes.findIndex((scope) => scope.name === ALL_SCOPE)
    this.counters = blocks.map((block) => ({ block, count: counterOf(block) }))
  }

  /** `row`: where a pair stands in its columns. */
  add(table: CellTable, row: number, pairs: PairColumns): void {
    const cell = table.row(this.candidate, this.allScope, 0)
    for (const { block, count } of this.counters) {
      const at = cell * table.countWidth + block.countOffset
      count(pairs, row, table.counts, at, table.sums, cell * table.sumWidth + block.sumOffset)
    }
  }
}

function counterOf(block: Block): Counter {
  if (block.kind === 'paired-scores') return scoresCounter(block)
  return block.outcome === '' ? countDecisions : outcomeCounter(block)
}

/** [pairs, disagreements, pairs in which one has no decision] */
const countDecisions: Counter = ({ candidateDecision, controlDecision }, row, counts, at) => {
  const [ours, theirs] = [candidateDecision[row]!, controlDecision[row]!]
  if (ours > 1 || theirs > 1) counts[at + 2]!++
  else {
    counts[at]!++
    if (ours !== theirs) counts[at + 1]!++
  }
}

/** [matured pairs, disagreements, only the candidate wrong, only the control wrong] */
function outcomeCounter(block: Block): Counter {
  return ({ candidateDecision, controlDecision, label }, row, counts, at) => {
    const actual = labelOf(block, label[row]!)
    const [ours, theirs] = [candidateDecision[row]!, controlDecision[row]!]
    if (Number.isNaN(actual) || ours > 1 || theirs > 1) return
    counts[at]!++
    if (ours === theirs) return
    counts[at + 1]!++
    counts[at + (theirs === actual ? 2 : 3)]!++
  }
}

/** [matured pairs]; [Σ d, Σ d², Σ ln bet per stake] */
function scoresCounter(block: Block): Counter {
  const { loss: kind, margin } = block.bets!
  const loss: PairedLoss = { kind, floor: block.floor }
  const bets = new Float64Array(PAIRED_STAKES.length)
  return ({ candidateScore, controlScore, label }, row, counts, at, sums, sumsAt) => {
    const actual = labelOf(block, label[row]!)
    const [ours, theirs] = [candidateScore[row]!, controlScore[row]!]
    if (Number.isNaN(actual) || !(ours >= 0 && ours <= 1) || !(theirs >= 0 && theirs <= 1)) return
    counts[at]!++
    bets.fill(0)
    const difference = addPairedBets(bets, ours, theirs, actual, loss, margin)
    sums[sumsAt]! += difference
    sums[sumsAt + 1]! += difference * difference
    for (let stake = 0; stake < bets.length; stake++) sums[sumsAt + 2 + stake]! += bets[stake]!
  }
}
