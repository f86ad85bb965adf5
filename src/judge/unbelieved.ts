/**
 * A command on the control topic that no trusted key vouches for, where keys are wanted: somebody else wrote it, and gateways that do not
 * verify may obey it. It is not adopted; what was decided last is said again above it, and people are called.
 */
import type { Ladder } from './state.ts'

/** Rule of the decision, and cause of the alert. */
export const FORGED_RULE = 'forged-command'

/** Above it there would soon be no number that a long can hold exactly. */
const NUMBER_MAX = 2 ** 52

type Numbers = Pick<Ladder, 'epoch' | 'sequence'>

export interface RefusedCommand {
  readonly epoch: number
  readonly sequence: number
  /** In words of ours: nothing of what the command says is shown. */
  readonly why: string
}

/** The epoch that ours must be above; 0: it is too high to be surpassed, and only gateways that verify are safe from it. */
export function epochOf(refused: RefusedCommand | null): number {
  return refused !== null && isSurpassable(refused) ? refused.epoch : 0
}

export function isSurpassable({ epoch }: { readonly epoch: number }): boolean {
  return epoch <= NUMBER_MAX
}

/** The sequence after which the next one is still a number, where the epoch is above in any case. */
export function sequenceAfter(sequence: number): number {
  return sequence <= NUMBER_MAX ? sequence : 0
}

/** Numbers after which the next command is above what a gateway holds; null: there are none, and ours must not be spoilt by looking for them. */
export function numbersOver(ours: Numbers, held: Numbers): Numbers | null {
  if (!isSurpassable(held)) return null
  if (held.sequence > NUMBER_MAX) return { epoch: Math.max(ours.epoch, held.epoch + 1), sequence: ours.sequence }
  return { epoch: Math.max(ours.epoch, held.epoch), sequence: Math.max(ours.sequence, held.sequence) }
}

/** Has this very command been told of before? */
export function isToldOf({ refusedCommand }: Ladder, refused: RefusedCommand): boolean {
  return refusedCommand === nameOf(refused)
}

export function nameOf({ epoch, sequence }: RefusedCommand): string {
  return `${epoch}/${sequence}`
}
