/** A small world around the judge of one model: traffic on a few source partitions, a gateway that obeys (or not), and a clock. */
import type { Ack, Alert, Command, Decision, OperatorRequest, Pane, PaneCell, Pulse } from '../../src/domain.ts'
import { type JudgeEffect, type JudgeEvent, step } from '../../src/judge/judge.ts'
import { emptyJudgeTime, type JudgeTime, passPulse, passWall } from '../../src/judge/judge-time.ts'
import { emptyJudge, type JudgeState } from '../../src/judge/state.ts'
import { type Random, seededRandom } from '../../src/kit/random.ts'
import { NO_FIELDS } from '../../src/policy/inputs.ts'
import type { Block, Guardrail, Layout, ModelLayout, Plan, RolloutPlan } from '../../src/policy/layout.ts'

export const SLICE_MS = 5_000
export const BEGIN_MS = 1_700_000_000_000

function block(id: 'requests' | 'errors', countOffset: number): Block {
  return {
    id,
    kind: id,
    hash: `${id}-1`,
    inSegments: true,
    countSlots: 1,
    sumSlots: 0,
    countOffset,
    sumOffset: 0,
    slot: -1,
    edges: [],
    firstMs: 0,
    perOctave: 0,
    bins: 0,
    outcome: '',
    absent: Number.NaN,
    floor: 0,
    lambdas: [],
  }
}

export function guardrail(changes: Partial<Guardrail> = {}): Guardrail {
  return {
    name: 'errors',
    kind: 'error-rate',
    class: 'critical',
    action: 'rollback',
    margin: 0.005,
    promotes: true,
    promotionMargin: 0.01,
    scopes: ['__all__'],
    blocks: ['requests', 'errors'],
    chain: 'exposure',
    thresholdsMs: [],
    quantiles: [],
    ...changes,
  }
}

/** Changes of a plan; of its rollout only what is named. */
export type PlanChanges = Partial<Omit<Plan, 'rollout'>> & { readonly rollout?: Partial<RolloutPlan> }

/** A plan that is nothing but a ladder: begins by itself, asks nobody, done at its last rung. */
export function rolloutOf({ ladder = [5, 25, 50, 100], dwellMs = 30_000, minimumRows = 200 }: PlanChanges): RolloutPlan {
  const words = { hypothesis: '', owner: '', contact: '', expectedBenefit: '', runbook: '', isolate: '' }
  const rungs = ladder.map((percent) => ({
    name: `${percent} %`,
    kind: 'weight' as const,
    percent,
    cohort: '',
    dwellMs,
    minimumRows,
    approval: false,
  }))
  return {
    ...words,
    successCriteria: [],
    exitConditions: [],
    start: 'automatic',
    fourEyes: false,
    preflight: [],
    revertFlag: null,
    guardMs: 0,
    freezeWindows: [],
    artifacts: {},
    offline: false,
    shadow: null,
    rungs,
  }
}

export function modelLayout(plan: PlanChanges = {}): ModelLayout {
  return {
    index: 0,
    name: 'flights',
    versions: ['v1', 'v2'],
    control: 0,
    candidate: 1,
    hasUnits: false,
    dimensionSlots: [],
    scopes: [{ name: '__all__', dimensionSlot: -1, value: 0 }],
    exposureBlocks: [block('requests', 0), block('errors', 1)],
    horizons: [],
    describedBlocks: [],
    plan: {
      mode: 'enforce',
      weights: 'flyball',
      ladder: [5, 25, 50, 100],
      dwellMs: 30_000,
      minimumRows: 200,
      riskFactor: 1,
      promotionAlpha: 0.05,
      rollbackAlpha: 0.01,
      throttleAlpha: 0.05,
      stratumRequests: 200,
      settlingMs: 0,
      silentAfterMs: 30_000,
      silentMinimum: 20,
      coverageMin: 0.5,
      maxBlindMs: 300_000,
      calmAfterMs: 60_000,
      maxLifts: 1,
      ackQuorum: 0.5,
      ackWithinMs: 20_000,
      observeWithinMs: 60_000,
      heartbeatMs: 10_000,
      leaseMs: 60_000,
      presenceTimeoutMs: 30_000,
      onSilence: 'keep',
      guardrails: [guardrail()],
      ...plan,
      rollout: { ...rolloutOf(plan), ...plan.rollout },
    },
  }
}

export function layoutOf(model: ModelLayout): Layout {
  const input = {
    topic: 'predictions',
    format: 'json' as const,
    schemaFile: null,
    registry: null,
    fields: NO_FIELDS,
    numbers: [],
    symbols: [],
    dimensions: [],
  }
  return {
    policyDigest: 'abcdef0123456789',
    environment: 'test',
    sliceMs: SLICE_MS,
    maxClockSkewMs: 60_000,
    idleAfterMs: 10_000,
    alignWithinMs: 20_000,
    alignPatienceMs: 10_000,
    maxStratumAgeMs: 60_000,
    maxPending: 1000,
    maxHorizonMs: 0,
    maxEarlyMs: 0,
    recordBytesMax: 1_000_000,
    predictions: input,
    outcomes: null,
    described: null,
    models: [model],
  }
}

