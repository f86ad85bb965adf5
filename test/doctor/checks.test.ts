/** Checks on facts alone: what a log in memory does not show, and where the line is drawn between a fault and none. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { CHECKS, diagnose } from '../../src/doctor/checks.ts'
import type { ChainEnd, Facts } from '../../src/doctor/facts.ts'
import { FINDINGS } from '../../src/doctor/findings.ts'
import { addRecords, emptySample, type InputSample } from '../../src/doctor/sample.ts'
import type { RecordBatch } from '../../src/domain.ts'
import { ownTopics, rekeyTopics, topicNames } from '../../src/kit/topics.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { idsOf, policyText } from './installation.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const NOW_MS = 1_760_000_000_000
const layoutOf = (text: string) => parsePolicy(text, 'flyball.yaml').layout
const PLAIN = policyText('f')

function facts(given: Partial<Facts> = {}, text = PLAIN): Facts {
  const own = [...ownTopics('f.', 2, 2), ...rekeyTopics('f.', 2)]
  const about = {
    ...{ policy: 'flyball.yaml', bootstrap: 'localhost:9092', principal: 'User:flyball', role: 'daemon' as const, layout: layoutOf(text) },
    ...{ ownTopics: own, names: topicNames('f.'), partitions: 2, nowMs: NOW_MS },
  }
  return { about, broker: { known: true }, schemas: [], secrets: [], ...given }
}

const idsFor = (given: Partial<Facts>, text = PLAIN): string[] => idsOf(diagnose(facts(given, text)))
const textOf = (given: Partial<Facts>, id: string): string => {
  const finding = diagnose(facts(given)).find((one) => one.id === id)!
  return `${finding.what}\n${finding.fix}`
}

/** So many records of a partition, the newest of them so old; so many of them refused. */
function sampled(topic: string, partitions: readonly { readonly ageMs: number; readonly records: number }[]): InputSample {
  const sample = emptySample(topic, layoutOf(PLAIN))
  for (const [partition, { ageMs, records }] of partitions.entries()) {
    const batch = { partition, count: records, timestampMs: new Float64Array(records).fill(NOW_MS - ageMs) }
    addRecords(sample, batch as unknown as RecordBatch, [])
  }
  return sample
}

/** Ids by number: those below `matched` have a prediction, and those below `apart` lie elsewhere. */
function joined(outcomes: number, matched: number, apart: number): Partial<Facts> {
  const [predicted, other] = [sampled('p', [{ ageMs: 0, records: 1 }]), sampled('o', [{ ageMs: 0, records: 1 }])]
  for (let id = 0; id < outcomes; id++) {
    other.ids.set(`${id}`, 0)
    predicted.ids.set(id < matched ? `${id}` : `p${id}`, id < apart ? 1 : 0)
  }
  return { predictions: { known: predicted }, outcomes: { known: other } }
}

test('a missing right is named with the command that grants it, and what cannot be tried is no fault', () => {
  const rule = { operation: 'READ', resource: 'topic', name: 'f.panes', prefixed: false } as const
  const given: Partial<Facts> = {
    rights: {
      known: [
        { role: 'daemon', rule, verdict: 'missing' },
        { role: 'daemon', rule: { ...rule, operation: 'WRITE' }, verdict: 'unproven' },
      ],
    },
  }
  assert.deepEqual(idsFor(given), ['right-missing', 'rights-unproven'])
  assert.match(textOf(given, 'right-missing'), /User:flyball may not READ topic f\.panes.*\nkafka-acls\.sh .*'f\.panes'/)
})

test('settings that may not be seen are a warning, with the command for each topic', () => {
  const given: Partial<Facts> = { configs: { known: new Map([['f.state', null]]) } }
  assert.deepEqual(idsFor(given), ['configs-hidden'])
  assert.match(textOf(given, 'configs-hidden'), /--operation DESCRIBE_CONFIGS --topic 'f\.state'/)
})

test('records that are written anew must keep their own times', () => {
  const config = new Map([
    ['cleanup.policy', 'delete'],
    ['retention.ms', '604800000'],
    ['message.timestamp.type', 'LogAppendTime'],
  ])
  assert.deepEqual(idsFor({ configs: { known: new Map([['f.rekeyed.predictions', config]]) } }), ['timestamps-differ'])
})

test('retention of predictions holds from the longest horizon and an hour on', () => {
  const kept = (ms: number) => idsFor({ configs: { known: new Map([['f-predictions', new Map([['retention.ms', String(ms)]])]]) } })
  assert.deepEqual(kept(4_200_000), [])
  assert.deepEqual(kept(4_199_999), ['input-retention-short'])
  assert.deepEqual(kept(-1), [])
})

test('topics that may not be seen are not called missing, and inputs are named as the user’s own', () => {
  const there = new Map<string, number | null>([...ownTopics('f.', 2, 2), ...rekeyTopics('f.', 2)].map(({ topic }) => [topic, null]))
  assert.deepEqual(idsFor({ topics: { known: there.set('f-predictions', 2).set('f-outcomes', 2) } }), [])
  there.delete('f-outcomes')
  assert.deepEqual(idsFor({ topics: { known: there } }), ['input-missing'])
})

