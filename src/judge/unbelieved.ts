/**
 * A command on the control topic that no trusted key vouches for, where keys are wanted: somebody else wrote it, and gateways that do not
 * verify may obey it. It is not adopted; what was decided last is said again above it, and people are called.
 */
import type { Ladder } from './state.ts'

/** Rule of the decision, and cause of the alert. */
export const FORGED_RULE = 'forged-command'

/** Above it there would soon be no number that a long can hold exactly. */
const EPOCH_MAX = 2 ** 52

export interface RefusedCommand {
  readonly epoch: number
  readonly sequence: number
  /** In words of ours: nothing of what the command says is shown. */
  readonly why: string
}

/** The epoch that ours must be above; 0: it is too high to be surpassed, and only gateways that verify are safe from it. */
export function epochOf(refused: RefusedCommand | null): number {
  return refused !== null && refused.epoch <= EPOCH_MAX ? refused.epoch : 0
}

/** Has this very command been told of before? */
export function isToldOf({ refusedCommand }: Ladder, refused: RefusedCommand): boolean {
  return refusedCommand === nameOf(refused)
}

export function nameOf({ epoch, sequence }: RefusedCommand): string {
  return `${epoch}/${sequence}`
}
