/**
 * The judge's own books, as they stand on `state` and in each decision, against what the panes and the records say: it follows the
 * newest owner of every source, met no gap, counted every request at least once and judged none twice, and promoted on what was there.
 */
import type { ModelLayout } from '../../src/policy/layout.ts'
import type { Case, Placed } from './case.ts'
import type { SourceTruth } from './inputs.ts'
import type { WireDecision, WireLadder } from './wire.ts'

interface Books {
  readonly positions: { readonly panes: number }
  readonly chains: {
    readonly gaps: number
    readonly sources: Readonly<Record<string, BookedSource>>
  }
}

interface BookedSource {
  readonly epoch: number
  readonly chains: Readonly<
    Record<string, { readonly decided: number; readonly open: readonly { readonly stamp: { epoch: number }; readonly to: number }[] }>
  >
}

export function checkBooks(case_: Case, truths: readonly SourceTruth[]): void {
  for (const ladder of case_.all.ladders) checkLadder(case_, ladder)
  for (const model of case_.world.layout.models) {
    const decisions = case_.all.decisions.map(({ value }) => value.decision).filter((decision) => decision.model === model.name)
    checkRows(case_, model, decisions, truths)
    checkPromotions(case_, model, decisions, truths)
  }
}

function checkLadder({ all, world, report }: Case, { partition, offset, value }: Placed<WireLadder>): void {
  const where = `state ${value.model} decision ${value.decisionNumber} at ${partition}/${offset}`
  const books = JSON.parse(value.body.toString()) as Books
  if (books.chains.gaps > 0 && world.panesLost !== true) report('books', where, `${books.chains.gaps} gaps were met`)
  for (const [source, booked] of Object.entries(books.chains.sources)) {
    const seen = all.panes.filter((one) => one.partition === partition && one.offset < books.positions.panes && one.value.source === source)
    const relevant = seen.filter((one) => one.value.kind === 'pulse' || one.value.model === value.model)
    const newest = Math.max(-1, ...relevant.map((one) => one.value.stamp.epoch))
    if (newest >= 0 && booked.epoch !== newest)
      report('books', where, `follows epoch ${booked.epoch} of ${source}, the newest it read is ${newest}`)
    for (const [key, { decided, open }] of Object.entries(booked.chains)) {
      const ends = open.map(({ to }) => to)
      if (ends.some((to, index) => to <= (ends[index - 1] ?? decided)))
        report('books', where, `${source} ${key}: open panes end at ${ends.join(', ')}, decided ${decided}`)
    }
  }
}

/** Requests of each arm in the records, by the end of their slice. */
function requestsOf(truths: readonly SourceTruth[], model: ModelLayout): { readonly endMs: number; readonly candidate: boolean }[] {
  return truths.flatMap(({ predictions, sliceEndMs }) =>
    predictions.flatMap((event, index) => {
      const isOurs =
        event.broken === undefined && event.model === model.index && (event.version === model.candidate || event.version === model.control)
      return isOurs ? [{ endMs: sliceEndMs[index]!, candidate: event.version === model.candidate }] : []
    }),
  )
}

/** No reading rests on more rows than there are. (Taken together: what a reading counts is a part of what was written.) */
function checkRows({ report }: Case, model: ModelLayout, decisions: readonly WireDecision[], truths: readonly SourceTruth[]): void {
  const requests = requestsOf(truths, model)
  const candidates = requests.filter(({ candidate }) => candidate).length
  for (const decision of decisions) {
    for (const reading of decision.readings) {
      if (reading.candidateRows <= candidates && reading.controlRows <= requests.length - candidates) continue
      const where = `decisions ${model.name} number ${decision.number}`
      report(
        'counted-once',
        where,
        `${reading.guardrail} in ${reading.scope} rests on ${reading.candidateRows} and ${reading.controlRows} rows, there are ${candidates} and ${requests.length - candidates}`,
      )
      return
    }
  }
}

/** A promotion has had its dwell, and its candidate's rows are in the records of the stage. */
function checkPromotions({ report }: Case, model: ModelLayout, decisions: readonly WireDecision[], truths: readonly SourceTruth[]): void {
  const candidate = model.versions[model.candidate]!
  const requests = requestsOf(truths, model).filter((one) => one.candidate)
  let sinceMs = 0
  let stage = ''
  for (const decision of decisions) {
    const asked = requirementsOf(stage, model)
    if (decision.verdict.kind === 'promote') {
      const where = `decisions ${model.name} number ${decision.number}`
      if (decision.judgeTimeMs - sinceMs < asked.dwellMs)
        report('promotion', where, `after ${decision.judgeTimeMs - sinceMs} ms of the stage`)
      const rows = requests.filter(({ endMs }) => endMs > sinceMs).length
      if (rows < asked.minimumRows)
        report('promotion', where, `the records of the stage hold ${rows} requests of the candidate, ${asked.minimumRows} are asked for`)
    }
    const isMoved = (decision.weightsBefore[candidate] ?? 0) !== (decision.weightsAfter[candidate] ?? 0)
    if (isMoved || decision.stage !== stage) sinceMs = decision.judgeTimeMs
    stage = decision.stage
  }
}

/** What the policy asks of a stage by its name; offline asks for a gate and for nothing to be seen. */
function requirementsOf(stage: string, { plan }: ModelLayout): { readonly dwellMs: number; readonly minimumRows: number } {
  if (stage === 'offline') return { dwellMs: 0, minimumRows: 0 }
  return [plan.rollout.shadow, ...plan.rollout.rungs].find((one) => one?.name === stage) ?? plan
}
