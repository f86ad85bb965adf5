/**
 * The contract on inputs: features that the policy calls required. A candidate that mostly lacks one while the control has it is broken
 * on the way, and that is a fact, not a statistic: it takes a handful of requests, waits for no stratum and costs no budget.
 *
 * Counted over the stage, of requests that did not fail (those owe no features). At least `minimum` of the candidate's must lack the
 * feature, more than half of them all, and less than a tenth of as many of the control's: with both arms alike it is the world.
 * With units first exposures are counted: a few requests of one old client that happens to be the candidate's are no fact about the
 * candidate. What breaks after everybody has been seen is left to the guardrail on missing values.
 */
import type { Pane, PaneCell, StreamTimeMs } from '../domain.ts'
import { ALL_SCOPE, type Block, type ModelLayout, type Plan } from '../policy/layout.ts'
import { featureName, missingSlots } from './evidence/events.ts'

/** Requests of the stage (with units: first exposures) that owe a feature, and those that lack it in a usable form. */
export interface Owed {
  readonly candidate: number
  readonly candidateLacks: number
  readonly control: number
  readonly controlLacks: number
}

/** By block id of the feature. */
export type ContractTally = Readonly<Record<string, Owed>>

const CANDIDATE_SHARE = 0.5
const CONTROL_SHARE = 0.1

const NOTHING_OWED: Owed = { candidate: 0, candidateLacks: 0, control: 0, controlLacks: 0 }

/** Slices that began before the stage are not its own. */
export function contractAfterPane(tally: ContractTally, pane: Pane, model: ModelLayout, stageSinceMs: StreamTimeMs): ContractTally {
  const { contract } = model.plan
  if (contract === undefined || pane.chain !== 'exposure' || pane.sliceStartMs < stageSinceMs) return tally
  const blocks = model.exposureBlocks.filter(({ id, hash }) => contract.blocks.includes(id) && pane.blockHashes.get(id) === hash)
  const [candidate, control] = [wholeOf(pane, model, model.candidate), wholeOf(pane, model, model.control)]
  return {
    ...tally,
    ...Object.fromEntries(blocks.map((block) => [block.id, plus(tally[block.id] ?? NOTHING_OWED, block, candidate, control)])),
  }
}

/** What is broken, in words with the numbers; empty while the contract is kept. */
export function brokenContract(tally: ContractTally, { plan, hasUnits }: ModelLayout): string {
  return brokenBlocks(tally, plan)
    .map((id) => words(id, tally[id]!, hasUnits ? 'first requests of units' : 'requests'))
    .join('; ')
}

/** The required features that the candidate lacks. */
export function brokenFeatures(tally: ContractTally, { plan }: ModelLayout): readonly string[] {
  return brokenBlocks(tally, plan).map(featureName)
}

function brokenBlocks(tally: ContractTally, { contract }: Plan): readonly string[] {
  const minimum = contract?.minimum ?? Number.POSITIVE_INFINITY
  return (contract?.blocks ?? []).filter((id) => isBroken(tally[id] ?? NOTHING_OWED, minimum))
}

function isBroken({ candidate, candidateLacks, control, controlLacks }: Owed, minimum: number): boolean {
  const isCandidate = candidateLacks >= minimum && candidateLacks > CANDIDATE_SHARE * candidate
  return isCandidate && control >= minimum && controlLacks < CONTROL_SHARE * control
}

function words(id: string, { candidate, candidateLacks, control, controlLacks }: Owed, what: string): string {
  const name = featureName(id)
  return `${candidateLacks} of its ${candidate} ${what} in this stage lack the required feature ${name}, ${controlLacks} of the control's ${control}`
}

function wholeOf(pane: Pane, model: ModelLayout, version: number): PaneCell | undefined {
  const population = model.hasUnits ? 'first' : 'all'
  return pane.cells.find((cell) => cell.version === model.versions[version] && cell.scope === ALL_SCOPE && cell.population === population)
}

function plus(before: Owed, block: Block, candidate: PaneCell | undefined, control: PaneCell | undefined): Owed {
  const [ours, theirs] = [owed(block, candidate), owed(block, control)]
  return {
    candidate: before.candidate + ours.rows,
    candidateLacks: before.candidateLacks + ours.lacks,
    control: before.control + theirs.rows,
    controlLacks: before.controlLacks + theirs.lacks,
  }
}

function owed(block: Block, cell: PaneCell | undefined): { readonly rows: number; readonly lacks: number } {
  const counts = cell?.blocks.get(block.id)?.counts
  if (!counts) return { rows: 0, lacks: 0 }
  return {
    rows: counts.reduce((sum, count) => sum + count, 0),
    lacks: missingSlots(block).reduce((sum, slot) => sum + counts[slot]!, 0),
  }
}
