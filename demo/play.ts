/**
 * The story: train, serve, roll out a good retrain, roll out a bad candidate, and check that what was promised has come about; and for
 * `skew` what would have come about without a look at the features.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Counters } from '../examples/gateway.ts'
import type { Decision } from '../src/domain.ts'
import { systemClock } from '../src/kit/clock.ts'
import { type Random, seededRandom } from '../src/kit/random.ts'
import { topicNames } from '../src/kit/topics.ts'
import { commandTimes, DecisionFollower } from './decisions.ts'
import { bootstrap, type Flights, isLate, readFlights } from './flights.ts'
import { HARM_SPECS, type Harm } from './harm.ts'
import { outcomesAlone } from './last-act.ts'
import { logLoss, predictLate, trainModel } from './model.ts'
import { bar, type Narrator } from './narration.ts'
import { type DemoTopics, LADDER, policyText, type Rollout, VERSIONS } from './policy.ts'
import { decisionTable, explanation } from './report.ts'
import { INPUT_PARTITIONS, type Stage, type VersionSpec } from './stage.ts'
import { startTraffic, type Traffic } from './traffic.ts'

export interface Play {
  readonly seed: number
  readonly harm: Harm
  readonly perSecond: number
  readonly stage: Stage
  readonly topics: DemoTopics
  readonly folder: string
  readonly narrator: Narrator
}

const CLIMB_MAX_MS = 300_000
const HARM_MAX_MS = 180_000
const LOOK_MS = 500
/** So many requests of the gateway's own count show that a share is reached. */
const COUNTED_REQUESTS = 300
const COUNTED_MAX_MS = 30_000
/** A server is stopped once it has really served. */
const SERVED_BEFORE_SILENCE = 40
const TRAFFIC_FLIGHTS = 200_000

export async function play(scene: Play): Promise<boolean> {
  const { narrator, stage } = scene
  const flights = readFlights()
  const versions = trained(scene, flights)
  const port = await stage.serve(versions, 'v1')
  narrator.tell('gateway and model servers listen')
  const theatre = new Theatre(scene, flights, port)
  try {
    await theatre.open()
    const climbed = await theatre.good()
    const ended = climbed && (await theatre.second())
    narrator.progressDone()
    theatre.report()
    if (!ended || scene.harm !== 'skew') return ended
  } finally {
    narrator.progressDone()
    await theatre.close()
  }
  const [, control, candidate] = versions as [VersionSpec, VersionSpec, VersionSpec]
  await stage.stopGovernor()
  return outcomesAlone({ seed: scene.seed, flights: flights.later, control, candidate, narrator })
}

/** v1, a retrain, and what comes after; each a bootstrap of January of its own. */
function trained({ seed, harm, folder, narrator }: Play, { january, later }: Flights): readonly VersionSpec[] {
  narrator.head('Data and models')
  narrator.text(
    `${january.length.toLocaleString('en-US')} US flights of January 2001 train a classifier of delays over 15 minutes; v1, v2 and v3 are the same
training on other draws of January. ${later.length.toLocaleString('en-US')} flights of February and March are the traffic. 20,000 rows would give little power at 1 %
of traffic, so requests are drawn from them with replacement (seed ${seed}); each is a booking of its own. A minute of flight takes 20 ms:
whether a flight was late is known seconds after its prediction.`,
  )
  const late = later.map(isLate)
  return VERSIONS.map((version, index) => {
    const model = trainModel(january, seededRandom(seed * 1_000 + index))
    const modelFile = join(folder, `model-${version}.json`)
    writeFileSync(modelFile, JSON.stringify(model))
    const loss = logLoss(
      later.map((flight) => predictLate(model, flight)),
      late,
    )
    narrator.text(`  ${version}: log loss ${loss.toFixed(3)} on February and March`)
    return { version, modelFile, harm: version === 'v3' ? harm : 'none', seed: seed * 1_000 + 500 + index }
  })
}

class Theatre {
  readonly #scene: Play
  readonly #flights: Flights
  readonly #port: number
  readonly #random: Random
  #follower: DecisionFollower | null = null
  #traffic: Traffic | null = null
  #lastHold = ''

  constructor(scene: Play, flights: Flights, port: number) {
    this.#scene = scene
    this.#flights = flights
    this.#port = port
    this.#random = seededRandom(scene.seed)
  }

