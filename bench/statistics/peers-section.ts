/**
 * What people use today, on the same streams (STATISTICS §11.2): of healthy rollouts, how many would each peer have stopped?
 *
 * The streams are those of the healthy settings, slice by slice, under a ladder climbed on the clock (1, 5, 25, 50 %). Beside the peers
 * stands Flyball twice: its evidence on the very same slices, and the whole product, which climbs its own ladder in the same weather.
 */
import { combine } from '../../detectors/budget.ts'
import { DEFAULT_GRID, emptyTwoArm, logEvidenceTwoArm, observeTwoArm, type TwoArmState } from '../../detectors/two-arm.ts'
import { seededRandom } from '../../src/kit/random.ts'
import { countsFeed } from './counts-feed.ts'
import { STRATUM_REQUESTS } from './delay-runs.ts'
import { chanceOf } from './draws.ts'
import type { Feed } from './feed.ts'
import type { Watch } from './peers/peer.ts'
import { PEERS } from './peers/roster.ts'
import { chartSvg } from './plots.ts'
import { layoutFor } from './policies.ts'
import { spread } from './pool.ts'
import { Rollout } from './rollout.ts'
import type { Plot, Section, SectionOptions } from './section.ts'
import { HEALTHY, healthyPairs, rolloutOf } from './settings.ts'
import { CLIMATE, type PanePair, weatherOf } from './traffic.ts'
import { allowedOf, table } from './verdicts.ts'

const ALPHA = 0.01
const SLICES = 720
const EVERYTHING = 'everything'

interface Stream {
  readonly name: string
  readonly what: string
  readonly rollouts: number
  readonly rolloutsSmall: number
  readonly slices: number
  /** Flyball's plain evidence on these slices means nothing where users stay on their arm: the product reads users, sums do not. */
  readonly hasUsers?: boolean
}

const STREAMS: readonly Stream[] = [
  {
    name: EVERYTHING,
    what: 'an equal candidate; errors, outcomes, latency, score, six features',
    rollouts: 100,
    rolloutsSmall: 4,
    slices: SLICES,
  },
  { name: 'plain', what: whatOf('plain'), rollouts: 100, rolloutsSmall: 6, slices: SLICES },
  { name: 'storm', what: whatOf('storm'), rollouts: 40, rolloutsSmall: 1, slices: SLICES },
  { name: 'cold-cache', what: whatOf('cold-cache'), rollouts: 40, rolloutsSmall: 1, slices: SLICES },
  { name: 'sticky-5000', what: whatOf('sticky-5000'), rollouts: 40, rolloutsSmall: 1, slices: SLICES, hasUsers: true },
  { name: 'healthy-retrain', what: whatOf('healthy-retrain'), rollouts: 40, rolloutsSmall: 1, slices: SLICES },
]

function whatOf(name: string): string {
  return HEALTHY.find((setting) => setting.name === name)?.what ?? name
}

/** What became of one rollout: the slice at which each judge would have stopped it, 0 when it never would, −1 when it had nothing to look at. */
export interface PeerResult {
  readonly stopped: readonly number[]
  readonly sameSlices: number
  readonly rolledBack: boolean
  readonly throttled: boolean
}

export interface PeerTask {
  readonly seed: number
  /** Per index: the stream, the rollout of it. */
  readonly jobs: readonly { readonly stream: string; readonly rollout: number }[]
}

/** The pool's task. */
export function peersOn({ seed, jobs }: PeerTask, index: number): PeerResult {
  const { stream: name, rollout } = jobs[index]!
  const stream = STREAMS.find((each) => each.name === name)!
  const watches = PEERS.map((peer, at) => peer.start(seededRandom(seed + 7919 * rollout + at)))
  const stopped = PEERS.map(() => 0)
  const flyball = stream.hasUsers ? null : flyballWatch()
  let sameSlices = flyball === null ? -1 : 0
  const seen = { latency: false, score: false, features: false, labels: false }
  for (const pair of pairsOf(seed, stream, rollout)) {
    note(seen, pair)
    for (const [at, watch] of watches.entries()) if (stopped[at] === 0 && watch.see(pair)) stopped[at] = pair.index + 1
    if (flyball !== null && sameSlices === 0 && flyball.see(pair)) sameSlices = pair.index + 1
  }
  const product = name === EVERYTHING ? productOnEverything(seed, rollout) : rolloutOf({ seed, setting: name }, rollout)
  const result = { sameSlices, rolledBack: product.rolledBack, throttled: product.throttles > 0 }
  return { ...result, stopped: stopped.map((slice, at) => (canLook(PEERS[at]!.needs, seen) ? slice : -1)) }
}