test('a partition that stands still beside others is told', () => {
  const given = (ageMs: number): Partial<Facts> => ({
    predictions: {
      known: sampled('f-predictions', [
        { ageMs: 0, records: 1 },
        { ageMs, records: 1 },
      ]),
    },
  })
  assert.deepEqual(idsFor(given(600_000)), [])
  assert.deepEqual(idsFor(given(660_000)), ['partitions-apart'])
  assert.match(textOf(given(660_000), 'partitions-apart'), /partition 1 is 11 min behind/)
})

test('some records that cannot be used are odd, half of them is a fault; those of others are neither', () => {
  const given = (count: number, reason: 'missing-field' | 'unknown-model'): Partial<Facts> => {
    const sample = sampled('f-outcomes', [{ ageMs: 0, records: 100 }])
    sample.refused.set(reason, { count, examples: ['id'] })
    return { outcomes: { known: sample } }
  }
  assert.deepEqual(idsFor(given(1, 'missing-field')), ['records-odd'])
  assert.deepEqual(idsFor(given(49, 'missing-field')), ['records-odd'])
  assert.deepEqual(idsFor(given(50, 'missing-field')), ['records-unusable'])
  assert.deepEqual(idsFor(given(99, 'unknown-model')), ['model-unnamed'])
})

test('a hundredth of outcomes in other partitions is borne, more is not, and a handful is no evidence', () => {
  assert.deepEqual(idsFor(joined(100, 100, 1)), [])
  assert.deepEqual(idsFor(joined(100, 100, 2)), ['not-co-partitioned'])
  assert.deepEqual(idsFor(joined(100, 10, 2)), [])
  assert.deepEqual(idsFor(joined(100, 10, 5)), ['not-co-partitioned'])
  assert.deepEqual(idsFor(joined(100, 0, 0)), ['ids-unmatched'])
})

test('a model without a record is told once there is enough to look at', () => {
  const given = (records: number): Partial<Facts> => ({ predictions: { known: sampled('f-predictions', [{ ageMs: 0, records }]) } })
  assert.deepEqual(idsFor(given(19)), [])
  assert.deepEqual(idsFor(given(20)), ['model-never-seen'])
})

test('what no guardrail was asked for may be absent', () => {
  const text = PLAIN.replace(/ {4}guardrails: .*\n/, '')
  const sample = sampled('f-predictions', [{ ageMs: 0, records: 30 }])
  Object.assign(sample.models[0]!, { rows: 30, served: 30, versions: [15, 15], latencyAbsent: 30 })
  const ids = idsFor({ predictions: { known: sample } }, text)
  assert.deepEqual(ids, ['field-unused'])
})

test('state is believed as far as it was seen: what lies beyond is not called broken', () => {
  const whole: ChainEnd = { model: 'fraud', head: { number: 9, hash: 'a' }, logged: { 9: 'a' }, isStateWhole: true, isLogWhole: true }
  const said = (end: Partial<ChainEnd>) => idsFor({ chains: { known: [{ ...whole, ...end }] } })
  assert.deepEqual(said({}), [])
  assert.deepEqual(said({ logged: { 9: 'a', 10: 'b' } }), [], 'a judge goes on while we look')
  assert.deepEqual(said({ logged: { 9: 'b' } }), ['chain-broken'])
  assert.deepEqual(said({ logged: { 8: 'a' } }), ['chain-broken'])
  assert.deepEqual(said({ logged: {}, isLogWhole: false }), [])
  assert.deepEqual(said({ head: null }), ['chain-unvouched'])
  assert.deepEqual(said({ head: null, isStateWhole: false }), [])
})

test('a destination that refuses and one that cannot be reached are told apart', () => {
  const sent = (result: 'refused' | 'failed'): Partial<Facts> => ({
    sent: [{ sink: 'lines', answer: { result, problem: 'no', retryAfterMs: null } }],
  })
  assert.deepEqual(idsFor(sent('refused')), ['sink-refused'])
  assert.deepEqual(idsFor(sent('failed')), ['sink-failed'])
})

test('the list of findings and docs/doctor.md say the same, both ways; every finding is found by a test', () => {
  const page = readFileSync(join(ROOT, 'docs/doctor.md'), 'utf8')
  const rows = [...page.matchAll(/^\| `([a-z-]+)` *\| (fault|warning|ok) *\|/gm)].map(([, id, level]) => `${id} ${level}`)
  assert.deepEqual(
    rows.sort(),
    Object.entries(FINDINGS)
      .map(([id, { level }]) => `${id} ${level}`)
      .sort(),
  )
  for (const { name } of CHECKS) assert.ok(page.includes(`\n## ${name}\n`), `${name} has no part in docs/doctor.md`)
  const tests = readdirSync(join(ROOT, 'test/doctor')).map((file) => readFileSync(join(ROOT, 'test/doctor', file), 'utf8'))
  for (const id of Object.keys(FINDINGS))
    assert.ok(
      tests.some((text) => text.includes(`'${id}'`)),
      `no test finds ${id}`,
    )
})
