/** The policy of the demo, as a file somebody might have written. Only names and bin edges are filled in. */
import { type Flight, quantileEdges } from './flights.ts'

export const MODEL = 'flight-delay'
export const LADDER = [1, 5, 25, 50, 100] as const

export interface Rollout {
  readonly control: string
  readonly candidate: string
}

export interface DemoTopics {
  readonly prefix: string
  readonly predictions: string
  readonly outcomes: string
}

/** All versions of the demo: those that are not judged may still appear in the records. */
export const VERSIONS = ['v1', 'v2', 'v3'] as const

/** `kafkaKeys`: how the daemon logs in, where it must. */
export function policyText(rollout: Rollout, topics: DemoTopics, january: readonly Flight[], kafkaKeys = ''): string {
  const others = VERSIONS.filter((version) => version !== rollout.control && version !== rollout.candidate)
  const hours = quantileEdges(
    january.map((flight) => flight.departureHour),
    12,
    0,
    24,
  )
  const miles = quantileEdges(
    january.map((flight) => flight.distanceMiles),
    8,
    0,
    6000,
  )
  return `# Policy of the demo: ${rollout.control} → ${rollout.candidate}
version: 1
environment: demo
kafka: {prefix: ${topics.prefix}, partitions: 1${kafkaKeys}}
inputs:
  predictions:
    topic: ${topics.predictions}
    # Every request is a booking of its own, so there is no unit to count once.
  outcomes:
    topic: ${topics.outcomes}
models:
  ${MODEL}:
    control: ${rollout.control}
    candidate: ${rollout.candidate}
    versions: [${others.join(', ')}]
    mode: enforce
    score: {bins: 10, floor: 0.01}
    features:                       # edges: quantiles of January
      departureHour: {edges: [${hours.join(', ')}]}
      distanceMiles: {edges: [${miles.join(', ')}]}
      dayOfWeek: {values: [0, 1, 2, 3, 4, 5, 6]}
      origin: {values: [${airports(january).join(', ')}]}
    outcomes:
      late: {horizon: 10s}          # flights land within seconds here: a minute of flight takes 20 ms
    guardrails:
      - {kind: error-rate, marginPoints: 1}
      - {kind: latency, thresholdsMs: [25], marginPoints: 3}
      - {kind: wrong-outcome, marginPoints: 3}
      - {kind: log-score, margin: 0.015, promote: {margin: 0.04}}
      - {kind: feature-drift}
      - {kind: missing, features: [departureHour, distanceMiles, dayOfWeek, origin]}
    ladder: {steps: [${LADDER.join(', ')}], dwell: 4s, minimumRows: 60}
    silence: {after: 8s, minimum: 20}
    acks: {within: 10s, observeWithin: 60s, heartbeat: 3s, lease: 60s, presenceTimeout: 10s}
# The clocks of a demo; a service takes the defaults.
timing: {slice: 1s, idleAfter: 3s, alignPatience: 3s, maxStratumAge: 10s, settling: 3s}
`
}

const AIRPORTS = 40

/** The busiest airports by name; others are unseen to both versions alike. */
function airports(january: readonly Flight[]): readonly string[] {
  const counts = new Map<string, number>()
  for (const { origin } of january) counts.set(origin, (counts.get(origin) ?? 0) + 1)
  const ranked = [...counts].sort(([one, ofOne], [other, ofOther]) => ofOther - ofOne || (one < other ? -1 : 1))
  return ranked
    .slice(0, AIRPORTS)
    .map(([origin]) => origin)
    .sort()
}
