/** Follows the decisions topic, as anybody may: the demo learns what Flyball decided from the log and from nowhere else. */
import type { Decision } from '../src/domain.ts'
import type { EventLog, Reader, Source } from '../src/kafka/contract.ts'
import { recordsOf } from '../src/kafka/log-record.ts'
import { isAnchor } from '../src/kit/anchor.ts'
import { decodeDecision } from '../src/wire/decisions.ts'
import { isInternalKey } from '../src/wire/keys.ts'
import { versionOf } from '../src/wire/versions.ts'

const WAIT_MS = 250

export class DecisionFollower {
  readonly all: Decision[] = []
  readonly #reader: Reader
  readonly #sources: readonly Source[]
  readonly #tell: (decision: Decision) => void
  readonly #running: Promise<void>
  #stopped = false

  static async open(log: EventLog, topic: string, tell: (decision: Decision) => void): Promise<DecisionFollower> {
    return new DecisionFollower(log, topic, await log.admin.offsets(topic), tell)
  }

  private constructor(
    log: EventLog,
    topic: string,
    offsets: readonly { readonly partition: number; readonly start: number }[],
    tell: (decision: Decision) => void,
  ) {
    this.#reader = log.reader()
    this.#sources = offsets.map(({ partition, start }) => this.#reader.open(topic, partition, start))
    this.#tell = tell
    this.#running = this.#follow()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
    await this.#reader.close()
  }

  async #follow(): Promise<void> {
    while (!this.#stopped) {
      for (const source of this.#sources) this.#take(source)
      await this.#reader.wait(WAIT_MS).catch(() => undefined)
    }
  }

  #take(source: Source): void {
    for (let batch = source.take(); batch !== null; batch = source.take()) {
      for (const record of recordsOf(batch)) {
        if (record.value === null || isInternalKey(record.key)) continue
        const decision = decodeDecision(record.value, versionOf(record))
        if (isAnchor(decision)) continue
        this.all.push(decision)
        this.#tell(decision)
      }
    }
  }
}

/** The small decisions that say that a command is in force: acked, then observed in the traffic. */
export interface CommandTimes {
  readonly decision: Decision
  readonly ackedMs: number | null
  readonly observedMs: number | null
}

const COMMANDING: readonly Decision['verdict']['kind'][] = ['start', 'promote', 'throttle', 'rollback', 'step-down', 'lift']

/** Every decision that moved traffic, with when its command was acked and observed, in wall-clock ms after it was issued. */
export function commandTimes(decisions: readonly Decision[]): readonly CommandTimes[] {
  return decisions
    .filter(({ verdict }) => COMMANDING.includes(verdict.kind))
    .map((decision) => ({
      decision,
      ackedMs: afterCommand(decisions, decision, 'acked'),
      observedMs: afterCommand(decisions, decision, 'observed'),
    }))
}

function afterCommand(decisions: readonly Decision[], { sequence, number }: Decision, kind: 'acked' | 'observed'): number | null {
  const found = decisions.find((each) => each.sequence === sequence && each.number > number && each.verdict.kind === kind)
  const [from, to] = [found?.wallTimes['commanded'], found?.wallTimes[kind]]
  return from === undefined || to === undefined ? null : to - from
}
