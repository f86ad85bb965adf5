/**
 * A drill from beginning to end: the shadow is set going while its traffic is healthy, harm is let loose in the candidate's arm, the loop
 * is timed until the traffic shows the command, and all is given back. The daemon, the topics and the subscriber are the real ones.
 */
import { randomUUID } from 'node:crypto'
import type { Command, Decision, OperatorRequest } from '../domain.ts'
import type { EventLog, Writer } from '../kafka/contract.ts'
import { type Clock, within } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import { partitionOf } from '../kit/hash.ts'
import type { Random } from '../kit/random.ts'
import type { Signer } from '../kit/signing.ts'
import { type TopicNames, topicNames } from '../kit/topics.ts'
import type { DrillPlan, Layout, ModelLayout } from '../policy/layout.ts'
import { withSignature } from '../shell/signatures.ts'
import { unitPoint, versionAt } from '../subscriber/route.ts'
import { createGovernor, type Governor } from '../subscriber/subscriber.ts'
import { requestRecord } from '../wire/requests.ts'
import { fenceJudge } from './fence.ts'
import { Follower, type Seen } from './follower.ts'
import { recordFormat } from './format.ts'
import { type DrillReport, type Measured, stepsOf } from './report.ts'
import { type Scenario, unseenBecause } from './scenario.ts'
import { DrillTraffic } from './traffic.ts'

export interface DrillOptions {
  readonly log: EventLog
  readonly layout: Layout
  readonly prefix: string
  readonly model: ModelLayout
  readonly shadow: ModelLayout
  readonly plan: DrillPlan
  readonly scenario: Scenario
  readonly perSecond: number
  readonly timeoutMs: number
  /** Traffic follows what gateways elsewhere say they obey; else a gateway of our own takes part. */
  readonly externalGateway: boolean
  readonly asker: Pick<OperatorRequest, 'who' | 'knownBy'>
  readonly reason: string
  /** With what requests are signed; null: not. Where the policy is strict the judge refuses others, a drill's too. */
  readonly signer: Signer | null
  readonly clock: Clock
  readonly random: Random
  readonly tell: (words: string) => void
  /** Somebody wants it to end. */
  readonly stopped: () => boolean
}

const ANSWER_MS = 30_000
const GATEWAY_READY_MS = 15_000
const QUIET_MS_MAX = 20_000
/** Giving back is waited for as long, even when the time of the drill is over. */
const RESTORE_MS = 30_000
/** A step is waited for longer than its objective, to say how late it came. */
const PATIENCE = 3
const PATIENCE_MS = 15_000

export async function runDrill(options: DrillOptions): Promise<DrillReport> {
  const { scenario, shadow, model } = options
  const unseen = unseenBecause(scenario, shadow)
  if (unseen !== '') throw new FlyballError('FLY-DRILL-003', { model: model.name, problem: unseen })
  const drill = await Drill.open(options)
  try {
    return await drill.run()
  } finally {
    await drill.close()
  }
}

type Verdict = Decision['verdict']

/** Of a command: a judge that took over says it of the same command under an epoch of its own, and sequences only rise. */
type Place = Pick<Command, 'sequence'>

/** What is had for the time of the drill. */
interface Stage {
  readonly topics: TopicNames
  readonly requestPartitions: number
  readonly writer: Writer
  readonly follower: Follower
  readonly governor: Governor | null
  readonly traffic: DrillTraffic
}

class Drill {
  readonly #options: DrillOptions
  readonly #stage: Stage
  readonly #run: string
  readonly #measured: Measured = {}
  readonly #notes: string[] = []
  readonly #untilMs: number
  readonly #startedAtMs: number
  #seenBy: Decision | null = null
  /** Gateways have exposed the candidate. */
  #exposed = false

  static async open(options: DrillOptions): Promise<Drill> {
    const run = `drill-${randomUUID().slice(0, 8)}`
    return new Drill(options, await stageOf(options, run), run)
  }

  private constructor(options: DrillOptions, stage: Stage, run: string) {
    this.#options = options
    this.#stage = stage
    this.#run = run
    this.#untilMs = options.clock.monotonicMs() + options.timeoutMs
    this.#startedAtMs = options.clock.nowMs()
  }