type Seen = Record<'latency' | 'score' | 'features' | 'labels', boolean>

function note(seen: Seen, { control }: PanePair): void {
  seen.latency ||= varies(control.latency)
  seen.score ||= varies(control.score)
  seen.features ||= control.features.some(varies)
  seen.labels ||= control.known > 0
}

function varies(counts: Float64Array): boolean {
  return counts.reduce((bins, count) => bins + (count > 0 ? 1 : 0), 0) > 1
}

function canLook(needs: readonly (keyof Seen)[], seen: Seen): boolean {
  return needs.length === 0 || needs.some((need) => seen[need])
}

function pairsOf(seed: number, stream: Stream, rollout: number): Iterable<PanePair> {
  return stream.name === EVERYTHING
    ? everythingPairs(seed, rollout, stream.slices)
    : healthyPairs(seed, stream.name, rollout, stream.slices)
}

// ── an equal candidate of which everything is measured ───────────────────────────────────────────────────────────────────────

const everythingLayout = () =>
  layoutFor(EVERYTHING, {
    fields: 'decision: decision',
    outcomes: 'label: { horizon: 60s }',
    ladder: 'steps: [1, 5, 25, 50, 100], minimumRows: 200, dwell: 10m',
    guardrails: [
      'kind: error-rate, marginPoints: 0, promote: { marginPoints: 1 }',
      'kind: wrong-outcome, marginPoints: 0, promote: { marginPoints: 2 }',
      'kind: latency, marginPoints: 0, promote: { marginPoints: 2 }',
      'kind: feature-drift',
      'name: errors-throttle, kind: error-rate, marginPoints: 0, action: throttle, promote: false',
    ],
    model: [`features: { ${Array.from({ length: 6 }, (_, index) => `f${index}: { low: 0, high: 20, bins: 20 }`).join(', ')} }`],
  })

function everythingFeed(seed: number, rollout: number): Feed {
  const random = chanceOf(seed, EVERYTHING, rollout)
  return countsFeed({ layout: everythingLayout(), sources: 1, weather: weatherOf(CLIMATE, random) }, random)
}

/** The clock's ladder of the other streams. */
const LADDER = [0.01, 0.05, 0.25, 0.5]

function* everythingPairs(seed: number, rollout: number, slices: number): Generator<PanePair> {
  const feed = everythingFeed(seed, rollout)
  const seconds = Math.round(feed.layout.sliceMs / 1_000)
  for (let slice = 0; slice < slices; slice += 1) {
    const share = LADDER[Math.floor((slice * LADDER.length) / slices)]!
    yield feed.slice(slice, new Array<number>(seconds).fill(share)).pair
  }
}

function productOnEverything(seed: number, rollout: number) {
  return new Rollout(everythingFeed(seed, rollout), chanceOf(seed, `${EVERYTHING} gateways`, rollout), {
    slicesMax: SLICES,
    slicesAfter: 24,
  }).run()
}

// ── Flyball's evidence on given slices ───────────────────────────────────────────────────────────────────────────────────────

interface Pooled {
  candidateRequests: number
  controlRequests: number
  candidateEvents: number
  controlEvents: number
}

const emptyPool = (): Pooled => ({ candidateRequests: 0, controlRequests: 0, candidateEvents: 0, controlEvents: 0 })

/** Errors and wrong outcomes, half of α each, over strata of at least 200 requests with both arms. */
export function flyballWatch(): Watch & { logEvidence(): number } {
  const events = [
    (arm: PanePair['candidate']) => [arm.requests, arm.errors],
    (arm: PanePair['candidate']) => [arm.known, arm.wrong],
  ] as const
  const pools = events.map(emptyPool)
  const states: TwoArmState[] = events.map(() => emptyTwoArm(DEFAULT_GRID))
  const logEvidence = () =>
    combine(
      states.map((state) => ({ logEvidence: logEvidenceTwoArm(state, DEFAULT_GRID), weight: 1 / events.length })),
      ALPHA,
    ).logEvidence
  return {
    logEvidence,
    see(pair) {
      for (const [at, event] of events.entries()) {
        const pool = pools[at]!
        const [candidate, control] = [event(pair.candidate), event(pair.control)]
        pool.candidateRequests += candidate[0]!
        pool.candidateEvents += candidate[1]!
        pool.controlRequests += control[0]!
        pool.controlEvents += control[1]!
        if (pool.candidateRequests === 0 || pool.controlRequests === 0) continue
        if (pool.candidateRequests + pool.controlRequests < STRATUM_REQUESTS) continue
        states[at] = observeTwoArm(states[at]!, pool, 0, 'more', DEFAULT_GRID)
        pools[at] = emptyPool()
      }
      return logEvidence() >= -Math.log(ALPHA)
    },
  }
}

