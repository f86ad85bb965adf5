/**
 * Which guardrail fires first on real flight records, and after how many rows, beside an oracle that was told what to look for.
 *
 * Each fault of the demo, and a calibration distortion, is recorded as 10 % of the traffic and drained by the whole daemon with the
 * demo's own guardrails. The oracle is Wald's test on the candidate's rows alone: it knows the control's law, the candidate's law and
 * where the fault lies, so nothing that must find these things out can be faster.
 */
import { parse, stringify } from 'yaml'
import { bootstrap, type Flight, isLate, readFlights } from '../../demo/flights.ts'
import { type DelayModel, inWrongTimeZone, OVERCONFIDENCE, overconfident, predictLate, trainModel } from '../../demo/model.ts'
import { MODEL, policyText } from '../../demo/policy.ts'
import { ERROR_SHARE, SLOW_MS, SLOW_SHARE } from '../../demo/predictor.ts'
import { judgeRecord, REPLAY_TOPICS, type RecordedRow, replayTimeMs } from '../../demo/replay.ts'
import { outcomeAfterMs } from '../../demo/traffic.ts'
import { normalSf } from '../../detectors/math/normal.ts'
import { normal } from '../../detectors/math/random.ts'
import type { Decision, Reading } from '../../src/domain.ts'
import { type Random, seededRandom } from '../../src/kit/random.ts'
import type { Section, SectionOptions } from './section.ts'
import { median } from './verdicts.ts'

const FAULTS = ['skew', 'errors', 'slow', 'distorted', 'none'] as const
type Fault = (typeof FAULTS)[number]

const WORDS: Readonly<Record<Fault, string>> = {
  skew: 'departure hour in the wrong time zone',
  errors: 'one request in five fails',
  slow: 'one request in three 60 ms slower',
  distorted: 'log-odds times three',
  none: 'nothing: a healthy retrain',
}

const SHARE = 0.1
const ROWS = { skew: 20_000, errors: 20_000, slow: 20_000, distorted: 60_000, none: 60_000 } as const
/** The level of the oracle is that of the whole rollback budget. */
const ALPHA = 0.01
/** Both versions fail now and then: without that an oracle needs one row. */
const ERROR_RATE = 0.01
const LATENCY_MS = { median: 8, sigma: 0.5 } as const
const LIMIT_MS = 25
const TRAINING_SEED = 1_000
const ROUNDS = { small: 1, whole: 5 } as const

interface World {
  readonly traffic: readonly Flight[]
  readonly january: readonly Flight[]
  readonly control: DelayModel
  readonly candidate: DelayModel
}

interface Outcome {
  readonly fault: Fault
  readonly first: Reading | undefined
  /** Rows of both versions until the rollback, and until the oracle is sure; NaN: never. */
  readonly rows: number
  readonly candidateRows: number
  readonly oracleRows: number
}

export async function flights(options: SectionOptions): Promise<Section> {
  const { january, later } = readFlights()
  const outcomes: Outcome[] = []
  for (const fault of FAULTS) {
    for (let round = 0; round < (options.small ? ROUNDS.small : ROUNDS.whole); round++) {
      const seed = options.seed * 100 + round
      const train = (index: number) => trainModel(january, seededRandom(TRAINING_SEED * seed + index))
      const world = { traffic: later, january, control: train(0), candidate: train(1) }
      outcomes.push(await replayFault(fault, world, seed))
    }
    options.log(`flights: ${fault}`)
  }
  const rollbackOfHealthy = outcomes.filter(({ fault, first }) => fault === 'none' && first !== undefined).length
  return { title: 'Real flight records', markdown: tableOf(outcomes), json: { flights: { rollbackOfHealthy } }, plots: [] }
}

async function replayFault(fault: Fault, world: World, seed: number): Promise<Outcome> {
  const oracle = new Oracle(fault, world)
  const decisions = await judgeRecord(policyOf(world), rowsOf(fault, world, seed, oracle))
  const rollback = decisions.find(({ verdict }) => verdict.kind === 'rollback')
  const first = rollback && strongestOf(rollback)
  return {
    fault,
    first,
    rows: first ? first.candidateRows + first.controlRows : Number.NaN,
    candidateRows: first?.candidateRows ?? Number.NaN,
    oracleRows: oracle.sureAfterRows,
  }
}

function strongestOf({ verdict }: Decision): Reading | undefined {
  return verdict.kind === 'rollback' ? verdict.evidence[0] : undefined
}

/** The demo's policy, with the split read off the records and no promotion before the record ends. */
function policyOf({ january }: World): string {
  const policy = parse(policyText({ control: 'v2', candidate: 'v3' }, REPLAY_TOPICS, january))
  const model = policy.models[MODEL]
  model.weights = 'recorded'
  model.ladder = { steps: [SHARE * 100, 100], dwell: '6h' }
  return stringify(policy)
}

// ── the record ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

interface Served {
  readonly features: Readonly<Record<string, unknown>>
  readonly score: number
  readonly error: boolean
  readonly latencyMs: number
}

function* rowsOf(fault: Fault, world: World, seed: number, oracle: Oracle): Generator<RecordedRow> {
  const random = seededRandom(seed)
  const drawn = bootstrap(world.traffic, ROWS[fault], random)
  for (const [row, flight] of drawn.entries()) {
    const isCandidate = random() < SHARE
    const served = serve(flight, isCandidate ? fault : 'none', isCandidate ? world.candidate : world.control, random)
    oracle.see(row, isCandidate, served, flight)
    const time = replayTimeMs(row)
    const { error, score, ...rest } = served
    const prediction = { model: MODEL, version: isCandidate ? 'v3' : 'v2', ...rest, error, score: error ? null : score }
    yield { id: `flight-${row + 1}`, time, prediction, landsAtMs: time + Math.round(outcomeAfterMs(flight)), label: isLate(flight) }
  }
}

