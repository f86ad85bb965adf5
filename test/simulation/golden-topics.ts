/**
 * All topics of a small life, as an earlier version of Flyball left them when it was killed: kept in `test/golden/topics/`, so that every
 * later version can be started over them. `write-golden-topics.ts` writes them; once written they never change.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { gunzipSync, gzipSync } from 'node:zlib'
import type { MemoryBroker, TransactionState } from '../../src/kafka/log/memory-broker.ts'
import { BEGIN_MS, Stage } from './stage.ts'

/** What the topics were filled under. */
export const GOLDEN_POLICY = `
version: 1
inputs: { predictions: { topic: predictions }, outcomes: { topic: outcomes } }
timing: { slice: 5s, settling: 1s }
models:
  fraud:
    control: v1
    candidate: v2
    mode: enforce
    outcomes: { label: { horizon: 10s } }
    ladder: { steps: [20, 50, 100], dwell: 20s, minimumRows: 100 }
    guardrails:
      - { kind: error-rate, marginPoints: 10 }
      - { kind: wrong-outcome, marginPoints: 20 }
`

/** A record: key, value and headers in base64, time, and whether it is a marker (m) or of an aborted transaction (a). */
interface Kept {
  readonly k: string | null
  readonly v: string | null
  readonly h: readonly (readonly [string, string])[]
  readonly t: number
  readonly m?: 1
  readonly a?: 1
}

type Topics = Readonly<Record<string, readonly (readonly Kept[])[]>>

interface Golden {
  readonly nowMs: number
  readonly topics: Topics
}

const fileOf = (name: string): URL => new URL(`../golden/topics/${name}.json.gz`, import.meta.url)

export function writeGolden(name: string, broker: MemoryBroker): void {
  const topics = Object.fromEntries([...broker.topics].map(([topic, parts]) => [topic, parts.map(({ records }) => records.map(keep))]))
  const golden: Golden = { nowMs: broker.clock.nowMs(), topics }
  writeFileSync(fileOf(name), gzipSync(JSON.stringify(golden), { level: 9 }))
}

function keep({ key, value, headers, timestampMs, marker, transaction }: Stored): Kept {
  if (transaction?.state === 'open') throw new Error('a transaction is open: nobody can say what becomes of it')
  return {
    k: key?.toString('base64') ?? null,
    v: value?.toString('base64') ?? null,
    h: headers.map(([header, bytes]) => [header, bytes.toString('base64')] as const),
    t: timestampMs,
    ...(marker ? { m: 1 as const } : {}),
    ...(transaction?.state === 'aborted' ? { a: 1 as const } : {}),
  }
}

type Stored = ReturnType<MemoryBroker['partition']>['records'][number]

/** A world in which it is the moment after the kill, and the topics hold what they held. */
export async function stageOver(name: string, seed: number): Promise<Stage> {
  const golden = JSON.parse(gunzipSync(readFileSync(fileOf(name))).toString()) as Golden
  const served = (golden.topics['predictions'] ?? []).reduce((sum, records) => sum + records.length, 0)
  const stage = new Stage({ seed, partitions: 2, policy: GOLDEN_POLICY, outcomes: true, firstRequest: served })
  for (const [topic, partitions] of Object.entries(golden.topics)) {
    if (!stage.broker.topics.has(topic)) stage.broker.create({ topic, partitions: partitions.length, config: {} })
    partitions.forEach((records, partition) => {
      stage.broker.partition(topic, partition).records.push(...records.map(restore))
    })
  }
  await stage.clock.advance(golden.nowMs - BEGIN_MS, golden.nowMs - BEGIN_MS)
  return stage
}

const ABORTED: TransactionState = { state: 'aborted', id: 'golden' }

function restore({ k, v, h, t, m, a }: Kept, offset: number): Stored {
  return {
    offset,
    timestampMs: t,
    key: k === null ? null : Buffer.from(k, 'base64'),
    value: v === null ? null : Buffer.from(v, 'base64'),
    headers: h.map(([header, text]) => [header, Buffer.from(text, 'base64')] as const),
    transaction: a === undefined ? null : ABORTED,
    marker: m === 1,
  }
}