  async open(): Promise<void> {
    const { stage, topics, perSecond, narrator } = this.#scene
    this.#follower = await DecisionFollower.open(stage.log, topicNames(topics.prefix).decisions, (decision) => this.#decided(decision))
    this.#traffic = await startTraffic({
      flights: bootstrap(this.#flights.later, TRAFFIC_FLIGHTS, this.#random),
      random: this.#random,
      perSecond,
      gatewayPort: this.#port,
      log: stage.log,
      outcomesTopic: topics.outcomes,
      outcomePartitions: INPUT_PARTITIONS,
    })
    narrator.tell(`${perSecond} requests per second flow through the gateway, all to v1`)
  }

  async close(): Promise<void> {
    await this.#traffic?.stop()
    await this.#follower?.stop()
  }

  /** Rollout 1. */
  async good(): Promise<boolean> {
    const { narrator } = this.#scene
    narrator.head('Rollout 1: v2, an equally good retrain')
    const from = await this.#govern({ control: 'v1', candidate: 'v2' })
    const end = await this.#until(from, CLIMB_MAX_MS, (decisions) => rolledBack(decisions) ?? seenAt(decisions, 'v2', 100))
    if (end === undefined || end.verdict.kind === 'rollback') return this.#failed(end, 'v2 was to climb to 100 %')
    return this.#counted('v2', 100)
  }

  /** Rollout 2. */
  async second(): Promise<boolean> {
    const { narrator, harm, stage } = this.#scene
    const spec = HARM_SPECS[harm]
    await stage.stopGovernor()
    narrator.head(`Rollout 2: v3; ${spec.words}`)
    const from = await this.#govern({ control: 'v2', candidate: 'v3' })
    if (spec.rule === null) return this.#healthy(from)
    if (harm === 'silent') await this.#silence()
    const end = await this.#until(from, HARM_MAX_MS, rolledBack)
    if (end === undefined || !promised(end, harm)) return this.#failed(end, `v3 was to be rolled back by rule ${spec.rule}`)
    await this.#until(from, COUNTED_MAX_MS, (decisions) => seenAt(decisions, 'v3', 0))
    return this.#counted('v3', 0)
  }

  report(): void {
    const { narrator } = this.#scene
    const decisions = this.#follower?.all ?? []
    const back = rolledBack(decisions)
    if (back !== undefined) {
      narrator.head('Why it was rolled back')
      narrator.text(explanation(back))
    }
    narrator.head('What was decided')
    narrator.text(decisionTable(decisions))
    const [sent, failed] = [this.#traffic?.sent() ?? 0, this.#traffic?.failed() ?? 0]
    narrator.text(
      `\n${sent.toLocaleString('en-US')} requests, ${failed.toLocaleString('en-US')} without a good answer; ${narrator.elapsedSeconds().toFixed(0)} s in all.`,
    )
  }

  /** Starts the daemon with the policy of a rollout; decisions from this number on belong to it. */
  async #govern(rollout: Rollout): Promise<number> {
    const { folder, topics, stage, narrator } = this.#scene
    const file = join(folder, `policy-${rollout.candidate}.yaml`)
    writeFileSync(file, policyText(rollout, topics, this.#flights.january, stage.kafkaKeys))
    const from = this.#follower!.all.length
    this.#lastHold = ''
    await stage.startGovernor(file)
    narrator.tell(`flyball run --policy ${file}   (ladder ${LADDER.join(', ')} %)`)
    return from
  }

  async #healthy(from: number): Promise<boolean> {
    const { narrator } = this.#scene
    const end = await this.#until(from, CLIMB_MAX_MS, (decisions) => rolledBack(decisions) ?? seenAt(decisions, 'v3', 100))
    if (end?.verdict.kind === 'rollback') return this.#failed(end, 'nothing was to be rolled back')
    if (end !== undefined) return this.#counted('v3', 100)
    narrator.tell('time is over: v3 has not climbed all the way, and nothing was rolled back', 'green')
    return true
  }

  async #silence(): Promise<void> {
    const { narrator, stage } = this.#scene
    const untilMs = systemClock.monotonicMs() + HARM_MAX_MS
    while (systemClock.monotonicMs() < untilMs) {
      const served = (await this.#counters())?.routed['v3'] ?? 0
      await this.#show()
      if (served >= SERVED_BEFORE_SILENCE) break
      await systemClock.sleep(LOOK_MS)
    }
    stage.silence('v3')
    narrator.tell(stage.kind === 'memory' ? 'v3 answers nobody any more' : 'SIGSTOP: the server of v3 stands still', 'yellow')
  }

  /** The first thing `find` finds among the decisions of this rollout; undefined when the time is over. */
  async #until(from: number, maxMs: number, find: (decisions: readonly Decision[]) => Decision | undefined): Promise<Decision | undefined> {
    const untilMs = systemClock.monotonicMs() + maxMs
    while (systemClock.monotonicMs() < untilMs) {
      const found = find(this.#follower!.all.slice(from))
      if (found !== undefined) return found
      await this.#show()
      await systemClock.sleep(LOOK_MS)
    }
    return undefined
  }

  /** What the gateway itself counts, from now on: Flyball has no say in these numbers. */
  async #counted(version: string, percent: 0 | 100): Promise<boolean> {
    const { narrator } = this.#scene
    const before = await this.#counters()
    const untilMs = systemClock.monotonicMs() + COUNTED_MAX_MS
    while (before !== null && systemClock.monotonicMs() < untilMs) {
      await systemClock.sleep(LOOK_MS)
      const after = await this.#counters()
      const routed = (name?: string) => routedBetween(before, after, name)
      if (routed() < COUNTED_REQUESTS) continue
      const share = (100 * routed(version)) / routed()
      const good = share === percent
      narrator.tell(
        `the gateway's own counters: ${version} was given ${routed(version)} of the last ${routed()} requests`,
        good ? 'green' : 'red',
      )
      return good
    }
    narrator.tell('the gateway does not tell its counters', 'red')
    return false
  }

  #failed(end: Decision | undefined, promise: string): false {
    const { narrator } = this.#scene
    const came = end === undefined ? `the time is over; last: ${this.#lastHold}` : end.summary
    narrator.tell(`NOT REACHED: ${promise}. Came: ${came}`, 'red')
    return false
  }

  async #show(): Promise<void> {
    const counters = await this.#counters()
    const candidate = this.#follower!.all.at(-1)?.weightsAfter
    if (counters === null || candidate === undefined) return
    const version = Object.keys(candidate).at(-1)!
    const weight = counters.weights[version] ?? 0
    const routed = Object.entries(counters.routed).map(([name, count]) => `${name} ${count.toLocaleString('en-US')}`)
    this.#scene.narrator.progress(`${version} ${bar(weight)} ${weight} %   routed: ${routed.join(', ')}   ${this.#lastHold}`)
  }

  async #counters(): Promise<Counters | null> {
    try {
      return (await (await fetch(`http://127.0.0.1:${this.#port}/counters`)).json()) as Counters
    } catch {
      return null
    }
  }

  #decided(decision: Decision): void {
    const { narrator } = this.#scene
    const { kind } = decision.verdict
    this.#lastHold = kind === 'hold' ? `holding: ${decision.verdict.because}` : ''
    if (kind === 'hold') narrator.tell(`  ${holdWords(decision)}`, 'dim')
    else if (kind === 'acked' || kind === 'observed') narrator.tell(`  ${decision.summary}`, 'cyan')
    else if (kind === 'rollback' || kind === 'throttle' || kind === 'not-effective') narrator.tell(decision.summary, 'red')
    else narrator.tell(decision.summary, 'green')
  }
}