export function requestOf(verb: OperatorRequest['verb'], changes: Partial<OperatorRequest> = {}): OperatorRequest {
  const who = { who: 'ada', knownBy: 'unstated', reason: 'a drill', subject: null, body: '' } as const
  return { id: verb, model: 'flights', verb, ...who, atMs: 0, ifSequence: null, expiresAtMs: null, untilMs: null, ...changes }
}

export interface Traffic {
  readonly sources: number
  readonly requestsPerSlice: number
  readonly controlErrors: number
  readonly candidateErrors: number
  /** Share of the candidate's routed requests whose prediction arrives. */
  readonly candidateArrives: number
  readonly controlArrives: number
  /** Each arm writes to its own source: control to the first, candidate to the second. */
  readonly armPerSource: boolean
  /** Sources whose records are not read at present. */
  readonly stuck: readonly number[]
  readonly gatewayObeys: boolean
  /** The gateway tells what it has routed. */
  readonly routedCounts: boolean
  /** Candidate share of traffic when nobody obeys commands; null: what the gateway holds. */
  readonly fixedShare: number | null
  /** Records behind the end of the log, told in each pulse. */
  readonly lagRecords: number
  /** While nothing is routed to the candidate it sees so many requests of each slice all the same, and answers nobody. */
  readonly mirrored: number
}

export const TRAFFIC: Traffic = {
  sources: 2,
  requestsPerSlice: 200,
  controlErrors: 0.02,
  candidateErrors: 0.02,
  candidateArrives: 1,
  controlArrives: 1,
  armPerSource: false,
  stuck: [],
  gatewayObeys: true,
  routedCounts: true,
  fixedShare: null,
  lagRecords: 0,
  mirrored: 0,
}

interface SourceAt {
  offset: number
  sequence: number
  clockMs: number
}

export type Written = Omit<Decision, 'previousHash'>

export class World {
  readonly model: ModelLayout
  readonly layout: Layout
  readonly random: Random
  readonly events: { readonly event: JudgeEvent; readonly judgeTimeMs: number; readonly wallMs: number }[] = []
  readonly decisions: Written[] = []
  readonly commands: Command[] = []
  readonly republished: Command[] = []
  readonly alerts: Alert[] = []
  state: JudgeState
  time: JudgeTime = emptyJudgeTime()
  wallMs = BEGIN_MS
  traffic: Traffic
  gateway: { command: Command | null; routed: Record<string, number> } = { command: null, routed: { v1: 0, v2: 0 } }
  readonly at: SourceAt[] = []

  constructor(model: ModelLayout, traffic: Partial<Traffic> = {}, seed = 1) {
    this.model = model
    this.layout = layoutOf(model)
    this.state = emptyJudge(model)
    this.traffic = { ...TRAFFIC, ...traffic }
    this.random = seededRandom(seed)
  }

  /** One event through the judge; what it causes is kept, and the gateway hears of commands. */
  send(event: JudgeEvent): void {
    const now = { judgeTimeMs: this.time.nowMs, wallMs: this.wallMs }
    this.events.push({ event, ...now })
    const next = step(this.state, event, now, this.model, this.layout)
    this.state = next.state
    for (const effect of next.effects) this.keep(effect)
  }

  private keep(effect: JudgeEffect): void {
    if (effect.kind === 'republish') this.republished.push(effect.command)
    if (effect.kind !== 'decide') return
    this.decisions.push(effect.decision)
    this.alerts.push(...effect.alerts)
    if (effect.command !== null) this.commands.push(effect.command)
    if (effect.command !== null && this.traffic.gatewayObeys) this.gateway.command = effect.command
  }

  /** One slice of traffic on every source that is not stuck, then a tick. */
  slice(): void {
    const startMs = this.wallMs
    this.wallMs += SLICE_MS
    for (let source = 0; source < this.traffic.sources; source++) this.sliceOf(source, startMs)
    if (this.traffic.gatewayObeys) this.send({ kind: 'ack', ack: this.ack('presence') })
    this.tick()
  }

  slices(count: number): void {
    for (let index = 0; index < count; index++) this.slice()
  }

  tick(): void {
    this.time = passWall(this.time, this.wallMs, this.layout.alignPatienceMs)
    this.send({ kind: 'tick' })
  }

