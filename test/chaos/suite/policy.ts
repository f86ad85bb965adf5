/** The policy of a chaos run: three models, one of them harmed, everything short, so that a minute shows rollouts from start to end. */

export const MODELS = ['healthy', 'harmed', 'slight'] as const
export const JUDGE_PARTITIONS = 2
export const INPUT_PARTITIONS = 3
export const RECORD_BYTES_MAX = 65_536
export const LADDER = [10, 50, 100] as const
export const ENVIRONMENT = 'chaos'

/** Errors that the candidate of a model adds to those everybody makes. */
export const ERRORS_ADDED: Readonly<Record<string, number>> = { healthy: 0, harmed: 0.1, slight: 0.002 }

const model = (name: string): string => `  ${name}:
    control: v1
    candidate: v2
    mode: enforce
    segments: { region: [eu, us] }
    features: { age: { low: 0, high: 20, bins: 20 }, device: { values: [a, b, c] } }
    outcomes: { click: { horizon: 8s, absent: 0 }, refund: { horizon: 20s, absent: drop } }
    ladder: { steps: [${LADDER.join(', ')}], dwell: 10s, minimumRows: 60 }
    acks: { within: 10s, observeWithin: 30s, heartbeat: 3s, lease: 15s, presenceTimeout: 8s }
    silence: { after: 30s }
    blind: { max: 2m }
    guardrails:
      - { kind: error-rate, marginPoints: 2, segments: all, promote: { marginPoints: 12 } }
      - { kind: wrong-outcome, outcome: click, marginPoints: 10, promote: { marginPoints: 30 } }
      - { kind: feature-drift, class: signal, promote: false }
`

export function chaosPolicy(prefix: string): string {
  return `version: 1
environment: ${ENVIRONMENT}
kafka: { prefix: "${prefix}", partitions: ${JUDGE_PARTITIONS} }
inputs:
  predictions: { topic: predictions, fields: { unit: unit }, segments: { region: region } }
  outcomes: { topic: outcomes }
timing: { slice: 2s, settling: 5s, idleAfter: 5s, maxStratumAge: 20s, alignPatience: 3s }
limits: { recordBytes: ${RECORD_BYTES_MAX} }
models:
${MODELS.map(model).join('')}`
}