  async run(): Promise<DrillReport> {
    await this.#ready()
    try {
      if (await this.#begin()) await this.#harm()
    } finally {
      await this.#restore()
    }
    if (this.#options.stopped()) throw new FlyballError('FLY-DRILL-005', { shadow: this.#options.shadow.name })
    const report = this.#report()
    await this.#record(report)
    return report
  }

  async close(): Promise<void> {
    const { traffic, governor, writer, follower } = this.#stage
    for (const part of [() => traffic.stop(), () => governor?.stop(), () => writer.close(), () => follower.close()])
      await Promise.resolve(part()).catch(() => undefined)
  }

  /** Whatever a drill before has left behind is taken back: a judge that knows the shadow answers. */
  async #ready(): Promise<void> {
    const { shadow, tell } = this.#options
    tell(`${this.#run}: asking the judge for ${shadow.name}`)
    const answer = await this.#ask(shadow.name, 'abort')
    if (answer === null) throw new FlyballError('FLY-DRILL-002', { shadow: shadow.name, seconds: ANSWER_MS / 1_000 })
  }

  /** True when the first rung is commanded, acked and seen, with nothing wrong. */
  async #begin(): Promise<boolean> {
    const { shadow, clock, tell, plan, layout } = this.#options
    const beganMs = clock.monotonicMs()
    this.#stage.traffic.start()
    // Judge time follows the records: where nothing else flows it has to come to the present first.
    await clock.sleep(Math.min(2 * layout.sliceMs, QUIET_MS_MAX))
    tell('healthy traffic flows; beginning the rollout of the shadow')
    const answer = await this.#beginAnew()
    const command = await this.#commandAt(answer)
    if (command === null) return this.#missed('the command that begins it never came to the control topic')
    const { ackMs, observedMs } = plan.objective
    if ((await this.#said('acked', command.what, ackMs)) === null) return this.#missed(this.#ineffective(command.what))
    this.#exposed = true
    if ((await this.#said('observed', command.what, observedMs)) === null) return this.#missed(this.#ineffective(command.what))
    this.#measured.begin = clock.monotonicMs() - beganMs
    tell(`${shadow.name} is at ${command.what.weights[command.what.candidate]} %, acked and seen`)
    return true
  }

  async #harm(): Promise<void> {
    const { scenario, plan, tell, clock, log, prefix, shadow } = this.#options
    const { traffic } = this.#stage
    const known = this.#stage.follower.decisions.length
    traffic.harm = scenario
    const beganMs = await this.#find(() => (traffic.firstHarmMs > 0 ? traffic.firstHarmMs : undefined), PATIENCE_MS)
    if (beganMs === null) return void this.#missed('no request went to the candidate')
    tell(`harm: ${scenario}`)
    if (scenario === 'kill-judge') await fenceJudge(log, prefix, shadow.name)
    const patienceMs = PATIENCE * (plan.objective.detectMs + (scenario === 'silent' ? plan.silentAfterMs : 0)) + PATIENCE_MS
    const seen = await this.#find(() => this.#decisionsSince(known).find(({ what }) => takesBack(what)), patienceMs)
    if (seen === null) return void this.#missed('the judge took nothing back')
    this.#seenBy = seen.what
    this.#measured.detect = Math.max(0, seen.atMs - beganMs)
    tell(`seen by rule ${seen.what.verdict.rule}: ${seen.what.summary}`)
    const command = await this.#commandAt(seen.what)
    if (command === null) return void this.#missed('its command never came to the control topic')
    this.#measured.command = Math.max(0, command.atMs - seen.atMs)
    const acked = await this.#said('acked', command.what, plan.objective.ackMs)
    if (acked === null) return void this.#missed(this.#ineffective(command.what))
    this.#measured.ack = Math.max(0, acked.atMs - command.atMs)
    const observed = await this.#said('observed', command.what, plan.objective.observedMs)
    if (observed === null) return void this.#missed(this.#ineffective(command.what))
    this.#measured.observed = Math.max(0, observed.atMs - acked.atMs)
    tell(`in force ${Math.round(clock.monotonicMs() - beganMs)} ms after the first bad request`)
  }

  /** Healthy again: what was rolled back is let go once more, so that its alert ends, and then nothing is left of it. */
  async #restore(): Promise<void> {
    const { shadow, clock, tell } = this.#options
    const { traffic } = this.#stage
    const beganMs = clock.monotonicMs()
    tell('giving back')
    traffic.harm = null
    const begun = this.#seenBy === null ? null : await this.#beginAnew(true).catch(() => null)
    const ended = await this.#ask(shadow.name, 'abort')
    const command = ended === null ? null : await this.#commandAt(ended, true)
    // Where nothing was ever in force there is nobody to wait for.
    const given = command !== null && (!this.#exposed || (await this.#said('acked', command.what, RESTORE_MS, true)) !== null)
    await traffic.stop()
    if (given && (begun !== null || this.#seenBy === null)) this.#measured.restore = clock.monotonicMs() - beganMs
    else this.#missed(`the rollout of ${shadow.name} was not seen to end: look at flyball rollout status ${shadow.name}`)
  }

  #report(): DrillReport {
    const { model, shadow, scenario, plan, clock } = this.#options
    const steps = stepsOf(this.#measured, plan, scenario)
    return {
      format: 1,
      model: model.name,
      shadow: shadow.name,
      scenario,
      run: this.#run,
      startedAtMs: this.#startedAtMs,
      endedAtMs: clock.nowMs(),
      passed: steps.every(({ ok }) => ok),
      steps,
      decisionId: this.#seenBy?.id ?? '',
      rule: this.#seenBy?.verdict.rule ?? '',
      notes: this.#notes,
    }
  }

  async #record(report: DrillReport): Promise<void> {
    const { model, scenario, tell } = this.#options
    const answer = await this.#ask(model.name, 'drill', { subject: scenario, body: JSON.stringify(report) })
    if (answer === null) tell('the judge has not answered: the result stays on the requests topic until one does')
    else tell(answer.summary)
  }

  // ── asking and waiting ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** Begins the rollout of the shadow from its first rung, wherever it stands. */
  async #beginAnew(evenLate = false): Promise<Decision> {
    const { shadow } = this.#options
    let answer: Decision | null = null
    for (const verb of ['resume', 'release'] as const) {
      answer = await this.#ask(shadow.name, verb, {}, evenLate)
      if (answer !== null && answer.verdict.kind !== 'refused') return answer
    }
    if (answer === null) throw new FlyballError('FLY-DRILL-002', { shadow: shadow.name, seconds: ANSWER_MS / 1_000 })
    throw new FlyballError('FLY-CLI-015', { answer: answer.summary })
  }

  /** The judge's answer; null when none came. */
  async #ask(
    model: string,
    verb: OperatorRequest['verb'],
    changes: Partial<Pick<OperatorRequest, 'subject' | 'body'>> = {},
    evenLate = true,
  ): Promise<Decision | null> {
    const { asker, reason, clock, signer, layout } = this.#options
    const { writer, topics, requestPartitions, follower } = this.#stage
    const standing = { ifSequence: null, expiresAtMs: null, untilMs: null, subject: null, body: '' }
    const id = randomUUID()
    const request = { id, model, verb, ...asker, reason: `${this.#run}: ${reason}`, atMs: clock.nowMs(), ...standing, ...changes }
    const record = withSignature(signer, topics.requests, layout.environment, requestRecord(request))
    await writer.send(topics.requests, partitionOf(Buffer.from(model), requestPartitions), [record])
    const answer = await this.#find(() => follower.decisions.find(({ what }) => what.requestId === id), ANSWER_MS, evenLate)
    return answer?.what ?? null
  }

  async #commandAt(place: Place, evenLate = false): Promise<Seen<Command> | null> {
    const { follower } = this.#stage
    const { shadow, plan } = this.#options
    const isIt = ({ what }: Seen<Command>) => what.model === shadow.name && what.sequence === place.sequence
    return this.#find(() => follower.commands.find(isIt), PATIENCE * plan.objective.commandMs + PATIENCE_MS, evenLate)
  }

  /** The judge's word that a command was acked or seen; null when its time is over and the judge has said that it is not, or says nothing. */
  async #said(kind: Verdict['kind'], place: Place, objectiveMs: number, evenLate = false): Promise<Seen<Decision> | null> {
    const { shadow } = this.#options
    const { follower } = this.#stage
    const about = (wanted: Verdict['kind']) =>
      follower.decisions.find(({ what }) => what.model === shadow.name && what.verdict.kind === wanted && what.sequence === place.sequence)
    // On a topic that was quiet judge time may jump, and the judge gives a command up early: the objective's own time is always waited.
    const givenMs = this.#options.clock.monotonicMs() + objectiveMs
    const over = () => about('not-effective') !== undefined && this.#options.clock.monotonicMs() >= givenMs
    return this.#find(() => about(kind), PATIENCE * objectiveMs + PATIENCE_MS, evenLate, over)
  }

