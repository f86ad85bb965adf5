/** Traffic of one model, sent for people whose names can be found again: where one of them stands, Flyball wrote down whom a request served. */
import type { OutgoingRecord } from '../../src/domain.ts'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { traffic } from './traffic.ts'

/** Every name begins so. */
export const PLANTED = 'planted-person-'
export const BEGIN_MS = 1_760_000_000_000

/** `key`: whatever else it holds of this, as `privacy: {units: hash}`; empty: nothing. */
export function plantedPolicy(key: string): string {
  return `
version: 1
kafka: {partitions: 1}
inputs:
  predictions: {topic: predictions, fields: {time: ts, unit: unit}}
  outcomes: {topic: outcomes, fields: {time: ts}}
models:
  fraud: {control: v1, candidate: v2, mode: enforce, weights: recorded, outcomes: {late: {horizon: 10s}}}
${key}
`
}

function planted({ key, value, ...rest }: OutgoingRecord): OutgoingRecord {
  const text = value!.toString().replace(/"unit":"u(\d+)"/, `"unit":"${PLANTED}$1"`)
  return { ...rest, key: String(key).replace(/^u/, PLANTED), value: Buffer.from(text) }
}

/** `first`: predictions before all others. In batches of 400. */
export async function plantedLog(first: readonly OutgoingRecord[] = []): Promise<MemoryLog> {
  const log = new MemoryLog(new MemoryBroker(systemClock))
  const models = [{ name: 'fraud', share: 0.4, errorsAdded: 0.3, shiftAdded: 0 }]
  const common = { seed: 3, models, partitions: 1, startMs: BEGIN_MS, durationMs: 40_000, perSecond: 50, units: 60 }
  const { predictions, outcomes } = traffic({ ...common, outcomeShare: 0.3, outcomeDelayMs: 1000 })
  const sent = {
    predictions: [...first, ...predictions.map(({ record }) => planted(record))],
    outcomes: outcomes.map(({ record }) => planted(record)),
  }
  const writer = await log.writer()
  for (const [topic, records] of Object.entries(sent)) {
    await log.admin.create([{ topic, partitions: 1, config: {} }])
    for (let from = 0; from < records.length; from += 400) await writer.send(topic, 0, records.slice(from, from + 400))
  }
  await writer.close()
  return log
}