/** The first thing that is missing stands for the others. */
function holdWords({ verdict, weightsAfter }: Decision): string {
  if (verdict.kind !== 'hold') return ''
  const [first, ...others] = verdict.missing
  const [version, weight] = Object.entries(weightsAfter).at(-1)!
  const more = others.length === 0 ? '' : `; and ${others.length} more`
  return `Holding ${version} at ${weight} % (${verdict.because}): ${first ?? verdict.rule}${more}`
}

function rolledBack(decisions: readonly Decision[]): Decision | undefined {
  return decisions.find(({ verdict }) => verdict.kind === 'rollback')
}

/** The command that gave the version this weight, once it has been seen in the traffic. */
function seenAt(decisions: readonly Decision[], version: string, percent: number): Decision | undefined {
  const found = commandTimes(decisions).find(
    ({ decision, observedMs }) => decision.weightsAfter[version] === percent && observedMs !== null,
  )
  return found?.decision
}

function promised({ verdict }: Decision, harm: Harm): boolean {
  const { rule, guardrails } = HARM_SPECS[harm]
  if (verdict.kind !== 'rollback' || verdict.rule !== rule) return false
  return guardrails.length === 0 || verdict.evidence.some((reading) => guardrails.includes(reading.guardrail))
}

function routedBetween(before: Counters, after: Counters | null, version?: string): number {
  const total = (counters: Counters | null) =>
    Object.entries(counters?.routed ?? {})
      .filter(([name]) => version === undefined || name === version)
      .reduce((sum, [, count]) => sum + count, 0)
  return total(after) - total(before)
}
