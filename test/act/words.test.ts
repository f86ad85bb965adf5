import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clean, escapedForSlack, factsOf, keyOf, lineOf, textOf, titleOf, usableLink } from '../../src/act/words.ts'
import { NO_DETAIL } from '../../src/kit/no-detail.ts'
import { incident, LINK, message, NOON_MS, ONE, storm } from './messages.ts'

test('a message says what was done, value, interval, limit, evidence, rows, cause, owner, runbook, how to override, and the link', () => {
  assert.deepEqual(factsOf(incident({ flapping: true, endedMs: NOON_MS + 60_000 })), {
    done: 'Rolled back v2 from 25 % to 0 %',
    summary: 'Rolled back v2 from 25 %: error-rate in region=eu (evidence e^12.3 against a limit of e^6.9 after 4,812 candidate rows)',
    value: 'error-rate in region=eu: +0.0213 [0.0142, 0.0291] share of requests',
    margin: '0.005 share of requests',
    evidence: 'e^12.3 against a limit of e^6.9',
    rows: '4,812 of the candidate, 14,391 of the control',
    probable_cause: 'upstream: merchant_age is missing in 41 % of requests on the candidate against 0.2 % on the control',
    owner: 'Ada Lovelace, #fraud-oncall',
    runbook: 'https://wiki.example/fraud/rollback · docs/runbooks/rollback.md',
    override: 'flyball quarantine release fraud --reason "…"',
    flapping: 'it begins and ends often: it counts as one that goes on until it has been calm',
    began: '2013-02-01T12:00:00.000Z',
    ended: '2013-02-01T12:01:00.000Z',
    link: LINK,
  })
})

test('an alert of schema 1 says what it has, and nothing of what it lacks', () => {
  assert.deepEqual(factsOf(incident({ summary: 'blind', link: '', detail: NO_DETAIL })), {
    summary: 'blind',
    began: '2013-02-01T12:00:00.000Z',
  })
})

test('an alert that counted nothing names no rows', () => {
  assert.equal(factsOf(incident({ detail: { candidateRows: 0, controlRows: 0 } })).rows, undefined)
  assert.equal(factsOf(incident({ detail: { candidateRows: 0, controlRows: 9 } })).rows, '0 of the candidate, 9 of the control')
})

test('an interval that is not bounded yet is said to be so, and evidence that is beyond numbers still shows', () => {
  const open = { scope: '__all__', intervalLow: Number.NEGATIVE_INFINITY, intervalHigh: Number.POSITIVE_INFINITY, logEvidence: Infinity }
  const { value, evidence } = factsOf(incident({ detail: open }))
  assert.equal(value, 'error-rate: +0.0213 [not bounded yet] share of requests')
  assert.equal(evidence, 'e^Infinity against a limit of e^6.9')
})

test('a title says how grave, of what, how many, and whether it is said again', () => {
  assert.equal(titleOf(ONE), 'CRITICAL fraud v2: rollback:error-rate (production)')
  assert.equal(titleOf({ ...ONE, repeated: true }), 'still CRITICAL fraud v2: rollback:error-rate (production)')
  assert.equal(
    titleOf(message([incident({ endedMs: NOON_MS })], { severity: 'warning' })),
    'RESOLVED fraud v2: rollback:error-rate (production)',
  )
  assert.equal(titleOf(storm(400, 13)), 'CRITICAL 413 incidents (production)')
  assert.equal(titleOf({ ...storm(3), labels: { model: 'fraud', cause: 'signal' } }), 'CRITICAL 3 incidents: fraud signal')
  assert.equal(titleOf({ ...ONE, omitted: 1 }), 'CRITICAL 2 incidents: fraud (production)')
})

test('a line says what was done, and a text all there is', () => {
  assert.equal(lineOf(incident()), 'CRITICAL fraud v2: rollback:error-rate. Rolled back v2 from 25 % to 0 %')
  assert.equal(lineOf(incident({ summary: 'A', detail: { done: '' }, endedMs: NOON_MS })), 'RESOLVED fraud v2: rollback:error-rate. A')
  const text = textOf(incident())
  for (const fact of Object.values(factsOf(incident()))) assert.ok(text.includes(fact))
})

test('only addresses of the web are links, and nothing in them can end them early', () => {
  assert.equal(usableLink('https://a.example/x?y=1&z=2'), 'https://a.example/x?y=1&z=2')
  assert.equal(usableLink("https://a.example/<b>|c'd`{e}"), 'https://a.example/%3Cb%3E%7Cc%27d%60%7Be%7D')
  assert.equal(usableLink('https://a.example/#<!here>|x'), 'https://a.example/#%3C!here%3E%7Cx')
  for (const odd of ['', 'javascript:alert(1)', 'docs/runbooks/rollback.md', 'ftp://a.example', `https://a.example/${'x'.repeat(2_000)}`]) {
    assert.equal(usableLink(odd), '')
  }
})

test('a text is one line of valid text, and for Slack without a sign of markup', () => {
  assert.equal(clean(' a\n\tb\u2028c\u0000\u202ed\ud800e\udc00 🛰 👩‍🔬 '), 'a b c d\ufffde\ufffd 🛰 👩‍🔬')
  assert.equal(escapedForSlack('<!channel> & <@U1> &amp;'), '&lt;!channel&gt; &amp; &lt;@U1&gt; &amp;amp;')
})

test('a key that a far end would not take is replaced, always by the same, and by another for another', () => {
  const [one, other] = ['k'.repeat(256), `${'k'.repeat(256)}!`].map((key) => keyOf({ ...ONE, key }))
  assert.match(one!, /^[0-9a-f]{64}$/)
  assert.notEqual(one, other)
  assert.equal(one, keyOf({ ...ONE, key: 'k'.repeat(256), status: 'resolved' }))
  assert.equal(keyOf({ ...ONE, key: 'k'.repeat(255) }), 'k'.repeat(255))
  assert.match(keyOf({ ...ONE, key: 'a\nb' }), /^[0-9a-f]{64}$/)
})