// ── the section ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

export async function peers(options: SectionOptions): Promise<Section> {
  const jobs = STREAMS.flatMap((stream) =>
    Array.from({ length: options.small ? stream.rolloutsSmall : stream.rollouts }, (_, rollout) => ({ stream: stream.name, rollout })),
  )
  const task: PeerTask = { seed: options.seed, jobs }
  const results = await spread<PeerResult>({
    module: import.meta.url,
    task: 'peersOn',
    argument: task,
    count: jobs.length,
    workers: options.workers,
    chunk: options.small ? 1 : 10,
    progress: (done, count) => {
      if (done % Math.ceil(count / 10) < 10) options.log(`peers: ${done} of ${count} rollouts`)
    },
  })
  const byStream = new Map(STREAMS.map((stream) => [stream.name, results.filter((_, index) => jobs[index]!.stream === stream.name)]))
  return {
    title: 'What people use today, on the same healthy streams',
    markdown: markdownOf(byStream),
    json: { peers: jsonOf(byStream) },
    plots: [...curvesOf(byStream), evidencePlot(options.seed)],
    broken: brokenOf(byStream),
  }
}

/** Flyball's promise on the peers' slices: at most α of the rollouts, and what chance adds. */
function brokenOf(byStream: ByStream): readonly string[] {
  return [...byStream].flatMap(([name, results]) => {
    const stopped = results.filter((result) => result.sameSlices > 0).length
    const isKept = stopped <= allowedOf(ALPHA, results.length)
    return isKept ? [] : [`peers, ${name}: Flyball's evidence stopped ${stopped} of ${results.length} healthy rollouts`]
  })
}

type ByStream = ReadonlyMap<string, readonly PeerResult[]>

function markdownOf(byStream: ByStream): string {
  const streams = [...byStream]
  const cell = (results: readonly PeerResult[], of: (result: PeerResult) => number) => {
    const usable = results.filter((result) => of(result) >= 0)
    return usable.length === 0 ? '–' : `${usable.filter((result) => of(result) > 0).length} of ${usable.length}`
  }
  const row = (name: string, rule: string, of: (result: PeerResult) => number) => [
    name,
    rule,
    ...streams.map(([, results]) => cell(results, of)),
  ]
  const rows = [
    row('**Flyball**, same slices', `errors and wrong outcomes, α = 1 %, a look at every slice`, (result) => result.sameSlices),
    row('**Flyball**, the product: rollbacks', 'climbs its own ladder in the same weather', (result) => (result.rolledBack ? 1 : 0)),
    row('**Flyball**, the product: throttles', 'α = 5 %', (result) => (result.throttled ? 1 : 0)),
    ...PEERS.map((peer, at) => row(peer.name, peer.rule, (result) => result.stopped[at]!)),
  ]
  return [
    'Rollouts stopped, of rollouts in which the candidate is as good as the control or better. Streams are those of the healthy settings: an hour of',
    'slices of 5 s at about 40 requests a second, in season, ramp and bursts, under a ladder climbed on the clock (1, 5, 25, 50 %, a quarter each).',
    'Each rule is its tool’s documented default; where the tool leaves a threshold to its user it is the margin that Flyball’s own policies use.',
    '',
    ...STREAMS.map((stream) => `- **${stream.name}**: ${stream.what}.`),
    '',
    table(['judge', 'rule', ...streams.map(([name]) => name)], rows),
    '',
    'A candidate at 1 % has about 120 rows in a chunk of five minutes: thresholds that know no row counts are crossed by chance there, whatever they watch.',
    'Pooling over the ladder mixes hours: most of the candidate’s rows come late, most of the control’s early, and the season between them passes for harm (Simpson’s paradox).',
    'A peer stands at “–” where the stream does not carry what it looks at. ADWIN, Page–Hinkley, DDM and HDDM_A watch one arm: they find the season and',
    'the bursts, as they should, and cannot say that both arms went through them. With 5,000 users who stay on their arm the slices’ sums are no',
    'independent draws, whoever tests them; the product reads users. On **healthy-retrain** the score moves because the model is better: PSI calls it a shift.',
    '',
  ].join('\n')
}

