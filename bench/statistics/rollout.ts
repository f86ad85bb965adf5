/**
 * One rollout, as the product runs it: the judge's own `step` climbs the ladder of a compiled policy by its own rules, two gateways
 * take its commands a moment after they are given, and a feed brings what the traffic shows under the shares they apply.
 */
import type { Ack, Alert, Command, HarmVerdict, Verdict } from '../../src/domain.ts'
import { type JudgeEvent, step } from '../../src/judge/judge.ts'
import { emptyJudgeTime, type JudgeTime, passPulse, passWall } from '../../src/judge/judge-time.ts'
import { emptyJudge, type JudgeState } from '../../src/judge/state.ts'
import type { Random } from '../../src/kit/random.ts'
import type { Feed } from './feed.ts'
import { BEGIN_MS, type PanePair } from './traffic.ts'

export interface RolloutResult {
  readonly rolledBack: boolean
  /** `guardrail in scope`, or the rule when there is no evidence to name. */
  readonly reason: string
  readonly throttles: number
  readonly throttledBy: string
  readonly promoted: boolean
  /** Stream time from the first slice to the first arrival at 100 %, to the rollback, and to the first throttle; -1: never. */
  readonly promotedAfterMs: number
  readonly rolledBackAfterMs: number
  readonly throttledAfterMs: number
  readonly slices: number
  readonly requests: number
  readonly strata: number
  /** Highest rung's share that was ever commanded, in percent. */
  readonly shareMax: number
  /** What held last. */
  readonly heldBy: string
}

export interface RolloutOptions {
  readonly slicesMax: number
  /** Slices to go on for at 100 %, so that late labels are seen. */
  readonly slicesAfter: number
  /** Gateways take a command after between 0 and this many milliseconds. */
  readonly gatewayDelayMs?: number
  /** The share that gateways really give when this one is commanded, `ms` after the beginning: a broken splitter says another. */
  readonly splitter?: (commanded: number, afterMs: number) => number
  /** False: gateways do not tell what they route. */
  readonly routedCounts?: boolean
  /** Told of each alert, with the wall clock. */
  readonly onAlert?: (alert: Alert, atMs: number) => void
  /** Told after each slice, for plots. */
  readonly watch?: (state: JudgeState, pair: PanePair) => void
}

interface Gateway {
  readonly name: string
  command: Command | null
  /** What it will obey next, and when. */
  next: Command | null
  nextAtMs: number
  candidate: number
  control: number
}

const GATEWAYS = 2
const GATEWAY_DELAY_MS = 3_000

export class Rollout {
  private readonly feed: Feed
  private readonly options: RolloutOptions
  private readonly random: Random
  private readonly gateways: readonly Gateway[]
  private state: JudgeState
  private time: JudgeTime = emptyJudgeTime()
  private wallMs = BEGIN_MS
  private requests = 0
  private throttles = 0
  private throttledBy = ''
  private reason = ''
  private heldBy = ''
  private shareMax = 0
  private promotedAtMs = -1
  private rolledBackAtMs = -1
  private throttledAtMs = -1

  constructor(feed: Feed, random: Random, options: RolloutOptions) {
    this.feed = feed
    this.random = random
    this.options = options
    this.state = emptyJudge(feed.model)
    this.gateways = Array.from({ length: GATEWAYS }, (_, index) => ({
      name: `gateway-${index}`,
      command: null,
      next: null,
      nextAtMs: 0,
      candidate: 0,
      control: 0,
    }))
  }

  run(): RolloutResult {
    const { slicesMax, slicesAfter } = this.options
    let slices = 0
    for (let left = slicesMax; left > 0; left -= 1) {
      this.slice(slices)
      slices += 1
      if (this.rolledBackAtMs >= 0) break
      if (this.promotedAtMs >= 0) left = Math.min(left, slicesAfter - (this.wallMs - this.promotedAtMs) / this.feed.layout.sliceMs + 1)
    }
    const since = (atMs: number) => (atMs < 0 ? -1 : atMs - BEGIN_MS)
    return {
      rolledBack: this.rolledBackAtMs >= 0,
      reason: this.reason,
      throttles: this.throttles,
      throttledBy: this.throttledBy,
      promoted: this.promotedAtMs >= 0,
      promotedAfterMs: since(this.promotedAtMs),
      rolledBackAfterMs: since(this.rolledBackAtMs),
      throttledAfterMs: since(this.throttledAtMs),
      slices,
      requests: this.requests,
      strata: Object.values(this.state.evidence.chains).reduce((sum, chain) => sum + chain.closed, 0),
      shareMax: this.shareMax,
      heldBy: this.heldBy,
    }
  }

