/** What a gateway holds of one model, and the rules by which a command replaces it. Pure: times are parameters. */
import type { Command, SegmentWeights, Weights } from '../domain.ts'

export interface Held {
  /** Null: nothing was ever commanded, everything goes to the control named in the options. */
  readonly command: Command | null
  /** Monotonic time at which the lease runs out. */
  readonly leaseUntilMs: number
}

export const NOTHING_HELD: Held = { command: null, leaseUntilMs: 0 }

/**
 * `applied`: took effect. `refreshed`: a heartbeat of what is held. `stale`: lower than what is held.
 * `too-late`: its own lease had run out before it came, and it would raise the candidate.
 */
export type Outcome = 'applied' | 'refreshed' | 'stale' | 'too-late'

/**
 * `ageMs`: how long the command lay in the log before we read it; 0 when it came live.
 * The first command is taken at any age: the log is the memory of a gateway that was restarted.
 */
export function receive(held: Held, command: Command, nowMs: number, ageMs: number): { readonly held: Held; readonly outcome: Outcome } {
  const order = compareOrder(command, held.command)
  if (order < 0) return { held, outcome: 'stale' }
  const leaseUntilMs = nowMs + Math.max(0, command.leaseMs - ageMs)
  if (order === 0) return { held: { ...held, leaseUntilMs: Math.max(held.leaseUntilMs, leaseUntilMs) }, outcome: 'refreshed' }
  if (ageMs >= command.leaseMs && held.command !== null && raisesCandidate(held.command, command)) return { held, outcome: 'too-late' }
  return { held: { command, leaseUntilMs }, outcome: 'applied' }
}

/** A rollback never expires. */
export function leaseExpired(held: Held, nowMs: number): boolean {
  return held.command !== null && held.command.kind !== 'rollback' && nowMs >= held.leaseUntilMs
}

export interface InForce {
  readonly weights: Weights
  readonly segments: readonly SegmentWeights[]
}

/** Keeps what is held when the lease has run out, unless silence means baseline: then nobody is kept apart any more either. */
export function inForce(held: Held, control: string, onSilence: 'keep' | 'baseline' | undefined, nowMs: number): InForce {
  const { command } = held
  if (command === null) return { weights: { [control]: 100 }, segments: [] }
  if (leaseExpired(held, nowMs) && (onSilence ?? command.onSilence) === 'baseline')
    return { weights: { [command.control]: 100 }, segments: [] }
  return command
}

/** Order of commands of a model: epoch, then sequence. */
export function compareOrder(command: Command, other: Command | null): number {
  if (other === null) return 1
  return command.epoch - other.epoch || command.sequence - other.sequence
}

/** In any segment that one of the two names, or outside them. */
function raisesCandidate(from: Command, to: Command): boolean {
  const { candidate } = to
  const segments = [...from.segments, ...to.segments].map(({ segment }) => segment)
  return ['', ...segments].some((segment) => (weightsIn(to, segment)[candidate] ?? 0) > (weightsIn(from, segment)[candidate] ?? 0))
}

function weightsIn({ weights, segments }: Command, segment: string): Weights {
  return segments.find((each) => each.segment === segment)?.weights ?? weights
}
