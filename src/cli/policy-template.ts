/** The policy that `flyball init` writes. It validates as it stands (a test sees to it) and commands nothing: mode observe. */
export const POLICY_TEMPLATE = `# yaml-language-server: $schema=./node_modules/flyball/schemas/policy.schema.json
#
# Flyball policy. Every key left out has the default that is shown or named here; docs/policy.md explains each.
# Check it with: flyball validate flyball.yaml
version: 1
environment: staging            # named in every decision and alert

kafka:
  brokers: [localhost:9092]     # --brokers and KAFKA_BROKERS come first
  prefix: flyball.              # Flyball's own topics: flyball.panes, flyball.control, ...
  partitions: 4                 # of Flyball's own topics
  # ssl: {caFile: ca.pem}
  # sasl: {mechanism: scram-sha-512, username: flyball, passwordFile: password}

inputs:
  predictions:
    topic: predictions
    format: json                # json | avro (schemaFile) | confluent (registry)
    # A field is a path into your record (meta.rid, $.meta.rid), a mapping
    # ({path, default, unit, equals, atLeast, value}), or null: not there.
    fields:
      id: id                    # what outcomes refer to
      time: {path: time, unit: ms}        # ms | us | ns | s | iso
      model: model              # one model per topic? {value: fraud}
      version: version
      # unit: userId            # who was served: requests of one user are not independent. Map it where gateways route by user
      score: score              # a probability in [0, 1]
      # decision: {path: action, equals: reject}   # default: score >= threshold
      latency: {path: latencyMs, unit: ms}
      error: error              # from an HTTP status: {path: status, atLeast: 500}
    segments:
      region: region
    features:
      amount: features.amount
      country: features.country
    # resources: {gpuMs: usage.gpu_ms}           # what a request uses; left out: resources.gpuMs
  outcomes:
    topic: outcomes
    fields:
      id: id
      time: {path: time, unit: ms}
      label: label              # true/false, 0/1, or {path: result, equals: fraud}

models:
  fraud:                        # as it stands in the records
    control: v1
    candidate: v2
    mode: observe               # observe: judge, log, alert, command nothing | enforce
    weights: flyball            # who moves the traffic: flyball | external
    score: {bins: 10, floor: 0.01, threshold: 0.5}
    latency: {firstMs: 0.25, perOctave: 4, bins: 64}
    segments:
      region: [EU, US]          # others are counted together
    features:
      amount: {low: 0, high: 1000, bins: 20}     # or {edges: [0, 10, 100, 1000]}
      country: {values: [DE, FR, GB, US]}        # others are unseen
    # resources:
    #   gpuMs: {bounds: {low: 0, high: 500}}     # judged by mean and tail, which hold unless told otherwise
    outcomes:
      chargeback:
        horizon: 10m            # how long a prediction waits for its outcome
        absent: drop            # drop | 0 | 1: what it counts as without one
        coverageMin: 0          # share that must have one; below it the model is blind
    # Margins are what may be lost: percentage points of requests (marginPoints) or units of the score (margin).
    guardrails:
      - {kind: error-rate, marginPoints: 0.5}
      - {kind: latency, marginPoints: 2}         # of requests beyond the control's quantiles; or thresholdsMs: [250]
      - {kind: wrong-outcome, marginPoints: 2}
      # - {kind: resource, resource: gpuMs, marginPercent: 10}
      # - {kind: resource-tail, resource: gpuMs, marginPoints: 2}
      - {kind: log-score, margin: 0.02}
      - {kind: feature-drift}
      - {kind: missing}
      - {kind: unseen}
      - {kind: score-drift, action: info}        # may hold or inform, never acts: a retrain moves scores
    ladder:
      profile: standard         # rapid | standard | conservative
      # steps: [1, 5, 25, 50, 100]
      # dwell: 2m
      # minimumRows: 500
    # How it is released; left out: it begins by itself, climbs, and is done at 100 %. Profiles: flyball profiles
    # rollout:
    #   hypothesis: fewer false alarms
    #   owner: fraud-models
    #   contact: "#fraud-oncall"
    #   runbook: https://example.com/runbooks/fraud
    #   start: request            # flyball rollout start; automatic: by itself
    #   artifacts: {v2: "sha256:9f86d0"}
    #   stages:                   # instead of ladder.steps
    #     - offline               # until flyball rollout gate --passed
    #     - {stage: shadow, dwell: 1h, minimumRows: 5000}   # mirrored, answers nobody
    #     - 1
    #     - {stage: 25, approval: true}                     # a person agrees before it is left
    #     - 100
    #   guard: 24h                # 100 % is watched so long
    #   preflight: [gateways, control-warm, outcomes, baseline]
    #   freezeWindows: [{name: friday, days: [fri], from: "16:00"}, {name: weekend, days: [sat, sun]}]   # UTC
    budgets: {rollback: 0.01, throttle: 0.05, promotion: 0.05}   # chance of a false one per rollout
    silence: {after: 30s, minimum: 20}
    blind: {max: 10m}
    throttle: {calmAfter: 15m, maxLifts: 2}
    acks: {quorum: 0.9, within: 10s, observeWithin: 60s, heartbeat: 10s, lease: 60s, presenceTimeout: 30s, onSilence: keep}

timing: {slice: 5s, maxClockSkew: 30s, idleAfter: 10s, alignPatience: 10s, maxStratumAge: 60s, settling: 180s}
limits: {recordBytes: 1048576, maxPending: 1000000, maxEarly: 30s, stratumRequests: 200}

# Who is told of what; left out: alerts stand on their topic, and nobody is told. docs/alerts.md
# alerts:
#   sinks:
#     oncall: {kind: pagerduty, routingKeyFile: pagerduty.key}
#     team: {kind: slack, tokenFile: slack.token, channel: C0123456789}
#   routes:
#     - {name: pages, match: {severity: critical}, sinks: [oncall], continue: true}   # critical | warning | info
#     - {name: channel, match: {severity: [critical, warning]}, sinks: [team]}
`
