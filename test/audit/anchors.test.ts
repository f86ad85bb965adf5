/** What anchors let an audit say: what is vouched for and by whom, what retention may take, and who cannot write a chain anew. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keptPoints } from '../../src/audit/kept.ts'
import { anchorText } from '../../src/kit/anchor.ts'
import { signerOf, trustedKeyOf } from '../../src/kit/signing.ts'
import { decodeDecision, encodeDecision } from '../../src/wire/decisions.ts'
import { keysFor } from '../kit/keys.ts'
import { anchoredChain, auditedWith, isAnchorRecord, keptOf, numberOf, rewrittenFrom } from './anchored.ts'
import { short, stateAfter } from './chains.ts'

const { file } = keysFor('judge', 'stranger')
const judge = signerOf(file('judge.key'), 'judge')
const stranger = signerOf(file('stranger.key'), 'judge')
const trusted = [trustedKeyOf(file('judge.pub'), 'judge', null)]

/** Decisions 1 to 3, anchor 4, 5 to 7, anchor 8, 9 to 11, anchor 12, 13 to 15. */
const chain = anchoredChain('fraud', { days: 4, perDay: 3, signer: () => judge })
const state = stateAfter(chain, 'fraud')
const plain = anchoredChain('fraud', { days: 4, perDay: 3 })
const onePlain = (records = plain) => auditedWith(records, [stateAfter(records, 'fraud')])

test('an untouched chain is vouched for up to its newest anchor: by its key, by a key nobody gave, or by nobody', () => {
  const [signed] = auditedWith(chain, [state], { trusted }).models
  assert.deepEqual(signed!.vouched, { by: 'signed', keyId: 'judge', anchor: 12, from: 1, to: 11 })
  assert.equal(signed!.anchors, 3)
  assert.deepEqual(auditedWith(chain, [state]).models[0]!.vouched, { by: 'unverified', keyId: 'judge', anchor: 12, from: 1, to: 11 })
  assert.deepEqual(onePlain().models[0]!.vouched, { by: 'unsigned', keyId: '', anchor: 12, from: 1, to: 11 })
  const young = anchoredChain('fraud', { days: 1, perDay: 3 })
  const report = auditedWith(young, [stateAfter(young, 'fraud')], { trusted })
  assert.deepEqual([report.findings, report.models[0]!.vouched.by], [[], 'nothing'])
})

test('where retention has deleted the beginning, the oldest anchor left vouches for the rest, and anchors kept outside reach back over the gap', () => {
  for (const [from, oldest] of [
    [5, 8],
    [4, 4],
    [11, 12],
  ] as const) {
    const left = chain.slice(from - 1)
    const kept = keptOf(chain, 'fraud')
    const report = auditedWith(left, [state], { trusted, kept }, left[0]!.offset)
    assert.deepEqual(report.findings, [], `from ${from}`)
    const { vouched, beginsAt, keptFits } = report.models[0]!
    assert.deepEqual([vouched.by, vouched.from, vouched.anchor, beginsAt], ['signed', from, 12, from])
    // What the first record, or the oldest anchor, names as the one before it can still be held against what was kept.
    const told = kept.filter(({ number }) => number >= from || number === from - 1 || number === oldest - 4)
    assert.equal(keptFits, told.length, `from ${from}`)
    assert.deepEqual(
      report.unchecked.map(({ number }) => number),
      kept.filter((one) => !told.includes(one)).map(({ number }) => number),
    )
  }
})

test('a decision that was changed cuts what an anchor vouches for', () => {
  const changed = chain.map((record) =>
    numberOf(record) === 6 ? { ...record, value: encodeDecision({ ...decodeDecision(record.value!), summary: 'forged' }) } : record,
  )
  const report = auditedWith(changed, [state], { trusted })
  assert.deepEqual(short(report), ['changed 6@10'])
  assert.deepEqual(report.models[0]!.vouched, { by: 'signed', keyId: 'judge', anchor: 12, from: 7, to: 11 })
})

test('a chain written anew from any record on, state with it, is whole to who keeps nothing; an anchor kept outside finds it, and a key does', () => {
  const kept = keptOf(chain, 'fraud')
  for (let index = 0; index < chain.length; index++) {
    const anew = rewrittenFrom(chain, index, (decision) => ({ ...decision, summary: 'nothing happened' }))
    const after = stateAfter(anew, 'fraud')
    const changed = index + 1
    assert.deepEqual(short(auditedWith(anew, [after])), [], `${changed}`)
    const firstBad = kept.find(({ number }) => number >= changed)
    const held = auditedWith(anew, [after], { kept })
    assert.deepEqual(short(held), firstBad === undefined ? [] : [`rewritten ${firstBad.number}@${(firstBad.number - 1) * 2}`], `${changed}`)
    const fit = kept.filter(({ number }) => number < changed).length
    assert.equal(held.models[0]!.keptFits, fit)
    const verified = short(auditedWith(anew, [after], { trusted }))
    assert.deepEqual(
      verified,
      kept
        .filter(({ number }) => number >= changed)
        .map(({ number }) => `signature ${number}@${(number - 1) * 2}`)
        .concat(changed <= 4 ? ['anchor 1-15@none'] : changed <= 8 ? ['anchor 5-15@none'] : changed <= 12 ? ['anchor 9-15@none'] : []),
      `${changed}`,
    )
  }
})

