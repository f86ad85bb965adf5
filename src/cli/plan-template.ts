/**
 * What `flyball init --plan` writes: the plan of a rollout with all of its keys, what to tick off before it, and what to ask after it. The
 * plan validates as it stands below a model, and with every key in use below the one of `flyball init` (a test sees to both).
 */
export interface PlanFile {
  readonly name: string
  readonly text: string
}

export function planFiles(model: string): readonly PlanFile[] {
  return [
    { name: 'plan.yaml', text: plan(model) },
    { name: 'release-checklist.md', text: checklist(model) },
    { name: 'release-review.md', text: review(model) },
  ]
}

/** Indented as it has to stand in the policy. A line that begins with # and no space is a key that is not in use. */
function plan(model: string): string {
  return `# Plan of a rollout. Paste it below models.${model} in the policy, as it stands, and restart \`flyball run\`.
# docs/policy.md explains each key; \`flyball validate\` says what is missing.
    rollout:
      # For people: stands in the audit log and in reviews.
      hypothesis: v2 rejects fewer good payments, since it knows the age of the account
      owner: team-payments
      contact: "#payments-oncall"           # where the owner is reached at night
      expectedBenefit: 0.3 points fewer wrong rejections
      successCriteria:
        - wrong-outcome not worse than v1 by more than 2 points
        - p99 latency below 250 ms
      exitConditions:                       # when it is given up, in words
        - a customer complains of what v1 would have let pass
      runbook: https://runbooks.example.com/payments      # named in every alert
      # Who begins it, and who may say yes.
      start: request                        # automatic | request: \`flyball rollout start\`
      fourEyes: true                        # who approves is another than who asked
      # What must hold before it begins; what fails is named.
      preflight: [gateways, control-warm, outcomes, baseline]
      # Stages in order; the last one is 100. Instead of ladder.steps.
      #artifacts: {v2: "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}   # version → digest
      stages:
        #- offline                          # waits for a passed gate of the candidate's artifact
        - shadow                            # judged without exposure
        #- {stage: 1, cohort: region=EU}    # one segment first
        - 1
        - {stage: 5, dwell: 10m, minimumRows: 2000}
        - {stage: 25, approval: true}       # a person agrees before it goes on
        - 50
        - 100
      guard: 24h                            # watched after the last stage
      # While one is open nothing is raised; reductions pass. UTC.
      freezeWindows:
        - {name: friday evening, days: [fri], from: "16:00"}
        - {name: weekend, days: [sat, sun]}
        #- {name: closing of the year, begin: "2030-12-20T00:00:00Z", end: "2031-01-02T00:00:00Z"}
      #isolate: region                      # harm in one segment keeps the others going
      #revertFlag: {flag: new-fraud-model, variant: "off"}   # named by a rollback, for whoever sets flags
    # How often harm is rehearsed, and how fast the loop has to close.
    drill:
      every: 30d
      objective: {detect: 30s, command: 5s, ack: 10s, observed: 30s}
`
}

function checklist(model: string): string {
  return `# Release checklist: ${model}

Version: …   Owner: …   Date: …

## Before

- [ ] The plan says what is expected, who owns it, and when it is given up (\`rollout\` in the policy).
- [ ] \`flyball validate\` has no warnings that nobody has read.
- [ ] Margins are what the business accepts to lose, not what the test set showed.
- [ ] Every guardrail that reads outcomes has its outcome topic alive, and a horizon that the outcomes keep.
- [ ] A baseline of healthy traffic is recorded (\`flyball baseline --topic\`).
- [ ] The candidate is warm: it has answered requests, and its predictions are on the topic.
- [ ] \`flyball doctor\` finds nothing, and \`flyball doctor --send\` reached whoever is to be told.
- [ ] \`flyball status\`: all gateways are present, none with an expired lease.
- [ ] A drill has passed lately: \`flyball drill schedule\`.
- [ ] Whoever is on call knows of it, and has the runbook.
- [ ] The way back is known: the control keeps running until the guard is over.

## During

- [ ] \`flyball rollout status ${model}\`: what it waits for is what was planned.
- [ ] Each approval was given by somebody who has read \`flyball explain ${model}\`.
- [ ] Nothing else is deployed to what the model depends on, or it is written down.

## After

- [ ] The guard is over, and nothing speaks.
- [ ] The next policy names the candidate as control.
- [ ] The review is written: \`release-review.md\`.
`
}

function review(model: string): string {
  return `# Release review: ${model}

Version: …   Against: …   From: …   To: …   How it ended: promoted | rolled back | aborted

## What was expected, and what came

| criterion | expected | measured (interval) | kept |
| --------- | -------- | ------------------- | ---- |
|           |          |                     |      |

## What was decided

\`flyball changelog ${model}\`, and \`flyball rollout status ${model} --history\`:

…

## What people did

Requests, approvals, holds and overrides, each with its reason:

…

## Harm

- What was harmed, whom, how many requests, for how long:
- From the first bad request to the decision, the command, the acks, the traffic:
- Would it have been seen earlier with other guardrails or margins?
- What a drill of the same kind had promised:

## Lessons

| what | who | until |
| ---- | --- | ----- |
|      |     |       |
`
}
