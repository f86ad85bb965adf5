/**
 * One model in the hands of the tenure that owns it: its state, how far it has read, and how its decisions are written.
 *
 * An event is stepped through the pure judge; what it decides is committed in ONE transaction with the state it leads to. Only then
 * does the seat go on. Anything thrown here ends the tenure.
 */
import type { Alert, Command, Decision } from '../domain.ts'
import { type JudgeEffect, type JudgeEvent, type Now, step } from '../judge/judge.ts'
import { type JudgeState, withLastHash } from '../judge/state.ts'
import { isAnchor } from '../kit/anchor.ts'
import type { Clock } from '../kit/clock.ts'
import type { TopicNames } from '../kit/topics.ts'
import { decisionSpanName, TRACEPARENT_HEADER, traceparentOf } from '../kit/traceparent.ts'
import type { Layout, ModelLayout } from '../policy/layout.ts'
import type { Emit } from '../telemetry/events.ts'
import { alertRecord } from '../wire/alerts.ts'
import { controlHeaders, encodeCommand } from '../wire/control.ts'
import { DECISION_HEADERS, encodeDecision, hashOfDecision } from '../wire/decisions.ts'
import { modelKey } from '../wire/keys.ts'
import { judgeDelayMs, standingEvents } from './judge-standing.ts'
import { type Positions, stateRecords } from './judge-store.ts'
import { type Signatures, withSignature } from './signatures.ts'
import type { Tenure, TenureRecord } from './tenure.ts'

export interface SeatContext {
  readonly layout: Layout
  readonly topics: TopicNames
  readonly clock: Clock
  readonly emit: Emit
  readonly signatures: Signatures
}

export class JudgeSeat {
  readonly model: ModelLayout
  state: JudgeState
  positions: Positions
  readonly #context: SeatContext
  readonly #tenure: Tenure
  #snapshots = 0
  #panesSinceStored = 0

  constructor(context: SeatContext, tenure: Tenure, model: ModelLayout, state: JudgeState, positions: Positions) {
    this.#context = context
    this.#tenure = tenure
    this.model = model
    this.state = state
    this.positions = positions
  }

  /** `positions` must already include the event: they are stored with what it leads to. */
  async apply(event: JudgeEvent, now: Now): Promise<void> {
    const beganMs = this.#context.clock.monotonicMs()
    const { state, effects } = step(this.state, event, now, this.model, this.#context.layout)
    this.state = state
    if (event.kind === 'pane') this.#panesSinceStored++
    const records: TenureRecord[] = []
    for (const effect of effects) this.#collect(effect, records)
    if (records.length > 0)
      await this.#commit(
        records,
        effects.some((effect) => effect.kind === 'decide'),
      )
    for (const effect of effects) this.#tell(effect, now, this.#context.clock.monotonicMs() - beganMs)
  }

  /** Stores the state without a decision when much has been read since the last time. */
  async storeIfDue(panes: number): Promise<void> {
    if (this.#panesSinceStored >= panes) await this.store()
  }

  async store(): Promise<void> {
    await this.#commit([], true)
  }

  tellStanding(now: Now): void {
    for (const event of standingEvents(this.state, this.model, now)) this.#context.emit(event)
  }

  async #commit(records: readonly TenureRecord[], withState: boolean): Promise<void> {
    const snapshotId = `${this.#tenure.epoch}-${this.#snapshots++}`
    const state = withState ? stateRecords(this.#context.topics.state, this.state, this.positions, snapshotId) : []
    await this.#tenure.commit([...records, ...state])
    if (withState) this.#panesSinceStored = 0
  }

  #collect(effect: JudgeEffect, records: TenureRecord[]): void {
    if (effect.kind === 'republish') records.push(this.#commandRecord(effect.command))
    if (effect.kind !== 'decide') return
    records.push(this.#decisionRecord({ ...effect.decision, previousHash: this.state.ladder.lastHash }))
    if (effect.command !== null) records.push(this.#commandRecord(effect.command))
    for (const alert of effect.alerts) records.push(this.#alertRecord(alert))
  }

  #decisionRecord(decision: Decision): TenureRecord {
    const value = encodeDecision(decision)
    this.state = withLastHash(this.state, decision.number, hashOfDecision(value))
    const { topics, signatures } = this.#context
    const record = { key: modelKey(decision.model), value, headers: DECISION_HEADERS }
    // Hashes chain the others to it.
    const signer = isAnchor(decision) ? signatures.signer : null
    return { topic: topics.decisions, record: withSignature(signer, topics.decisions, decision.environment, record) }
  }

  #commandRecord(command: Command): TenureRecord {
    const record = {
      key: modelKey(command.model),
      value: encodeCommand(command),
      headers: { ...controlHeaders(command, this.model.plan.rollout.revertFlag), ...this.#traceHeader(command) },
    }
    const { topics, signatures } = this.#context
    return { topic: topics.control, record: withSignature(signatures.signer, topics.control, command.environment, record) }
  }

  /** Of its decision's span. A command past the judge has no decision. */
  #traceHeader({ id, environment, decisionId, issuedAtMs }: Command): Readonly<Record<string, string>> {
    if (this.#context.layout.traces === undefined || decisionId === id) return {}
    return { [TRACEPARENT_HEADER]: traceparentOf(decisionSpanName(environment, decisionId, issuedAtMs)) }
  }

  #alertRecord(alert: Alert): TenureRecord {
    return { topic: this.#context.topics.alerts, record: alertRecord(alert) }
  }

  #tell(effect: JudgeEffect, now: Now, tookMs: number): void {
    if (effect.kind === 'event') this.#context.emit(effect.event)
    if (effect.kind !== 'decide') return
    const { id, model, number, verdict, summary, judgeTimeMs } = effect.decision
    // No news to people: neither counted nor logged beside what was decided.
    if (isAnchor(effect.decision)) return this.#context.emit({ event: 'anchored', model, number })
    const { kind, rule } = verdict
    const sequence = effect.command?.sequence ?? null
    const delayMs = judgeDelayMs(now)
    this.#context.emit({ event: 'decided', id, model, number, sequence, verdict: kind, rule, summary, judgeTimeMs, tookMs, delayMs })
    for (const alert of effect.alerts) {
      this.#context.emit({ event: 'alert', incident: alert.incident, severity: alert.severity, summary: alert.summary })
    }
  }
}