test('a chain written anew without anchors, or signed by another key, is found by who has the key', () => {
  const bare = anchoredChain('fraud', { days: 4, perDay: 3, anchors: false })
  assert.deepEqual(short(auditedWith(bare, [stateAfter(bare, 'fraud')], { trusted })), ['anchor 1-12@none'])
  const other = anchoredChain('fraud', { days: 4, perDay: 3, signer: () => stranger })
  const report = auditedWith(other, [stateAfter(other, 'fraud')], { trusted })
  assert.deepEqual(
    short(report).filter((each) => each.startsWith('signature')),
    ['signature 4@6', 'signature 8@14', 'signature 12@22'],
  )
  assert.match(report.findings[0]!.what, /its signature is not that of key judge/)
  assert.equal(report.models[0]!.vouched.by, 'nothing')
})

test('a signature taken away is missed; anchors of the time before there was a key are vouched for by the first one after it', () => {
  const stripped = chain.map(({ signature, ...record }) =>
    numberOf(record) === 8 || signature === undefined ? record : { ...record, signature },
  )
  assert.deepEqual(short(auditedWith(stripped, [state], { trusted })), ['signature 8@14'])
  const later = anchoredChain('fraud', { days: 4, perDay: 3, signer: (day) => (day === 3 ? judge : null) })
  assert.deepEqual(short(auditedWith(later, [stateAfter(later, 'fraud')], { trusted })), [])
  const stopped = anchoredChain('fraud', { days: 4, perDay: 3, signer: (day) => (day === 1 ? judge : null) })
  const found = short(auditedWith(stopped, [stateAfter(stopped, 'fraud')], { trusted }))
  assert.deepEqual(found, ['signature 8@14', 'signature 12@22', 'anchor 5-15@none'])
})

test('decisions of a take-over may come on a new day before its anchor', () => {
  const rule = (number: number) => (number === 4 || number === 5 ? ['policy-loaded', 'found-in-force'][number - 4]! : 'start')
  const records = anchoredChain('fraud', {
    days: 2,
    perDay: 3,
    anchors: false,
    change: (decision) => ({ ...decision, verdict: { kind: 'recorded', rule: rule(decision.number), note: '' } }),
  })
  assert.deepEqual(short(auditedWith(records.slice(0, 5), [stateAfter(records, 'fraud', 5)], { trusted })), [])
  assert.deepEqual(short(auditedWith(records, [stateAfter(records, 'fraud')], { trusted })), ['anchor 1-6@none'])
})

test('an anchor that names another head, passes over the one before it, or says nothing, is found', () => {
  const body = (text: (old: string) => string) =>
    anchoredChain('fraud', {
      days: 4,
      perDay: 3,
      change: (decision) => (decision.number === 8 ? { ...decision, body: text(decision.body) } : decision),
    })
  assert.deepEqual(short(onePlain()), [])
  assert.deepEqual(short(onePlain(body(() => 'words'))), ['anchor 8@14'])
  const point = { number: 7, hash: 'a'.repeat(64) }
  assert.deepEqual(short(onePlain(body(() => anchorText({ head: point, previous: null })))), ['anchor 8@14'])
  const past = (old: string) => JSON.stringify({ ...(JSON.parse(old) as object), previous: null })
  assert.deepEqual(short(onePlain(body(past))), ['anchor 8@14'])
})

test('an anchor kept outside of a number that the log does not reach, or of a model that it has not, is missing', () => {
  const kept = keptOf(chain, 'fraud')
  const short12 = chain.slice(0, 10)
  const cut = auditedWith(short12, [stateAfter(short12, 'fraud')], { kept })
  assert.deepEqual(short(cut), ['missing 12@none'])
  assert.match(cut.findings[0]!.what, /anchors up to 8 fit/)
  const gone = auditedWith(chain, [state], { kept: [{ model: 'churn', number: 4, hash: 'b'.repeat(64) }] })
  assert.deepEqual(
    gone.findings.map(({ kind, model }) => [kind, model]),
    [['missing', 'churn']],
  )
  const removed = auditedWith([], [state], { kept }, 100)
  assert.deepEqual([removed.findings, removed.unchecked.length], [[], 3])
})

test('the head that verify prints may be kept as well as an anchor', () => {
  const { headNumber, headHash } = auditedWith(chain, [state]).models[0]!
  const kept = [{ model: 'fraud', number: headNumber, hash: headHash }]
  const longer = anchoredChain('fraud', { days: 5, perDay: 3, signer: () => judge })
  assert.equal(auditedWith(longer, [stateAfter(longer, 'fraud')], { kept }).models[0]!.keptFits, 1)
  assert.equal(isAnchorRecord(chain.at(-1)!), false)
})

test('what was kept is read as lines or as the JSON that was printed; anything else says why not', () => {
  const [one] = keptOf(chain, 'fraud')
  const line = `fraud:${one!.number}:${one!.hash}`
  assert.deepEqual(keptPoints(`# of March\n\n${line}\n`), [one])
  assert.deepEqual(keptPoints(JSON.stringify({ model: 'fraud', anchors: [{ ...one, day: '2026-03-01' }] })), [one])
  assert.deepEqual(keptPoints(`a:b:${line}`), [{ ...one, model: 'a:b:fraud' }])
  assert.match(keptPoints('fraud:4:abc') as string, /line 1 is no/)
  assert.match(keptPoints('{}') as string, /no list of anchors/)
  assert.match(keptPoints('{"anchors":[{"model":"fraud"}]}') as string, /anchor 1 of it/)
  assert.match(keptPoints('{') as string, /JSON/)
  assert.match(keptPoints('') as string, /none in it/)
})