  #find<T>(find: () => T | undefined, patienceMs: number, evenLate = false, over: () => boolean = () => false): Promise<T | null> {
    const { clock, stopped } = this.#options
    const ownMs = clock.monotonicMs() + patienceMs
    const untilMs = evenLate ? ownMs : Math.min(ownMs, this.#untilMs)
    return this.#stage.follower.find(
      () => {
        this.#stage.traffic.check()
        return find()
      },
      untilMs,
      () => (!evenLate && stopped()) || over(),
    )
  }

  #decisionsSince(known: number): readonly Seen<Decision>[] {
    return this.#stage.follower.decisions.slice(known).filter(({ what }) => what.model === this.#options.shadow.name)
  }

  /** Why a command did nothing, in the judge's words where it has some. */
  #ineffective(place: Place): string {
    const said = this.#stage.follower.decisions.findLast(
      ({ what }) => what.verdict.kind === 'not-effective' && what.sequence === place.sequence,
    )
    return said?.what.summary ?? `command ${place.sequence} was not acked and seen in time`
  }

  #missed(note: string): false {
    this.#notes.push(note)
    this.#options.tell(note)
    return false
  }
}

function takesBack({ verdict }: Decision): boolean {
  return verdict.kind === 'rollback' || verdict.kind === 'throttle' || verdict.kind === 'isolate'
}

