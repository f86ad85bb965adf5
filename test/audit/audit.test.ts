/** The chain of decisions: whatever is done to one record of it is noticed, and that record is the one that is named. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Audit, type RawRecord } from '../../src/audit/audit.ts'
import { ALL } from '../../src/audit/findings.ts'
import { seededRandom } from '../../src/kit/random.ts'
import { decodeDecision, encodeDecision, hashOfDecision } from '../../src/wire/decisions.ts'
import { audited, BEGIN_MS, chainOf, short, stateAfter } from './chains.ts'

const COUNT = 6
const records = chainOf('fraud', COUNT)
const state = stateAfter(records, 'fraud')

/** The record at this place with other bytes. */
function changed(at: number, change: (value: Buffer) => Buffer, of: readonly RawRecord[] = records): RawRecord[] {
  return of.map((record, index) => (index === at ? { ...record, value: change(Buffer.from(record.value!)) } : record))
}

const flipped = (byte: number) => (value: Buffer) => {
  value[byte]! ^= 1
  return value
}

/** What is found first: the bad record itself. */
const named = (report: ReturnType<typeof audited>) => report.findings[0]

test('an untouched chain is whole: every number, the hash of its last decision, and state vouches for it', () => {
  const report = audited(records, [state])
  assert.deepEqual(report.findings, [])
  const headHash = hashOfDecision(records[COUNT - 1]!.value!)
  const whole = { records: 6, first: 1, last: 6, headNumber: 6, headHash, headVouched: true, beginsAt: null, anchors: 0, keptFits: 0 }
  const vouched = { by: 'nothing', keyId: '', anchor: null, from: null, to: null }
  assert.deepEqual(report.models, [{ model: 'fraud', partition: 0, ...whole, vouched }])
})

test('any one byte of any record flipped is found, and the record that it stands in is the first one named', () => {
  for (let at = 0; at < COUNT; at++) {
    for (let byte = 0; byte < records[at]!.value!.length; byte++) {
      const report = audited(changed(at, flipped(byte)), [state])
      assert.equal(named(report)?.offset, records[at]!.offset, `byte ${byte} of decision ${at + 1}: ${short(report).join(', ')}`)
    }
  }
})

test('a record whose words were changed is named with both hashes, and the one after it is not blamed', () => {
  const forged = changed(3, (value) => encodeDecision({ ...decodeDecision(value), summary: 'nothing happened' }))
  const report = audited(forged, [state])
  assert.deepEqual(short(report), ['changed 4@6'])
  const [finding] = report.findings
  assert.equal(finding!.expectedHash, hashOfDecision(records[3]!.value!))
  assert.equal(finding!.foundHash, hashOfDecision(forged[3]!.value!))
  assert.match(finding!.what, /^decision 5 names another record as the one before it: 4 was changed/)
})

test('a record that was changed together with the hash it names is still the one named', () => {
  const forged = changed(3, (value) => encodeDecision({ ...decodeDecision(value), previousHash: 'a'.repeat(64) }))
  assert.deepEqual(short(audited(forged, [state])), ['changed 4@6'])
})

test('any one record removed is found missing, the first and the last too', () => {
  for (let at = 0; at < COUNT; at++) {
    const report = audited(records.toSpliced(at, 1), [state])
    assert.deepEqual(short(report), [`missing ${at + 1}@none`])
  }
  assert.deepEqual(short(audited(records.toSpliced(2, 3), [state])), ['missing 3-5@none'])
  assert.deepEqual(short(audited([], [state])), ['missing null@none'])
})

test('the last record changed is found, for state names its hash; without state nobody vouches for it, and that is said', () => {
  const forged = changed(5, (value) => encodeDecision({ ...decodeDecision(value), cause: 'weather' }))
  assert.deepEqual(short(audited(forged, [state])), ['changed 6@10'])
  const alone = audited(forged, [])
  assert.deepEqual([alone.findings, alone.models[0]!.headVouched], [[], false])
  assert.deepEqual(short(audited(forged.slice(0, 5), [])), [])
})

test('a record that stands twice, or that somebody slipped in, is named and the chain goes on', () => {
  const again = records.toSpliced(3, 0, { ...records[2]!, offset: 5 })
  assert.deepEqual(short(audited(again, [state])), ['repeated 3@5'])
  const forgery = encodeDecision({ ...decodeDecision(records[3]!.value!), summary: 'forged' })
  for (const [at, offset] of [
    [3, 5],
    [4, 7],
  ] as const) {
    const slipped = records.toSpliced(at, 0, { ...records[3]!, offset, value: forgery })
    assert.deepEqual(short(audited(slipped, [state])), [`foreign 4@${offset}`], `at ${offset}`)
  }
  const strange = encodeDecision({ ...decodeDecision(records[3]!.value!), number: 40, previousHash: 'b'.repeat(64) })
  const inserted = records.toSpliced(3, 0, { ...records[3]!, offset: 5, value: strange })
  assert.deepEqual(short(audited(inserted, [state])), ['foreign 40@5'])
})

