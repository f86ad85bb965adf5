/** Commands for the subscriber's tests. */
import type { Command } from '../../src/domain.ts'
import type { Clock } from '../../src/kit/clock.ts'

/** A command that gives the candidate so many percent. */
export function commandOf(share: number, changes: Partial<Command> = {}): Command {
  return {
    id: `fraud-${changes.epoch ?? 1}-${changes.sequence ?? 1}`,
    environment: 'test',
    model: 'fraud',
    epoch: 1,
    sequence: 1,
    issuedAtMs: 1_700_000_000_000,
    kind: share === 0 ? 'rollback' : 'promote',
    control: 'v1',
    candidate: 'v2',
    weights: { v1: 100 - share, v2: share },
    segments: [],
    leaseMs: 60_000,
    onSilence: 'keep',
    policyDigest: '',
    rule: '',
    reason: '',
    decisionId: '',
    ...changes,
  }
}

/** A clock moved by hand; sleeping lets other work run and no more. */
export function handClock(): Clock & { advance(ms: number): void } {
  let nowMs = 1_700_000_000_000
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs - 1_600_000_000_000,
    sleep: () => new Promise((resolve) => setTimeout(resolve, 2)),
    advance: (ms) => {
      nowMs += ms
    },
  }
}