async function stageOf(options: DrillOptions, run: string): Promise<Stage> {
  const { log, layout, prefix, model, shadow, clock, random, perSecond, externalGateway } = options
  const topics = topicNames(prefix)
  const topic = layout.predictions.rekeyedFrom ?? layout.predictions.topic
  const counts = await log.admin.topics([topic, topics.requests])
  const count = (name: string): number => counts.get(name) ?? missing(name)
  const write = await recordFormat(layout.predictions, topic, log, clock, model.name)
  const writer = await log.writer()
  const follower = await Follower.from(log, topics, [model.name, shadow.name], clock)
  const governor = externalGateway ? null : await gatewayOf(options, run)
  const control = shadow.versions[shadow.control]!
  const route = (unit: string): string => {
    if (governor !== null) return governor.route(shadow.name, unit)
    const command = follower.obeyed(shadow.name, run)
    if (command === null) return control
    return versionAt(unitPoint(shadow.name, command.candidate, unit), command.weights, command.control, command.candidate)
  }
  const traffic = new DrillTraffic({ log, layout, shadow, topic, partitions: count(topic), run, perSecond, write, route, clock, random })
  return { topics, requestPartitions: count(topics.requests), writer, follower, governor, traffic }
}

async function gatewayOf({ log, layout, prefix, shadow, clock, tell }: DrillOptions, run: string): Promise<Governor> {
  const governor = createGovernor({
    ...{ log, prefix, clock },
    environment: layout.environment,
    gateway: run,
    models: { [shadow.name]: { control: shadow.versions[shadow.control]! } },
    onProblem: ({ message }) => tell(`gateway of the drill: ${message}`),
  })
  // Without it the drill goes on, and shows that nothing is acked.
  await within(governor.ready(), GATEWAY_READY_MS, 'the gateway of the drill').catch(({ message }: Error) => tell(message))
  return governor
}

function missing(topic: string): never {
  throw new FlyballError('FLY-KAFKA-005', { topic, partition: 0 })
}