  ack(kind: Ack['kind']): Ack {
    const { command, routed } = this.gateway
    return {
      model: 'flights',
      gateway: 'gateway-1',
      kind,
      commandId: command?.id ?? '',
      epoch: command?.epoch ?? 0,
      sequence: command?.sequence ?? 0,
      atMs: this.wallMs,
      leaseExpired: false,
      routed: this.traffic.routedCounts ? { ...routed } : {},
      countersSinceMs: BEGIN_MS,
      features: [],
    }
  }

  private sliceOf(source: number, startMs: number): void {
    const at = (this.at[source] ??= { offset: 0, sequence: 0, clockMs: startMs })
    const share = this.traffic.fixedShare ?? (this.gateway.command?.weights['v2'] ?? 0) / 100
    const routed = this.draw(this.traffic.requestsPerSlice, share)
    this.gateway.routed['v2']! += routed
    this.gateway.routed['v1']! += this.traffic.requestsPerSlice - routed
    if (this.traffic.stuck.includes(source)) return
    const { armPerSource } = this.traffic
    const asked = routed === 0 ? this.traffic.mirrored : routed
    const candidate = armPerSource && source === 0 ? 0 : this.draw(asked, this.traffic.candidateArrives)
    const control = armPerSource && source === 1 ? 0 : this.draw(this.traffic.requestsPerSlice - routed, this.traffic.controlArrives)
    const from = at.offset
    at.offset += candidate + control
    at.clockMs = startMs + SLICE_MS
    if (at.offset > from) this.send({ kind: 'pane', pane: this.pane(source, startMs, from, candidate, control) })
    this.pulse(source, from)
  }

  pulse(source: number, from: number, changes: Partial<Pulse> = {}): void {
    const at = this.at[source]!
    at.sequence++
    const pulse: Pulse = {
      kind: 'pulse',
      source: `predictions/${source}`,
      stamp: { epoch: 1, sequence: at.sequence },
      base: { epoch: 0, sequence: 0 },
      from,
      to: at.offset,
      sliceEndMs: at.clockMs,
      exposureClockMs: at.clockMs,
      outcomeClockMs: at.clockMs,
      describedClockMs: -1,
      idle: false,
      ended: false,
      lagRecords: this.traffic.lagRecords,
      models: at.offset > from ? ['flights'] : [],
      ...changes,
    }
    this.time = passPulse(this.time, pulse, this.wallMs)
    this.send({ kind: 'pulse', pulse })
  }

  protected pane(source: number, sliceStartMs: number, from: number, candidate: number, control: number): Pane {
    const at = this.at[source]!
    at.sequence++
    return {
      kind: 'pane',
      model: 'flights',
      source: `predictions/${source}`,
      chain: 'exposure',
      stamp: { epoch: 1, sequence: at.sequence },
      base: { epoch: 0, sequence: 0 },
      from,
      to: at.offset,
      previousTo: from,
      sliceStartMs,
      sliceEndMs: sliceStartMs + SLICE_MS,
      finalAtMs: sliceStartMs + SLICE_MS,
      sampleRate: 1,
      blockHashes: new Map([
        ['requests', 'requests-1'],
        ['errors', 'errors-1'],
      ]),
      cells: [
        this.cell('v1', control, this.draw(control, this.traffic.controlErrors)),
        this.cell('v2', candidate, this.draw(candidate, this.traffic.candidateErrors)),
      ],
    }
  }

  private cell(version: string, requests: number, errors: number): PaneCell {
    const counts = (value: number) => ({ counts: Float64Array.of(value), sums: new Float64Array(0) })
    const blocks = new Map([
      ['requests', counts(requests)],
      ['errors', counts(errors)],
    ])
    return { version, scope: '__all__', population: 'all', blocks }
  }

  private draw(trials: number, rate: number): number {
    let hits = 0
    for (let index = 0; index < trials; index++) if (this.random() < rate) hits++
    return hits
  }

  /** Another world that stands where this one does, with nothing said in it yet. A judge's state is never changed, only followed. */
  forked(seed: number): World {
    const other = new World(this.model, this.traffic, seed)
    Object.assign(other, { state: this.state, time: this.time, wallMs: this.wallMs, gateway: structuredClone(this.gateway) })
    other.at.push(...structuredClone(this.at))
    return other
  }

  /** Verdict kinds in order, small words of the loop and holds left out. */
  moves(): readonly string[] {
    const kinds = ['start', 'advance', 'promote', 'throttle', 'rollback', 'step-down', 'lift', 'override', 'adopt']
    return this.decisions.filter((decision) => kinds.includes(decision.verdict.kind)).map((decision) => decision.verdict.kind)
  }

  said(kind: string): readonly Written[] {
    return this.decisions.filter((decision) => decision.verdict.kind === kind)
  }

  weight(): number {
    return this.state.ladder.weights['v2'] ?? 0
  }
}
