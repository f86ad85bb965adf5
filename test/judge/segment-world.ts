/** As `world.ts`, with traffic from several regions and platforms, and gateways that obey weights in segments, or do not. */
import type { Ack, Alert, Command, Pane, PaneCell, Pulse } from '../../src/domain.ts'
import { type JudgeEvent, step } from '../../src/judge/judge.ts'
import { emptyJudgeTime, passPulse, passWall } from '../../src/judge/judge-time.ts'
import { emptyJudge, type JudgeState } from '../../src/judge/state.ts'
import { seededRandom } from '../../src/kit/random.ts'
import type { ModelLayout } from '../../src/policy/layout.ts'
import { segmentOf } from '../../src/subscriber/route.ts'
import { BEGIN_MS, guardrail, layoutOf, modelLayout, type PlanChanges, rolloutOf, SLICE_MS, type Written } from './world.ts'

export const REGIONS = ['eu', 'us', 'asia']
const PLATFORMS = ['web', 'app']

type Region = string

export interface SegmentTraffic {
  readonly requestsPerSlice: number
  /** Error rate of both versions, by region. */
  readonly errors: Readonly<Record<Region, number>>
  /** What the candidate adds to it. */
  readonly harm: Readonly<Record<Region, number>>
  /** Of the second gateway, which has a tenth of the traffic; null: there is none. */
  readonly otherFeatures: readonly string[] | null
  readonly features: readonly string[]
}

const TRAFFIC: SegmentTraffic = {
  requestsPerSlice: 600,
  errors: { eu: 0.02, us: 0.02, asia: 0.02 },
  harm: {},
  features: ['segments:region'],
  otherFeatures: null,
}

/** Scopes as the policy's compiler lists them; cohorts as rungs: percent, or percent of a segment. */
export function segmentModel(plan: PlanChanges = {}, cohorts: readonly string[] = []): ModelLayout {
  const values = [...REGIONS, '__other__'].map((region) => `region=${region}`)
  const platforms = [...PLATFORMS, '__other__'].map((platform) => `platform=${platform}`)
  const scopes = [...values, ...platforms].map((name, value) => ({ name, dimensionSlot: 0, value }))
  const base = rolloutOf(plan)
  const rungs = base.rungs.map((rung, index) => ({ ...rung, cohort: cohorts[index] ?? '' }))
  const rollout = { ...base, rungs, isolate: 'region', ...plan.rollout }
  const guardrails = [guardrail({ scopes: ['__all__', ...scopes.map(({ name }) => name)] })]
  const model = modelLayout({ guardrails, ...plan, rollout })
  return { ...model, scopes: [...model.scopes, ...scopes] }
}

export class SegmentWorld {
  model: ModelLayout
  readonly decisions: Written[] = []
  readonly commands: Command[] = []
  readonly alerts: Alert[] = []
  readonly panes: Pane[] = []
  readonly random
  state: JudgeState
  time = emptyJudgeTime()
  wallMs = BEGIN_MS
  /** The gateway says that it obeys segments, and does not. */
  leaks = false
  traffic: SegmentTraffic
  /** Requests of the candidate by region, since the start. */
  readonly served: Record<Region, number> = {}
  #digest: string | null = null
  #offset = 0
  #sequence = 0
  #held: Command | null = null
  #routed: Record<string, number> = { v1: 0, v2: 0 }

  constructor(model: ModelLayout, traffic: Partial<SegmentTraffic>, seed: number) {
    this.model = model
    this.traffic = { ...TRAFFIC, ...traffic }
    this.state = emptyJudge(model)
    this.random = seededRandom(seed)
  }

