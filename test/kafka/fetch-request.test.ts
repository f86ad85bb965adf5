import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { FetchRequestWriter, fetchRequest, type Want } from '../../src/kafka/fetch-request.ts'

const require = createRequire(import.meta.url)
const theirRequest = require('kafkajs/src/protocol/requests/fetch/v11/request') as (options: object) => object
const theirBytes = require('kafkajs/src/protocol/request') as (options: object) => Promise<{ readonly buffer: Buffer }>

const want = (topic: string, partition: number, from: number, maxBytes: number): Want => ({
  topic,
  partition,
  from,
  maxBytes,
  place: () => null,
})

test('a request has the bytes that kafkajs would send, for any topics, names and offsets, one after another', async () => {
  const writer = new FetchRequestWriter('größer')
  const rounds: Want[][] = [
    [want('t', 0, 0, 1)],
    [want('t', 0, 5, 1 << 20), want('ünï', 3, 70_000_000_123, 1 << 16), want('t', 7, 2 ** 53 - 1, 0x7fffffff)],
    Array.from({ length: 200 }, (_, partition) => want(`topic-${partition % 3}`, partition, partition * 4_294_967_295, 1 << 20)),
    [],
  ]
  for (const [correlationId, wants] of rounds.entries()) {
    const topics = [...new Set(wants.map(({ topic }) => topic))].map((topic) => ({
      topic,
      partitions: wants
        .filter((one) => one.topic === topic)
        .map(({ partition, from, maxBytes }) => ({ partition, fetchOffset: String(from), maxBytes })),
    }))
    const request = theirRequest({ replicaId: -1, maxWaitTime: 250, minBytes: 1, maxBytes: 8 << 20, isolationLevel: 1, topics })
    const { buffer } = await theirBytes({ request, correlationId, clientId: 'größer' })
    assert.deepEqual(writer.write(fetchRequest(wants, 250, 8 << 20), correlationId), buffer)
  }
})