test('two records that changed places are found', () => {
  const swapped = [...records]
  swapped[2] = { ...records[3]!, offset: 4 }
  swapped[3] = { ...records[2]!, offset: 6 }
  assert.ok(audited(swapped, [state]).findings.length > 0)
})

test('what was appended after the last decision that state knows is foreign', () => {
  const longer = chainOf('fraud', 7)
  assert.deepEqual(short(audited(longer, [stateAfter(longer, 'fraud', 6)])), ['foreign 7@12'])
})

test('a record that is no decision is named by its place, in the chain or without a key, and its neighbours are not', () => {
  const garbage = changed(3, () => Buffer.from('hello'))
  assert.deepEqual(short(audited(garbage, [state])), ['undecodable 4@6'])
  assert.deepEqual(
    short(
      audited(
        changed(0, () => Buffer.from('hello')),
        [state],
      ),
    ),
    ['undecodable 1@0'],
  )
  const slipped = records.toSpliced(3, 0, { partition: 0, offset: 5, key: Buffer.from('fraud'), value: null, version: 3 })
  assert.deepEqual(short(audited(slipped, [state])), ['undecodable 4@5'])
  const keyless = records.toSpliced(3, 0, { partition: 0, offset: 5, key: null, value: Buffer.from('hello'), version: 3 })
  assert.deepEqual(short(audited(keyless, [state])), ['undecodable null@5'])
})

test('a key that is not the model is found, for no hash covers the key', () => {
  for (const key of [Buffer.from('other'), null]) {
    const rekeyed = records.map((record, at) => (at === 3 ? { ...record, key } : record))
    assert.deepEqual(short(audited(rekeyed, [state])), ['key 4@6'])
  }
})

test('judge time that steps back is found', () => {
  const back = chainOf('fraud', 6, (one) => (one.number === 4 ? { ...one, judgeTimeMs: BEGIN_MS } : one))
  assert.deepEqual(short(audited(back, [stateAfter(back, 'fraud')])), ['time 4@6'])
})

test('a number that is not the next one is found although the hashes fit', () => {
  const odd = chainOf('fraud', 6, (one) => (one.number === 4 ? { ...one, number: 9 } : one))
  assert.deepEqual(short(audited(odd, [stateAfter(odd, 'fraud')])), ['number 4@6'])
})

test('a judge that lost its state and counted from one again is found once, and its new chain is followed', () => {
  const anew = chainOf('fraud', 3, (one) => ({ ...one, summary: 'anew' }))
  const moved = anew.map((record) => ({ ...record, offset: record.offset + 20 }))
  assert.deepEqual(short(audited([...records, ...moved], [stateAfter(anew, 'fraud')])), ['order 1@20'])
})

test('a chain whose beginning retention removed is verified from there on; removed by hand it is broken', () => {
  const trimmed = audited(records.slice(3), [state], { start: 6 })
  assert.deepEqual([trimmed.findings, trimmed.models[0]!.beginsAt], [[], 4])
  assert.deepEqual(short(audited(records.slice(3), [state])), ['missing 1-3@none'])
})

test('models that share a partition have a chain each, and one can be asked for alone', () => {
  const other = chainOf('churn', 4).map((record) => ({ ...record, offset: record.offset + 1 }))
  const both = [...changed(2, flipped(40)), ...other].sort((a, b) => a.offset - b.offset)
  const states = [state, stateAfter(other, 'churn')]
  assert.deepEqual(
    audited(both, states).models.map(({ model, records: count }) => [model, count]),
    [
      ['churn', 4],
      ['fraud', 6],
    ],
  )
  assert.deepEqual(short(audited(both, states)), ['changed 3@4'])
  assert.deepEqual(audited(both, states, { model: 'churn' }).findings, [])
})

test('with bounds only what lies within them is told, by number or by time, ends included', () => {
  const broken = changed(1, flipped(40))
  const from = (fromNumber: number) => ({ ...ALL, fromNumber })
  assert.deepEqual(short(audited(broken, [state], { bounds: from(2) })), ['changed 2@2'])
  const later = audited(broken, [state], { bounds: from(3) })
  assert.deepEqual([later.findings, later.outside, later.models[0]!.records, later.models[0]!.first], [[], 1, 4, 3])
  const early = audited(broken, [state], { bounds: { ...ALL, fromMs: BEGIN_MS, toMs: BEGIN_MS + 2000 } })
  assert.deepEqual([short(early), early.models[0]!.last], [['changed 2@2'], 2])
})

test('a state that cannot be read is named, one that was removed vouches for nobody, and other records of its topic are passed over', () => {
  const broken: RawRecord = { ...state, value: Buffer.from('x') }
  assert.deepEqual(short(audited(records, [broken])), ['state null@100'])
  assert.equal(audited(records, [state, { ...state, value: null }]).models[0]!.headVouched, false)
  const others = ['__barrier', 'snapshot|fraud|0'].map((key) => ({ ...broken, key: Buffer.from(key) }))
  assert.deepEqual(audited(records, [...others, state]).findings, [])
})