function serve(flight: Flight, fault: Fault, model: DelayModel, random: Random): Served {
  const { departureHour, dayOfWeek, distanceMiles, origin } = flight
  const sent = { departureHour: Number(departureHour.toFixed(3)), dayOfWeek, distanceMiles, origin }
  const features = fault === 'skew' ? inWrongTimeZone(sent) : sent
  const score = predictLate(model, features)
  const error = random() < (fault === 'errors' ? ERROR_SHARE : ERROR_RATE)
  const extraMs = fault === 'slow' && random() < SLOW_SHARE ? SLOW_MS : 0
  const latencyMs = LATENCY_MS.median * Math.exp(LATENCY_MS.sigma * normal(random)) + extraMs
  return { features, score: fault === 'distorted' ? overconfident(score) : score, error, latencyMs }
}

// ── the oracle ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Wald's likelihood ratio of the faulty law to the healthy one, over the candidate's rows. */
class Oracle {
  sureAfterRows = Number.NaN
  private logRatio = 0
  private readonly logRatioOf: (served: Served, flight: Flight) => number

  constructor(fault: Fault, world: World) {
    this.logRatioOf = logRatioFor(fault, world)
  }

  see(row: number, isCandidate: boolean, served: Served, flight: Flight): void {
    if (!isCandidate || !Number.isNaN(this.sureAfterRows)) return
    this.logRatio += this.logRatioOf(served, flight)
    if (this.logRatio >= -Math.log(ALPHA)) this.sureAfterRows = row + 1
  }
}

function logRatioFor(fault: Fault, world: World): (served: Served, flight: Flight) => number {
  switch (fault) {
    case 'errors':
      return ({ error }) => logBernoulli(error, ERROR_SHARE, ERROR_RATE)
    case 'slow': {
      const healthy = shareOverLimit()
      return ({ latencyMs }) => logBernoulli(latencyMs >= LIMIT_MS, SLOW_SHARE + (1 - SLOW_SHARE) * healthy, healthy)
    }
    case 'skew': {
      const hours = hourShares(world.traffic)
      return ({ features }) => {
        const hour = Math.floor(Number(features['departureHour']))
        return Math.log(hours[(hour + 18) % 24]! / hours[hour]!)
      }
    }
    case 'distorted':
      return ({ score, error }, flight) => (error ? 0 : logCalibration(score, isLate(flight)))
    case 'none':
      return () => 0
  }
}

function logBernoulli(happened: boolean, faulty: number, healthy: number): number {
  return happened ? Math.log(faulty / healthy) : Math.log((1 - faulty) / (1 - healthy))
}

/** What the outcome says against the score as claimed and for the score as it was before the log-odds were multiplied. */
function logCalibration(claimed: number, late: boolean): number {
  const before = 1 / (1 + Math.exp(-Math.log(claimed / (1 - claimed)) / OVERCONFIDENCE))
  return logBernoulli(late, before, claimed)
}

function shareOverLimit(): number {
  return normalSf(Math.log(LIMIT_MS / LATENCY_MS.median) / LATENCY_MS.sigma)
}

/** Departures by hour; hours without any count as one flight in all. */
function hourShares(traffic: readonly Flight[]): readonly number[] {
  const counts = new Array<number>(24).fill(0)
  for (const { departureHour } of traffic) counts[Math.floor(departureHour)]! += 1
  return counts.map((count) => Math.max(1, count) / traffic.length)
}

// ── the table ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

function tableOf(outcomes: readonly Outcome[]): string {
  const lines = FAULTS.map((fault) =>
    lineOf(
      fault,
      outcomes.filter((outcome) => outcome.fault === fault),
    ),
  )
  return `20,000 US flights of January to March 2001: January trains, February and March are drawn with replacement as traffic, the candidate
serves ${SHARE * 100} % of it and has the fault. Guardrails are those of the demo's policy. Rows are of both versions; of several seeds the
median. The oracle knows both laws and where to look, at a level of ${ALPHA * 100} %.

| fault of the candidate | fired first | seeds | rolled back | rows | of the candidate | oracle rows | ratio |
|---|---|---|---|---|---|---|---|
${lines.join('\n')}
`
}

function lineOf(fault: Fault, outcomes: readonly Outcome[]): string {
  const found = outcomes.filter(({ first }) => first !== undefined)
  const names = [
    ...new Set(found.map(({ first }) => `${first!.guardrail}${first!.detail === '' ? '' : ` (${first!.detail.split(':')[0]})`}`)),
  ]
  const rows = median(found.map((outcome) => outcome.rows))
  const oracle = median(outcomes.map(({ oracleRows }) => oracleRows).filter(Number.isFinite))
  const cells = [rows, median(found.map(({ candidateRows }) => candidateRows)), oracle].map(shown)
  const ratio = Number.isFinite(rows / oracle) ? (rows / oracle).toFixed(1) : '–'
  return `| ${WORDS[fault]} | ${names.join(', ') || '–'} | ${outcomes.length} | ${found.length} | ${cells.join(' | ')} | ${ratio} |`
}

function shown(value: number): string {
  return Number.isFinite(value) ? value.toLocaleString('en-US') : '–'
}