  send(event: JudgeEvent): void {
    const now = { judgeTimeMs: this.time.nowMs, wallMs: this.wallMs }
    const layout = layoutOf(this.model)
    const next = step(this.state, event, now, this.model, this.#digest === null ? layout : { ...layout, policyDigest: this.#digest })
    this.state = next.state
    for (const effect of next.effects) {
      if (effect.kind !== 'decide') continue
      this.decisions.push(effect.decision)
      this.alerts.push(...effect.alerts)
      if (effect.command === null) continue
      this.commands.push(effect.command)
      this.#held = effect.command
    }
  }

  /** Another tenure, perhaps under another policy. */
  begin(model: ModelLayout, policyDigest: string, epoch: number): void {
    this.model = model
    this.#digest = policyDigest
    this.send({ kind: 'taken-over', epoch, adopted: this.state.ladder.command })
  }

  slices(count: number): void {
    for (let index = 0; index < count; index++) this.#slice()
  }

  moves(): readonly string[] {
    const kinds = ['start', 'promote', 'throttle', 'rollback', 'isolate', 'step-down', 'lift', 'override', 'adopt']
    return this.decisions.filter(({ verdict }) => kinds.includes(verdict.kind)).map(({ verdict }) => verdict.kind)
  }

  last(): Written {
    return this.decisions.at(-1)!
  }

  #slice(): void {
    const startMs = this.wallMs
    this.wallMs += SLICE_MS
    const from = this.#offset
    const cells = this.#requests()
    this.#offset += this.traffic.requestsPerSlice
    const pane = this.#pane(startMs, from, cells)
    this.panes.push(pane)
    this.send({ kind: 'pane', pane })
    this.#pulse(from)
    this.send({ kind: 'ack', ack: this.#ack('gateway-1', this.traffic.features) })
    if (this.traffic.otherFeatures !== null) this.send({ kind: 'ack', ack: this.#ack('gateway-2', this.traffic.otherFeatures) })
    this.time = passWall(this.time, this.wallMs, 10_000)
    this.send({ kind: 'tick' })
  }

  #requests(): PaneCell[] {
    const tally = new Map<string, [requests: number, errors: number]>()
    for (let request = 0; request < this.traffic.requestsPerSlice; request++) {
      const region = REGIONS[Math.floor(this.random() * REGIONS.length)]!
      const platform = PLATFORMS[Math.floor(this.random() * PLATFORMS.length)]!
      const version = this.#route(region)
      const rate = this.traffic.errors[region]! + (version === 'v2' ? (this.traffic.harm[region] ?? 0) : 0)
      const failed = this.random() < rate ? 1 : 0
      this.#routed[version]! += 1
      if (version === 'v2') this.served[region] = (this.served[region] ?? 0) + 1
      for (const scope of ['__all__', `region=${region}`, `platform=${platform}`]) {
        const cell = tally.get(`${version}|${scope}`) ?? [0, 0]
        cell[0] += 1
        cell[1] += failed
        tally.set(`${version}|${scope}`, cell)
      }
    }
    return [...tally].map(([key, [requests, errors]]): PaneCell => {
      const [version = '', scope = ''] = key.split('|')
      const numbers = (value: number) => ({ counts: Float64Array.of(value), sums: new Float64Array(0) })
      const blocks = new Map([['requests', numbers(requests)] as const, ['errors', numbers(errors)] as const])
      return { version, scope, population: 'all', blocks }
    })
  }

  #route(region: Region): string {
    const command = this.#held
    if (command === null) return 'v1'
    const isOld = this.traffic.otherFeatures?.length === 0 && this.random() < 0.1
    const apart = isOld || this.leaks ? null : segmentOf(command.segments, { region })
    const share = (apart?.weights ?? command.weights)['v2'] ?? 0
    return 100 * this.random() < share ? 'v2' : 'v1'
  }

  #pane(sliceStartMs: number, from: number, cells: readonly PaneCell[]): Pane {
    this.#sequence += 1
    const sliceEndMs = sliceStartMs + SLICE_MS
    return {
      kind: 'pane',
      model: 'flights',
      source: 'predictions/0',
      chain: 'exposure',
      stamp: { epoch: 1, sequence: this.#sequence },
      base: { epoch: 0, sequence: 0 },
      from,
      to: this.#offset,
      previousTo: from,
      sliceStartMs,
      sliceEndMs,
      finalAtMs: sliceEndMs,
      sampleRate: 1,
      blockHashes: new Map([
        ['requests', 'requests-1'],
        ['errors', 'errors-1'],
      ]),
      cells,
    }
  }

  #pulse(from: number): void {
    this.#sequence += 1
    const pulse: Pulse = {
      kind: 'pulse',
      source: 'predictions/0',
      stamp: { epoch: 1, sequence: this.#sequence },
      base: { epoch: 0, sequence: 0 },
      from,
      to: this.#offset,
      sliceEndMs: this.wallMs,
      exposureClockMs: this.wallMs,
      outcomeClockMs: this.wallMs,
      describedClockMs: -1,
      idle: false,
      ended: false,
      lagRecords: 0,
      models: ['flights'],
    }
    this.time = passPulse(this.time, pulse, this.wallMs)
    this.send({ kind: 'pulse', pulse })
  }

  #ack(gateway: string, features: readonly string[]): Ack {
    const command = this.#held
    return {
      model: 'flights',
      gateway,
      kind: 'presence',
      commandId: command?.id ?? '',
      epoch: command?.epoch ?? 0,
      sequence: command?.sequence ?? 0,
      atMs: this.wallMs,
      leaseExpired: false,
      routed: gateway === 'gateway-1' ? { ...this.#routed } : {},
      countersSinceMs: BEGIN_MS,
      features,
    }
  }
}
