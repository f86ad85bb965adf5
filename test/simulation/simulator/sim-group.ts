/**
 * A consumer group as its coordinator runs it: members are thrown out when their process has been silent for a session, learn of a new
 * generation each in its own time, and join again when they find themselves out. So two may believe that they own one partition.
 */
import type { GroupOptions, Membership } from '../../../src/kafka/contract.ts'
import { shareOut } from '../../../src/kafka/share-out.ts'
import type { Scheduler } from './scheduler.ts'
import type { SimProcess } from './sim-process.ts'

/** Where it lives. */
interface Host {
  readonly scheduler: Scheduler
  call(from: SimProcess, call: { readonly kind: 'fetch' }, effect: () => void): Promise<void>
}

const SESSION_MS = 10_000
const HEARTBEAT_MS = 1000

interface Member {
  readonly process: SimProcess
  readonly options: GroupOptions
  memberId: string
  /** What it was last told. */
  owned: readonly number[]
  toldId: string
  inGroup: boolean
  stopped: boolean
  lastHeartbeatMs: number
}

export class SimGroup {
  readonly #cluster: Host
  readonly #partitions: number
  readonly #members: Member[] = []
  #generation = 0
  #joined = 0

  constructor(cluster: Host, partitions: number) {
    this.#cluster = cluster
    this.#partitions = partitions
  }

  join(process: SimProcess, options: GroupOptions): Membership {
    const { scheduler } = this.#cluster
    const member: Member = {
      process,
      options,
      memberId: '',
      owned: [],
      toldId: '',
      inGroup: false,
      stopped: false,
      lastHeartbeatMs: scheduler.nowMs,
    }
    process.after(scheduler.between(5, 200), () => this.#enter(member))
    this.#beat(member)
    return {
      stop: async () => {
        member.stopped = true
        await this.#cluster.call(process, { kind: 'fetch' }, () => this.#leave(member))
      },
      get sinceHeartbeatMs() {
        return scheduler.nowMs - member.lastHeartbeatMs
      },
    }
  }

  /** Somebody is thrown out whose process is well: its heartbeats were lost. */
  throwOut(): boolean {
    const inside = this.#members.filter(({ process }) => !process.dead && !process.paused)
    if (inside.length === 0) return false
    const member = this.#cluster.scheduler.pick(inside)
    if (this.#cluster.scheduler.chance(0.5)) member.process.slowWrites = this.#cluster.scheduler.between(1, 4)
    this.#cluster.scheduler.after(this.#cluster.scheduler.between(0, 1500), () => this.#leave(member))
    return true
  }

  #enter(member: Member): void {
    if (member.stopped || member.inGroup || member.process.dead) return
    member.memberId = `member-${String(this.#joined++).padStart(6, '0')}`
    member.inGroup = true
    member.lastHeartbeatMs = this.#cluster.scheduler.nowMs
    this.#members.push(member)
    this.#rebalance()
  }

  #leave(member: Member): void {
    const at = this.#members.indexOf(member)
    if (at < 0) return
    this.#members.splice(at, 1)
    member.inGroup = false
    this.#rebalance()
  }

  /** Once a second, as long as its process has time; the coordinator looks as often. */
  #beat(member: Member): void {
    const { scheduler } = this.#cluster
    if (member.stopped) return
    const { process } = member
    const sinceMs = process.dead ? scheduler.nowMs - member.lastHeartbeatMs : process.paused ? scheduler.nowMs - process.pausedAtMs : 0
    if (member.inGroup && sinceMs >= SESSION_MS) this.#leave(member)
    if (process.dead && !member.inGroup) return
    if (!process.dead && !process.paused) {
      if (member.inGroup) member.lastHeartbeatMs = scheduler.nowMs
      else if (member.memberId !== '') process.after(scheduler.between(50, 800), () => this.#enter(member))
    }
    scheduler.after(HEARTBEAT_MS, () => this.#beat(member))
  }

  #rebalance(): void {
    const { scheduler } = this.#cluster
    const generation = ++this.#generation
    if (this.#members.length === 0) return
    scheduler.after(scheduler.between(20, 400), () => {
      if (generation !== this.#generation) return
      const shares = shareOut(this.#partitions, this.#members)
      for (const member of this.#members) {
        const now = shares.get(member.memberId)!
        scheduler.after(scheduler.between(0, 900), () => member.process.whenAwake(() => this.#tell(member, generation, now)))
      }
    })
  }

  #tell(member: Member, generation: number, now: readonly number[]): void {
    if (generation !== this.#generation || member.stopped || !member.inGroup) return
    const kept = member.toldId === member.memberId ? now.filter((partition) => member.owned.includes(partition)) : []
    member.owned = now
    member.toldId = member.memberId
    member.lastHeartbeatMs = this.#cluster.scheduler.nowMs
    member.options.onAssigned(now, kept)
  }
}
