/** Inputs and a policy for daemons that log in. */
import type { EventLog } from '../../src/kafka/contract.ts'
import { type LoadedPolicy, parsePolicy } from '../../src/policy/load.ts'
import { traffic } from '../simulation/traffic.ts'

export const INPUTS = ['predictions', 'outcomes']
export const BEGIN_MS = 1_760_000_000_000

export const policyOf = (prefix: string): LoadedPolicy =>
  parsePolicy(
    `
version: 1
kafka: {prefix: ${prefix}, partitions: 1}
inputs:
  predictions: {topic: predictions, fields: {time: ts}}
  outcomes: {topic: outcomes, fields: {time: ts}}
models:
  fraud: {control: v1, candidate: v2, mode: enforce, weights: recorded, outcomes: {late: {horizon: 10s}}}
`,
    'secured.yaml',
  )

/** Forty seconds of traffic with a candidate that fails, and one record that nobody can read. `from`: seconds after the beginning. */
export async function fillInputs(log: EventLog, fromSeconds = 0): Promise<void> {
  const models = [{ name: 'fraud', share: 0.4, errorsAdded: 0.3, shiftAdded: 0 }]
  const common = {
    seed: 1 + fromSeconds,
    models,
    partitions: 1,
    startMs: BEGIN_MS + fromSeconds * 1000,
    durationMs: 40_000,
    perSecond: 50,
    units: 100,
  }
  const { predictions, outcomes } = traffic({ ...common, outcomeShare: 0.2, outcomeDelayMs: 1000 })
  await log.admin.create(INPUTS.map((topic) => ({ topic, partitions: 1, config: { 'retention.ms': '-1' } })))
  const writer = await log.writer()
  const broken = { key: null, value: Buffer.from('no JSON'), timestampMs: BEGIN_MS }
  await writer.send('predictions', 0, [broken, ...predictions.map(({ record }) => record)])
  await writer.send(
    'outcomes',
    0,
    outcomes.map(({ record }) => record),
  )
  await writer.close()
}