function jsonOf(byStream: ByStream): Record<string, unknown> {
  const json: Record<string, unknown> = {}
  for (const [name, results] of byStream) {
    const stopped: Record<string, number> = {
      rollouts: results.length,
      'Flyball, same slices': results.filter((result) => result.sameSlices > 0).length,
      'Flyball, product': results.filter((result) => result.rolledBack).length,
    }
    for (const [at, peer] of PEERS.entries()) {
      if (results.some((result) => result.stopped[at]! >= 0))
        stopped[peer.name] = results.filter((result) => result.stopped[at]! > 0).length
    }
    json[name] = stopped
  }
  return json
}

const CURVES = [
  'errors over control, 3 of 5 minutes',
  'errors over control, 3 in a row',
  'pooled z, p < .05 at every slice',
  'pooled z, p < .01 at every slice',
  'Mann–Whitney intervals, sliding',
  'ADWIN',
  'Evidently, a column',
  'NannyML, drift',
]

/** Share of healthy rollouts stopped by the time of so many looks. */
function curvesOf(byStream: ByStream): readonly Plot[] {
  const results = byStream.get(EVERYTHING) ?? []
  const curve = (slices: readonly number[]) => {
    const stops = slices.filter((slice) => slice > 0).sort((one, other) => one - other)
    const steps = stops.map((slice, index) => [slice, (100 * (index + 1)) / results.length] as const)
    return [[1, 0] as const, ...steps, [SLICES, (100 * stops.length) / results.length] as const]
  }
  const lines = CURVES.map((name) => {
    const at = PEERS.findIndex((peer) => peer.name === name)
    return { name, points: curve(results.map((result) => result.stopped[at]!)), isSteps: true }
  })
  const chart = {
    title: 'Healthy rollouts stopped, by number of looks',
    x: { label: 'slices of 5 s looked at', scale: 'linear' as const, low: 0, high: SLICES },
    y: { label: 'rollouts stopped (%)', scale: 'linear' as const, low: 0, high: 100 },
    limits: [{ y: 100 * ALPHA, label: 'α = 1 %' }],
    lines: [{ name: 'Flyball, same slices', points: curve(results.map((result) => result.sameSlices)), isSteps: true }, ...lines],
  }
  return [{ name: 'false-alarms', svg: chartSvg(chart) }]
}

const HARM_AFTER = 240
const HARM_POINTS = 0.02

/** One healthy and one harmful rollout in the same weather: the evidence after each slice. */
function evidencePlot(seed: number): Plot {
  const lines = [0, HARM_POINTS].map((points) => ({
    name: points === 0 ? 'equal candidate' : `${100 * points} points more errors after 20 min`,
    points: evidenceOf(seed, points),
    colour: points === 0 ? 2 : 1,
  }))
  const chart = {
    title: 'Evidence over time: one healthy and one harmful rollout',
    x: { label: 'minutes since the beginning', scale: 'linear' as const, low: 0, high: 40 },
    y: { label: 'evidence of harm (log)', scale: 'log' as const, low: 1e-3, high: 1e6, tick: (value: number) => power(value) },
    limits: [{ y: 1 / ALPHA, label: 'rolled back at 1/α = 100' }],
    moments: [{ x: 20, label: 'harm begins' }],
    lines,
  }
  return { name: 'evidence', svg: chartSvg(chart) }
}

function power(value: number): string {
  return value >= 0.1 && value <= 100 ? String(value) : value.toExponential().replace('e+', 'e')
}

function evidenceOf(seed: number, points: number): readonly (readonly [number, number])[] {
  const random = chanceOf(seed, 'evidence', 0)
  const weather = weatherOf(CLIMATE, random)
  const harmful = { errorRate: points, wrongRate: 0, slowerBins: 0, scoreBins: 0 }
  const none = { ...harmful, errorRate: 0 }
  const sliceMs = 5_000
  const difference = (atMs: number) => (atMs >= HARM_AFTER * sliceMs ? harmful : none)
  const layout = everythingLayout()
  const feed = countsFeed({ layout, sources: 1, weather, difference }, random)
  const watch = flyballWatch()
  const line: (readonly [number, number])[] = []
  for (let slice = 0; slice < 480; slice += 1) {
    watch.see(feed.slice(slice, new Array<number>(Math.round(layout.sliceMs / 1_000)).fill(0.1)).pair)
    line.push([((slice + 1) * layout.sliceMs) / 60_000, Math.exp(watch.logEvidence())])
  }
  return line
}
