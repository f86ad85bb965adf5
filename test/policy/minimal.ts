/** The smallest policy: only topics, versions and an outcome. Tests append to the model, or replace a line. */
export const policyText = `version: 1
inputs:
  predictions:
    topic: predictions
  outcomes:
    topic: outcomes
models:
  fraud:
    control: v1
    candidate: v2
    outcomes:
      chargeback:
        horizon: 10m
`
