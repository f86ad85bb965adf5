/** Names of what is measured of pairs of answers to one request, and whether a plan has any. */
import type { PairedBets } from './layout.ts'
import type { PolicyModel } from './policy.ts'

/** Id of the block of disagreements; with `:<outcome>` behind it of who was right. */
export const PAIRED = 'paired'

export function hasShadow({ rollout }: PolicyModel): boolean {
  return rollout?.stages?.some((stage) => (typeof stage === 'object' ? stage.stage : stage) === 'shadow') ?? false
}

export function pairedScoresId({ loss, margin }: PairedBets, outcome: string): string {
  return `paired-${loss}-score:${outcome}:${margin}`
}