  private slice(index: number): void {
    const { sliceMs } = this.feed.layout
    const fed = this.feed.slice(index, this.sharesOf(sliceMs))
    this.wallMs += sliceMs
    this.requests += fed.routed.candidate + fed.routed.control
    for (const record of fed.records) {
      if (record.kind === 'pulse') {
        this.time = passPulse(this.time, record, this.wallMs)
        this.send({ kind: 'pulse', pulse: record })
      } else this.send({ kind: 'pane', pane: record })
    }
    for (const gateway of this.gateways) {
      gateway.candidate += fed.routed.candidate / GATEWAYS
      gateway.control += fed.routed.control / GATEWAYS
      this.send({ kind: 'ack', ack: this.ack(gateway) })
    }
    this.time = passWall(this.time, this.wallMs, this.feed.layout.alignPatienceMs)
    this.send({ kind: 'tick' })
    this.options.watch?.(this.state, fed.pair)
  }

  /** The candidate's share in each second: the mean of what the gateways apply. */
  private sharesOf(sliceMs: number): number[] {
    const shares: number[] = []
    for (let atMs = this.wallMs; atMs < this.wallMs + sliceMs; atMs += 1_000) {
      let sum = 0
      for (const gateway of this.gateways) {
        if (gateway.next !== null && gateway.nextAtMs <= atMs) {
          gateway.command = gateway.next
          gateway.next = null
        }
        const commanded = (gateway.command?.weights[this.candidate()] ?? 0) / 100
        sum += this.options.splitter?.(commanded, atMs - BEGIN_MS) ?? commanded
      }
      shares.push(sum / GATEWAYS)
    }
    return shares
  }

  private send(event: JudgeEvent): void {
    const { model, layout } = this.feed
    const next = step(this.state, event, { judgeTimeMs: this.time.nowMs, wallMs: this.wallMs }, model, layout)
    this.state = next.state
    for (const effect of next.effects) {
      if (effect.kind !== 'decide') continue
      this.note(effect.decision.verdict)
      for (const alert of effect.alerts) this.options.onAlert?.(alert, this.wallMs)
      if (effect.command !== null) this.obey(effect.command)
    }
  }

  private obey(command: Command): void {
    const share = command.weights[this.candidate()] ?? 0
    this.shareMax = Math.max(this.shareMax, share)
    if (share >= 100 && this.promotedAtMs < 0) this.promotedAtMs = this.wallMs
    for (const gateway of this.gateways) {
      gateway.next = command
      gateway.nextAtMs = this.wallMs + this.random() * (this.options.gatewayDelayMs ?? GATEWAY_DELAY_MS)
    }
  }

  private note(verdict: Verdict): void {
    if (verdict.kind === 'hold') this.heldBy = `${verdict.rule}: ${verdict.missing[0] ?? ''}`
    if (verdict.kind === 'rollback') {
      this.rolledBackAtMs = this.wallMs
      this.reason = groundsOf(verdict)
    }
    if (verdict.kind !== 'throttle') return
    if (this.throttles === 0) {
      this.throttledAtMs = this.wallMs
      this.throttledBy = groundsOf(verdict)
    }
    this.throttles += 1
  }

  private ack({ name, command, candidate, control }: Gateway): Ack {
    const [controlVersion, candidateVersion] = [this.feed.model.versions[this.feed.model.control]!, this.candidate()]
    const routed = { [controlVersion]: Math.floor(control), [candidateVersion]: Math.floor(candidate) }
    return {
      model: this.feed.model.name,
      gateway: name,
      kind: 'presence',
      commandId: command?.id ?? '',
      epoch: command?.epoch ?? 0,
      sequence: command?.sequence ?? 0,
      atMs: this.wallMs,
      leaseExpired: false,
      routed: (this.options.routedCounts ?? true) ? routed : {},
      countersSinceMs: BEGIN_MS,
      features: [],
    }
  }

  private candidate(): string {
    return this.feed.model.versions[this.feed.model.candidate]!
  }
}

function groundsOf(verdict: HarmVerdict): string {
  const strongest = verdict.evidence[0]
  return strongest === undefined ? verdict.rule : `${strongest.guardrail} in ${strongest.scope}`
}