test('the audit is settled when log and state end with the same decision, and not while one is ahead', () => {
  const audit = new Audit(ALL)
  for (const record of records.slice(0, 5)) audit.take(record)
  audit.takeState(state)
  assert.equal(audit.looked(), false)
  audit.take(records[5]!)
  assert.equal(audit.looked(), true)
})

test('two records changed at once are not explained away: something is found, at the first of them or next to it', () => {
  const random = seededRandom(7)
  for (let round = 0; round < 400; round++) {
    const [one, two] = [Math.floor(random() * COUNT), Math.floor(random() * COUNT)]
    const once = changed(one, flipped(Math.floor(random() * 200)))
    const report = audited(one === two ? once : changed(two, flipped(Math.floor(random() * 200)), once), [state])
    const near = report.findings.map(({ offset }) => offset)
    assert.ok(near.includes(records[one]!.offset) || near.includes(records[two]!.offset), `${one} and ${two}: ${short(report).join(', ')}`)
  }
})

test('a gap, and a record changed and backdated, are selected by their sound neighbours and not by what they say of themselves', () => {
  const from = { ...ALL, fromMs: BEGIN_MS + 3500 }
  const gap = audited(records.toSpliced(3, 1), [state], { bounds: from })
  assert.deepEqual([short(gap), gap.outside], [['missing 4@none'], 0])
  const backdated = changed(3, (value) => encodeDecision({ ...decodeDecision(value), judgeTimeMs: BEGIN_MS }))
  assert.deepEqual(short(audited(backdated, [state], { bounds: from })), ['time 4@6', 'changed 4@6'])
  assert.deepEqual(short(audited(backdated, [state], { bounds: { ...ALL, fromNumber: 4, toNumber: 4 } })), ['time 4@6', 'changed 4@6'])
  const before = audited(backdated, [state], { bounds: { ...ALL, toMs: BEGIN_MS + 2500 } })
  assert.deepEqual([short(before), before.outside], [[], 2])
})

test('a missing end is told whatever the bounds, unless they end before the last sound decision', () => {
  const cut = records.slice(0, 5)
  const told = (bounds: Partial<typeof ALL>) => {
    const report = audited(cut, [state], { bounds: { ...ALL, ...bounds } })
    return [short(report), report.outside]
  }
  for (const bounds of [{ fromMs: BEGIN_MS + 60_000 }, { fromNumber: 100 }, { toNumber: 5 }, { toMs: BEGIN_MS + 5000 }])
    assert.deepEqual(told(bounds), [['missing 6@none'], 0], JSON.stringify(bounds))
  for (const bounds of [{ toNumber: 4 }, { toMs: BEGIN_MS + 4000 }]) assert.deepEqual(told(bounds), [[], 1], JSON.stringify(bounds))
})

test('retention that removed every decision is said, with the last number that state knows; without retention they are missing', () => {
  const removed = audited([], [state], { start: 12 })
  assert.deepEqual([removed.findings, removed.removed], [[], [{ model: 'fraud', partition: 0, number: 6 }]])
  const missing = audited([], [state])
  assert.deepEqual([short(missing), missing.removed], [['missing null@none'], []])
})

test('a record of state under a key that is not its model vouches for nobody, and is named', () => {
  const elsewhere = { ...stateAfter(records, 'fraud', 4), key: Buffer.from('churn') }
  const report = audited(records, [state, elsewhere])
  assert.deepEqual([short(report), report.models[0]!.headVouched], [['state null@100'], true])
})

test('a chain of a model that state does not know, while it knows others, is foreign', () => {
  const ghost = chainOf('ghost', 2).map((record) => ({ ...record, offset: record.offset + 21 }))
  const { findings } = audited([...records, ...ghost], [state])
  assert.deepEqual(
    findings.map(({ kind, model, offset }) => [kind, model, offset]),
    [['foreign', 'ghost', 21]],
  )
})

test('the partition of a model is that of its name: junk that came first in another one makes no finding of what is genuine', () => {
  const audit = new Audit(ALL)
  for (const partition of [0, 1]) audit.beginsAt(partition, 0)
  for (const junk of [Buffer.from('junk'), records[0]!.value])
    audit.take({ partition: 1, offset: 0, key: Buffer.from('fraud'), value: junk, version: 3 })
  for (const record of records) audit.take(record)
  audit.takeState(state)
  const report = audit.report()
  assert.deepEqual(
    report.findings.map(({ kind, partition }) => [kind, partition]),
    [
      ['undecodable', 1],
      ['partition', 1],
    ],
  )
  assert.deepEqual([report.models[0]!.records, report.models[0]!.headVouched], [6, true])
})
