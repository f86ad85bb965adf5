/** What a person names on the command line (a stage, a segment, an artifact, a mode) is in the request that reaches the judge. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AskOptions, ask, type Verb } from '../../src/cli/asking.ts'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { topicNames } from '../../src/kit/topics.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { readRequests } from '../../src/shell/topic-reads.ts'

const POLICY = `
version: 1
inputs: { predictions: { topic: predictions } }
models: { fraud: { control: v1, candidate: v2 } }
`

async function requestFor(verb: Verb, words: Partial<AskOptions>) {
  const loaded = parsePolicy(POLICY, 'flyball.yaml')
  const log = new MemoryLog(new MemoryBroker(systemClock))
  const topics = topicNames('asking.')
  await log.admin.create([topics.requests, topics.decisions].map((topic) => ({ topic, partitions: 1, config: {} })))
  const options: AskOptions = { policy: 'flyball.yaml', reason: 'a test', input: false, wait: 0, ...words }
  await assert.rejects(ask({ loaded, log, topics }, loaded.layout.models[0]!, verb, '', options), /FLY-CLI-006/)
  const [request] = await readRequests(log, topics.requests)
  return request!
}

test('a stage, an artifact, a mode and a segment that a person names stand in the request', async () => {
  const cases: readonly [Verb, Partial<AskOptions>, string | null][] = [
    ['approve', { subject: '5 %' }, '5 %'],
    ['quarantine', { subject: 'sha256:dead' }, 'sha256:dead'],
    ['mode', { subject: 'observe' }, 'observe'],
    ['release', { segment: 'region=eu' }, 'region=eu'],
    ['rollback', {}, null],
  ]
  for (const [verb, words, subject] of cases) {
    const request = await requestFor(verb, words)
    assert.deepEqual([request.verb, request.subject, request.body], [verb, subject, ''])
  }
})
