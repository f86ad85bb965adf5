/** A policy that cannot be used says everything that is wrong with it, each with its place. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PolicyFaults } from '../../src/policy/faults.ts'
import { loadPolicy, parsePolicy } from '../../src/policy/load.ts'
import { policyText } from './minimal.ts'

function faultsOf(text: string): string[] {
  try {
    parsePolicy(text, 'flyball.yaml')
  } catch (error) {
    assert.ok(error instanceof PolicyFaults, String(error))
    assert.equal(error.code, 'FLY-POLICY-001')
    assert.equal(error.spec.exit, 2)
    return error.message.split('\n').slice(1)
  }
  throw new Error('the policy was taken')
}

test('a misspelt key is refused with its line and column, and the right spelling is offered', () => {
  const text = policyText.replace('candidate: v2', 'candidat: v2')
  assert.deepEqual(faultsOf(text), [
    'flyball.yaml:8:3: models.fraud.candidate: is missing',
    'flyball.yaml:10:5: models.fraud.candidat: unknown key, did you mean candidate?',
  ])
})

test('all faults are reported at once, in the order of the file', () => {
  const text = policyText
    .replace('topic: predictions', 'topic: pre dictions')
    .replace('horizon: 10m', 'horizon: ten minutes')
    .concat('    mode: dry-run\n')
  assert.deepEqual(
    faultsOf(text).map((line) => line.split(': ').slice(0, 2).join(': ')),
    [
      'flyball.yaml:4:5: inputs.predictions.topic',
      'flyball.yaml:13:9: models.fraud.outcomes.chargeback.horizon',
      'flyball.yaml:14:5: models.fraud.mode',
    ],
  )
})

test('of alerts a kind and a severity that there is not are refused with those that there are', () => {
  const alerts = (kind: string, severity: string) => `alerts:
  sinks:
    ours: { kind: ${kind} }
  routes:
    - { name: a, match: { severity: ${severity} }, sinks: [ours] }
`
  assert.deepEqual(faultsOf(policyText + alerts('lag', 'critical')), [
    'flyball.yaml:16:13: alerts.sinks.ours.kind: must be slack | pagerduty | alertmanager | webhook | heartbeat | log',
  ])
  assert.deepEqual(faultsOf(policyText + alerts('log', '[critical, fatal]')), [
    'flyball.yaml:18:27: alerts.routes[0].match.severity: must be critical | warning | info, not fatal',
  ])
  parsePolicy(policyText + alerts('log', "'*'"), 'flyball.yaml')
})

test('text that is no YAML is refused with the place where it breaks', () => {
  const [first] = faultsOf('version: 1\nversion: 1\n')
  assert.equal(first, 'flyball.yaml:2:1: Map keys must be unique')
  assert.equal(faultsOf('')[0], 'flyball.yaml:1:1: the file is empty')
  assert.match(faultsOf('models: *nowhere\n')[0]!, /^flyball\.yaml:1:\d+: .*nowhere/)
})

test('a name that every object knows is not mapped by that', () => {
  const mapped = policyText.replace(
    'topic: predictions\n',
    'topic: predictions\n    features: {age: age}\n    segments: {region: region}\n',
  )
  const model =
    '    features: {toString: {values: [a]}, age: {low: 0, high: 9}}\n    segments: {constructor: [a]}\n    pairs: [[age, valueOf]]\n'
  assert.deepEqual(
    faultsOf(`${mapped}${model}`).map((line) => line.replace(/^flyball\.yaml:\d+:\d+: models\.fraud\./, '')),
    [
      'features.toString: is not mapped under inputs.predictions.features',
      'segments.constructor: is not mapped under inputs.predictions.segments',
      'pairs[0]: the model has no feature valueOf',
    ],
  )
})

test('a small text that would become a large one is refused with its place: keys that are mappings, depth without end, aliases of aliases', () => {
  assert.equal(faultsOf(`version: 1\n? ${'? '.repeat(40)}1`)[0], 'flyball.yaml:2:3: a key must be text')
  assert.equal(faultsOf('[a]: 1')[0], 'flyball.yaml:1:1: a key must be text')
  assert.match(faultsOf(`a: ${'['.repeat(60)}${']'.repeat(60)}`)[0]!, /^flyball\.yaml:1:\d+: is nested too deeply$/)
  assert.match(faultsOf(`a: ${'['.repeat(100_000)}`)[0]!, /^flyball\.yaml:1:\d+: is nested too deeply$/)
  assert.equal(faultsOf('a: &k b\n*k : 1')[0], 'flyball.yaml:2:1: a key must be text')
  assert.match(faultsOf(' '.repeat(600_000))[0]!, /is larger than 500 kB/)
  assert.equal(faultsOf(Array.from({ length: 20_000 }, (_, at) => `k${at}: 1`).join('\n')).length, 500)
  const aliases = Array.from({ length: 30 }, (_, level) => `b${level + 1}: &x${level + 1} [${`*x${level},`.repeat(9)}]`)
  assert.match(faultsOf(`b0: &x0 [1]\n${aliases.join('\n')}`)[0]!, /Excessive alias count/)
})

test('a value of another kind is refused in the words of the file, not of the checker', () => {
  assert.deepEqual(faultsOf(policyText.replace('control: v1', 'control: [v1]')), [
    'flyball.yaml:9:5: models.fraud.control: must be text, not a list',
  ])
  assert.deepEqual(faultsOf(`${policyText}    features: {age: 5}\n`), ['flyball.yaml:14:16: models.fraud.features.age: must be a mapping'])
  assert.deepEqual(faultsOf(`${policyText}    features: {age: {low: 0, hihg: 9}}\n`), [
    'flyball.yaml:14:16: models.fraud.features.age.high: is missing',
    'flyball.yaml:14:30: models.fraud.features.age.hihg: unknown key; known here: low, high, bins, required, edges, values',
  ])
})

test('a file that is not there is a fault of its own', () => {
  assert.throws(() => loadPolicy('no-such-policy.yaml'), { code: 'FLY-POLICY-002' })
})

test('a value needs its field, bounds with a direction, and a margin', () => {
  const value = '    guardrails: [{kind: value}]\n'
  const mapped = policyText.replace('topic: outcomes', 'topic: outcomes\n    fields: {value: spend}')
  const bounded = mapped.replace('horizon: 10m', 'horizon: 10m\n        bounds: {low: 0, high: 9}\n        worse: lower')
  assert.match(faultsOf(policyText + value).join('\n'), /FLY-POLICY-005 value needs a margin above 0, in the value's own unit/)
  assert.match(faultsOf(policyText + value.replace('}', ', margin: 1}')).join('\n'), /needs the value field/)
  assert.match(faultsOf(mapped + value.replace('}', ', margin: 1}')).join('\n'), /needs bounds: \{low, high\} and worse/)
  assert.match(faultsOf(bounded.replace('\n        worse: lower', '')).join('\n'), /bounds: needs worse/)
  assert.match(faultsOf(bounded.replace('low: 0', 'low: 9')).join('\n'), /bounds\.high: must be above low \(9\)/)
  assert.match(faultsOf(bounded + value.replace('}', ', margin: 9}')).join('\n'), /margin: must be below 9, the width of the bounds/)
  assert.equal(parsePolicy(bounded + value.replace('}', ', margin: 1}'), 'flyball.yaml').layout.models.length, 1)
})

test('staleness needs the time of the events', () => {
  const text = policyText.replace('topic: predictions', 'topic: predictions\n    fields: {time: null}')
  assert.match(faultsOf(`${text}    guardrails: [{kind: stale}]\n`).join('\n'), /needs the field time of the predictions, which is null/)
})

const REFUSED: readonly (readonly [why: string, addition: string, fault: RegExp])[] = [
  ['a candidate that is the control', 'replace candidate: v2 → candidate: v1', /fraud\.candidate: must be another version/],
  ['a horizon too long to be joined', 'replace horizon: 10m → horizon: 7h', /horizon: must be at most 6h/],
  ['a ladder that does not end with all traffic', 'ladder: {steps: [1, 50]}', /steps\[1\]: must be 100/],
  ['a ladder that falls', 'ladder: {steps: [5, 1, 100]}', /steps\[1\]: must be above the step before it \(5\)/],
  ['a lease that one lost heartbeat ends', 'acks: {heartbeat: 10s, lease: 15s}', /lease: must be at least two heartbeats \(20s\)/],
  ['feature edges that fall', 'features: {age: {edges: [0, 9, 5]}}', /edges\[2\]: must be above the edge before it \(9\)/],
  ['a segment value listed twice', 'segments: {region: [EU, EU]}', /region\[1\]: EU is listed twice/],
  ['a proof that can never hold', 'guardrails: [{kind: brier, promote: {margin: 0}}]', /guardrails\[0\]: with a margin of 0 its proof can/],
  [
    'a margin that no harm exceeds',
    'guardrails: [{kind: brier, margin: 1}]',
    /guardrails\[0\]\.margin: must be below 1: no harm is larger/,
  ],
  ['a calibration of no meaning', 'guardrails: [{kind: calibration, margin: 2}]', /margin: must be below 1: no harm is larger/],
  ['score drift that acts', 'guardrails: [{kind: score-drift, action: rollback}]', /score-drift may hold or inform/],
  [
    'a proof that calibration cannot give',
    'guardrails: [{kind: calibration, promote: {margin: 0.1}}]',
    /promote: calibration has no interval/,
  ],
  ['calibration that acts', 'guardrails: [{kind: calibration, action: rollback}]', /calibration may hold or inform/],
  ['calibration finer than models are', 'guardrails: [{kind: calibration, margin: 0.02}]', /must be at least 0\.05/],
  [
    'a log score without a margin',
    'guardrails: [{kind: log-score, margin: 0}]',
    /FLY-POLICY-005 log-score needs a margin above 0, in nats/,
  ],
  ['a Brier score without a margin', 'guardrails: [{kind: brier, margin: 0, promote: false}]', /FLY-POLICY-005 brier/],
  ['a pair of one feature', 'features: {a: {values: [x]}}\n    pairs: [[a, a]]', /pairs\[0\]: must name two features/],
  ['a pair with a feature that is not there', 'features: {a: {values: [x]}}\n    pairs: [[a, b]]', /the model has no feature b/],
  ['a pair guardrail without pairs', 'guardrails: [{kind: pair-drift}]', /needs pairs under the model/],
  ['points for a score', 'guardrails: [{kind: log-score, marginPoints: 1}]', /log-score takes margin/],
  ['a margin for an event rate', 'guardrails: [{kind: error-rate, margin: 1}]', /error-rate takes marginPoints/],
  ['a proof that can never hold', 'guardrails: [{kind: error-rate, marginPoints: 0}]', /its proof can never hold/],
  ['two guardrails of one name', 'guardrails: [{kind: latency}, {kind: latency}]', /another guardrail is named latency/],
  ['a guardrail on a feature that is not there', 'guardrails: [{kind: missing, features: [age]}]', /the model has no feature age/],
  ['a guardrail on a segment that is not there', 'guardrails: [{kind: latency, segments: [region]}]', /the model has no segments region/],
  [
    'a class that does not go with its action',
    'guardrails: [{kind: latency, class: signal, action: rollback}]',
    /class signal goes with hold/,
  ],
  ['a limit outside the latency bins', 'guardrails: [{kind: latency, thresholdsMs: [90000]}]', /must lie within the latency bins/],
  ['an input without its schema', 'replace topic: predictions → topic: predictions, format: avro', /avro needs schemaFile/],
  ["an input that is one of Flyball's own topics", 'replace topic: outcomes → topic: flyball.panes', /one of Flyball's own topics/],
  ['an input that Flyball itself writes anew', 'replace topic: outcomes → topic: flyball.rekeyed.outcomes', /one of Flyball's own topics/],
]

for (const [why, change, fault] of REFUSED) {
  test(`${why} is refused`, () => {
    const [, from, to] = /^replace (.*) → (.*)$/.exec(change) ?? []
    const edited = from === undefined ? `${policyText}    ${change}\n` : policyText.replace(from, to!.replace(', ', '\n    '))
    const faults = faultsOf(edited)
    assert.equal(faults.length, 1, faults.join('\n'))
    assert.match(faults[0]!, fault)
    assert.match(faults[0]!, /^flyball\.yaml:\d+:\d+: /)
  })
}

test('in a list as long as a list of zip codes the one that is listed twice is named', () => {
  const zips = Array.from({ length: 60_000 }, (_, index) => `z${index}`)
  const [fault] = faultsOf(`${policyText}    features: {zip: {values: [${zips.join(', ')}, z7]}}\n`)
  assert.match(fault!, /features\.zip\.values\[60000\]: z7 is listed twice/)
})

test('many pairs are named as what to cut', () => {
  const names = Array.from({ length: 60 }, (_, index) => `f${index}`)
  const pairs = names.flatMap((one, index) => names.slice(0, index).map((other) => `[${one}, ${other}]`))
  const features = names.map((name) => `${name}: {low: 0, high: 1}`)
  const [fault] = faultsOf(`${policyText}    features: {${features.join(', ')}}\n    pairs: [${pairs.join(', ')}]\n`)
  assert.match(fault!, /: cut pairs \(1770\)/)
})

test('a policy whose largest pane would not fit in one record is refused, and the dimension to cut is named', () => {
  const zips = Array.from({ length: 1_200 }, (_, index) => `z${index}`)
  const text = `${policyText}    blocksInSegments: true\n    segments: {tier: [gold, silver], zip: [${zips.join(', ')}]}\n`
  const [fault] = faultsOf(text)
  assert.match(fault!, /models\.fraud: the largest exposure pane could take \d+ kB.*: cut the dimension zip \(1201 values\)/)
})
