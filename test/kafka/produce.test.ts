/** Several calls for one topic leave as one request, each hears where its own records lie, and none is told of what nobody answered for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OutgoingRecord } from '../../src/domain.ts'
import { requestsOf, type Sending, sendPieces, unanswered } from '../../src/kafka/produce.ts'

const record = (text: string, bytes = 0): OutgoingRecord => ({ key: null, value: Buffer.alloc(bytes || text.length, text) })

/** What a broker would answer that writes at these offsets next. */
function writtenBy(sendings: readonly Omit<Sending, 'resolve' | 'reject'>[], next: Record<number, number>) {
  const told = new Map<number, number>()
  const requests: string[][] = []
  const asked = sendings.map((sending, index) => ({
    ...sending,
    resolve: ({ baseOffset }: { readonly baseOffset: number }) => void told.set(index, baseOffset),
    reject: assert.fail,
  }))
  for (const request of requestsOf('t', asked)) {
    requests.push(request.messages.map(({ partition, value }) => `${partition}:${String(value).slice(0, 2)}`))
    const partitions = [...new Set(request.messages.map(({ partition }) => partition!))]
    request.acknowledged(partitions.map((partition) => ({ topicName: 't', partition, errorCode: 0, baseOffset: String(next[partition]) })))
    for (const { partition } of request.messages) next[partition!]! += 1
  }
  return { told: [...told].sort(([a], [b]) => a - b).map(([, offset]) => offset), requests }
}

test('one request holds the records of all calls, each partition in the order of the calls', () => {
  const sendings = [
    { partition: 1, records: [record('a1'), record('a2')] },
    { partition: 0, records: [record('b1')] },
    { partition: 1, records: [record('c1')] },
  ]
  const { told, requests } = writtenBy(sendings, { 0: 70, 1: 10 })
  assert.deepEqual(requests, [['1:a1', '1:a2', '0:b1', '1:c1']])
  assert.deepEqual(told, [10, 70, 12])
})

test('what is too much for one request is cut, and a call is told of its first record when its last one is written', () => {
  const many = (name: string, count: number) => Array.from({ length: count }, () => record(name))
  const { told, requests } = writtenBy(
    [
      { partition: 0, records: many('aa', 400) },
      { partition: 0, records: many('bb', 700) },
      { partition: 1, records: [record('cc', 800_000), record('dd', 800_000)] },
    ],
    { 0: 1000, 1: 5 },
  )
  assert.deepEqual(
    requests.map(({ length }) => length),
    [500, 500, 101, 1],
  )
  assert.deepEqual(told, [1000, 1400, 5])
})

const answer = (partition: number, baseOffset = '0') => ({ topicName: 't', partition, errorCode: 0, baseOffset })
const NOBODY = { code: 'FLY-KAFKA-005', detail: { topic: 't', partition: 1 } }

test('what no answer names is told by partition, in its order, to be sent again', () => {
  const message = (partition: number, text: string) => ({ key: null, value: Buffer.from(text), partition })
  const messages = [message(0, 'a'), message(1, 'b'), message(2, 'c'), message(1, 'd')]
  const texts = (answered: readonly number[]) =>
    unanswered(
      messages,
      answered.map((partition) => answer(partition)),
    ).map((alone) => alone.map(({ partition, value }) => `${partition}:${value}`))
  assert.deepEqual(texts([0, 1, 2]), [])
  assert.deepEqual(texts([0]), [['1:b', '1:d'], ['2:c']])
})

test('a call whose partition nobody answered for is not told that it was written, nor is any other of the request', () => {
  const never = { resolve: () => assert.fail('told that it was written'), reject: assert.fail }
  const [request] = requestsOf(
    't',
    [0, 1].map((partition) => ({ ...never, partition, records: [record('x')] })),
  )
  assert.throws(() => request!.acknowledged([answer(0)]), NOBODY)
})

test('a call heard twice, from an old leader and from the new one, lies where the last answer says', () => {
  const told: number[] = []
  const resolve = ({ baseOffset }: { readonly baseOffset: number }) => void told.push(baseOffset)
  const [request] = requestsOf('t', [{ partition: 0, records: [record('x')], resolve, reject: assert.fail }])
  request!.acknowledged([answer(0, '7'), answer(0, '9')])
  assert.deepEqual(told, [9])
})

test('a transaction is not told either that something was written for which nobody answered', async () => {
  await assert.rejects(
    sendPieces('t', 1, [record('x')], async () => []),
    NOBODY,
  )
})
