/**
 * Records as large as a topic takes, and larger than one of Flyball's would by default: each is counted with its reason, and reading goes on.
 * And what retention took before it was written anew is an error, as everywhere.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { OutgoingRecord } from '../../src/domain.ts'
import { stockKafka, withAdmin } from '../issues/kit.ts'
import { runFlyball } from '../simulation/flyball-process.ts'
import { withBroker } from './broker.ts'

const broker = withBroker()
const folder = mkdtempSync(join(tmpdir(), 'flyball-large-'))
after(() => rmSync(folder, { recursive: true }))

interface Stage {
  readonly predictions: string
  readonly put: (records: readonly OutgoingRecord[]) => Promise<unknown>
  readonly drain: () => ReturnType<typeof runFlyball>
}

async function stage(name: string, config: Readonly<Record<string, string>>, rekey: boolean): Promise<Stage> {
  const predictions = await broker.topic(1, { 'retention.ms': '-1', ...config })
  const outcomes = await broker.topic(1)
  const file = join(folder, `${name}.yaml`)
  writeFileSync(
    file,
    `version: 1
kafka: { prefix: "${broker.unique(name)}.", partitions: 1 }
inputs:
  predictions: { topic: ${predictions}, rekey: ${rekey} }
  outcomes: { topic: ${outcomes}, rekey: ${rekey} }
models:
  fraud: { control: v1, candidate: v2, weights: recorded, outcomes: { label: { horizon: 30s } } }
`,
  )
  const writer = await (await broker.connect()).writer()
  return {
    predictions,
    put: (records) => writer.send(predictions, 0, records),
    drain: () => runFlyball(['-p', file, '--create-topics', '--drain', '--json'], broker.bootstrap),
  }
}

const good = (id: string, more: object = {}): OutgoingRecord => ({
  key: id,
  value: Buffer.from(JSON.stringify({ id, model: 'fraud', version: 'v1', score: 0.5, ...more })),
})

interface Summary {
  readonly topics: readonly { read: number; used: number; dropped: Record<string, number> }[]
}

/** What became of the predictions. */
async function drained({ drain }: Stage): Promise<readonly unknown[]> {
  const process = drain()
  assert.equal(await process.ended, 0, process.stderr())
  const [predictions] = (JSON.parse(process.stdout()) as Summary).topics
  return [predictions!.read, predictions!.used, predictions!.dropped]
}

test('rubbish as large as a topic takes by default does not end the daemon: its dead letter fits', broker.options, async () => {
  const on = await stage('rubbish', {}, false)
  await on.put([good('a')])
  await on.put([{ key: null, value: Buffer.alloc(1_048_480, 'x') }])
  await on.put([good('b')])
  assert.deepEqual(await drained(on), [3, 2, { undecodable: 1 }])
})

test('a record that is larger than a topic takes by default is written anew, and counted as what it is', broker.options, async () => {
  const on = await stage('rekey-large', { 'max.message.bytes': '8388608' }, true)
  await on.put([good('a')])
  await on.put([good('large', { pad: 'y'.repeat(3_000_000) })])
  await on.put([good('b')])
  assert.deepEqual(await drained(on), [3, 2, { oversized: 1 }])
})

test('what retention took before it was written anew is an error, and not passed over in silence', broker.options, async () => {
  const on = await stage('rekey-gone', {}, true)
  await on.put([good('a')])
  assert.deepEqual(await drained(on), [1, 1, {}])
  await on.put([good('b'), good('c'), good('d')])
  await withAdmin(stockKafka(broker.bootstrap), async (admin) => {
    // kafkajs deletes only in what it has looked at.
    await admin.fetchTopicOffsets(on.predictions)
    await admin.deleteTopicRecords({ topic: on.predictions, partitions: [{ partition: 0, offset: '3' }] })
  })
  const process = on.drain()
  assert.equal(await process.ended, 1)
  assert.match(process.stderr(), /FLY-KAFKA-002 .*: offset 1 is gone, the log holds 3\.\.4/)
})
