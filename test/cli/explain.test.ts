/** `flyball explain`: which decision a name means, and that nothing in a record breaks its words. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { explained, explanation, find } from '../../src/cli/explain.ts'
import { overrides } from '../../src/cli/explain-words.ts'
import type { Decision, Reading, Verdict } from '../../src/domain.ts'
import { alertDetail } from '../../src/judge/alert-detail.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { modelLayout } from '../judge/world.ts'
import { decision } from '../wire/records.ts'
import { inFolder } from './run-flyball.ts'

const stored = (id: string, model: string, number: number) => ({
  decision: { ...decision, id, model, number },
  partition: 0,
  offset: 0,
  hash: '',
})
const decisions = [stored('fraud-1234', 'churn', 1), stored('ad12345', 'fraud', 1), stored('b', 'fraud', 2)]
const meant = (name: string) => find(decisions, name).decision

test('a model wins over an id that begins alike, and an id may be cut to six signs, not to less', () => {
  assert.deepEqual([meant('fraud').number, meant('fraud#1').id, meant('b').number], [2, 'ad12345', 2])
  assert.equal(meant('ad1234').id, 'ad12345')
  for (const name of ['ad', 'ad123', 'fraud#', 'fraud#9', '']) assert.throws(() => meant(name), /FLY-CLI-004/)
})

test('a model means its last decision proper: what became of the command, and what was only written down, does not hide it', () => {
  const noted = (['acked', 'observed', 'recorded'] as const).map((kind, index) => {
    const { decision: last, ...place } = stored(`note-${kind}`, 'fraud', 3 + index)
    return { ...place, decision: { ...last, verdict: { kind, rule: 'quorum', note: '' } } }
  })
  assert.equal(find([...decisions, ...noted], 'fraud').decision.number, 2)
  assert.equal(find(noted, 'fraud').decision.number, 5, 'with nothing else the last note is better than nothing')
  assert.equal(find([...decisions, ...noted], 'fraud#4').decision.number, 4)
})

test('a time that no calendar has is shown as a number, and no text of a record begins a line or has a colour', () => {
  const forged = { ...decision, judgeTimeMs: 9e15, summary: 'calm\nbroken', cause: '\u001b[31mred', factors: [] }
  const lines = explanation({ decision: forged, partition: 0, offset: 0, hash: '' })
  assert.ok(lines.includes('time       9000000000000000 ms (record time)'))
  assert.equal(lines[0], 'calm\\u{a}broken')
  assert.ok(lines.includes('cause      \\u{1b}[31mred'))
})

const POLICY = `
version: 1
inputs: { predictions: { topic: predictions } }
models:
  fraud:
    control: v1
    candidate: v2
    ladder: { profile: standard }
    guardrails:
      - kind: error-rate
        marginPoints: 1
      - { kind: latency, thresholdsMs: [200] }
    rollout: { owner: ada, contact: "#ml", runbook: "https://runbooks.example/fraud", exitConditions: [it gets worse], preflight: [] }
`

function surroundingsOf(folder: string, decided: readonly Decision[]) {
  const file = join(folder, 'flyball.yaml')
  writeFileSync(file, POLICY)
  const loaded = parsePolicy(POLICY, file)
  const same = decided.map((each) => ({ ...each, policyDigest: loaded.layout.policyDigest }))
  const decisions = same.map((each, offset) => ({ decision: each, partition: 0, offset, hash: '' }))
  return { decisions, surroundings: { decisions, loaded, file } }
}

const rate = (logEvidence: number, changes: Partial<Reading> = {}): Reading => ({
  ...decision.readings[0]!,
  ...{ guardrail: 'error-rate', scope: '__all__', logEvidence, logLimit: 6, unit: 'share of requests', detail: '' },
  ...{ candidateRows: 900, candidateEvents: 90, controlRows: 9000, controlEvents: 90 },
  ...changes,
})

test('the guardrail is shown as the policy has it, evidence as it grew, segments by what they add, and who is to be asked', () => {
  inFolder((folder) => {
    const segments = [
      rate(5, { scope: 'platform=ios', candidateRows: 300, candidateEvents: 80, controlRows: 3000, controlEvents: 30 }),
      rate(0, { scope: 'platform=web', candidateRows: 600, candidateEvents: 10, controlRows: 6000, controlEvents: 60 }),
    ]
    const held: Decision = {
      ...decision,
      number: 6,
      verdict: { kind: 'hold', because: 'insufficient', rule: 'insufficient', missing: ['rows'] },
    }
    const { decisions, surroundings } = surroundingsOf(folder, [
      { ...held, number: 4, readings: [rate(0)] },
      { ...held, number: 5, readings: [rate(3)] },
      { ...decision, verdict: { kind: 'rollback', rule: 'harm', evidence: [rate(8)] }, readings: [rate(8), ...segments] },
    ])
    const lines = explanation(decisions[2]!, surroundings)
    for (const wanted of [
      'question   Is there harm?',
      'cause      upstream: age is missing',
      'guardrail  error-rate, line 10: kind: error-rate',
      '           marginPoints: 1',
      'over time  ▁▄█  #4 e^0.0, #5 e^3.0, #7 e^8.0',
      'segments   platform=ios: 95.1 % of the excess, candidate 80/300, control 30/3000',
      'changes    0 min before: feature, age pipeline 7, by eve',
      "next steps look at what fills age for platform=ios on the candidate's way, before the candidate",
      '           owner: ada, #ml',
      '           give it up when: it gets worse',
    ]) {
      assert.ok(lines.includes(wanted), `${wanted}\n${lines.join('\n')}`)
    }
    assert.ok(lines.some((line) => line.startsWith('override   flyball quarantine release fraud')))
    const json = explained(decisions[2]!, surroundings)
    assert.deepEqual([json.rule.isSamePolicy, json.rule.policy?.line, json.segments.length], [true, 10, 2])
  })
})

test('what explain names first to undo a decision is what its alert names, and of an aborted rollout what begins it anew', () => {
  const model = modelLayout()
  const typed = (line: string) =>
    line
      .split('   ')[0]!
      .replace(/ --reason \S+/, '')
      .split(' ')
      .sort()
  const evidence = [rate(8, { scope: 'region=eu' })]
  const verdicts: readonly Verdict[] = [
    { kind: 'rollback', rule: 'harm', evidence },
    { kind: 'isolate', rule: 'isolate', evidence },
    { kind: 'not-effective', rule: 'not-effective', note: 'nobody obeys' },
  ]
  for (const verdict of verdicts) {
    const decided: Decision = { ...decision, verdict, phase: verdict.kind === 'rollback' ? 'rolled-back' : 'climbing', restraints: [] }
    assert.deepEqual(typed(overrides(decided)[0]!), typed(alertDetail(decided, verdict.kind, model).override), verdict.kind)
  }
  const abort = { kind: 'abort', who: 'ada', reason: 'enough', untilMs: null } as const
  const aborted: Decision = {
    ...decision,
    verdict: { kind: 'override', rule: 'operator', note: '' },
    phase: 'rolled-back',
    restraints: [abort],
  }
  assert.match(overrides(aborted)[0]!, /^flyball rollout resume fraud /)
})

test('of several resources the guardrail of the one that spoke is shown', () => {
  inFolder((folder) => {
    const file = join(folder, 'flyball.yaml')
    const text = POLICY.replace(
      '    rollout:',
      '    resources: { gpuMs: { bounds: { high: 9 } }, costUsd: { bounds: { high: 1 } } }\n    rollout:',
    )
    const own = '      - { kind: resource, resource: gpuMs, marginPercent: 7 }\n      - { kind: resource, resource: costUsd }\n'
    const written = text.replace('      - { kind: latency, thresholdsMs: [200] }\n', own)
    writeFileSync(file, written)
    const reading = rate(8, { guardrail: 'resource:costUsd', unit: 'costUsd' })
    const fired: Decision = { ...decision, verdict: { kind: 'rollback', rule: 'harm', evidence: [reading] }, readings: [reading] }
    const one = { decision: fired, partition: 0, offset: 0, hash: '' }
    const lines = explanation(one, { decisions: [one], loaded: parsePolicy(written, file), file })
    assert.ok(
      lines.some((line) => /^guardrail {2}resource:costUsd, line \d+: \{ kind: resource, resource: costUsd \}/.test(line)),
      lines.join('\n'),
    )
    const implied = text.replace(/ {4}guardrails:\n(?: {6}.*\n)+/, '')
    writeFileSync(file, implied)
    const unwritten = explanation(one, { decisions: [one], loaded: parsePolicy(implied, file), file })
    assert.ok(
      unwritten.some((line) => line.includes("kind resource, class signal, action hold, margin 10 % of the control's mean")),
      unwritten.join('\n'),
    )
  })
})

test('other profiles: what each would still wait for, from what the record holds, and not a guess beyond it', () => {
  inFolder((folder) => {
    const start: Decision = { ...decision, number: 1, weightsBefore: { v1: 100, v2: 0 }, weightsAfter: { v1: 99, v2: 1 } }
    const verdict = { kind: 'promote', rule: 'promote', proofs: [] } as const
    const proof = { guardrail: 'error-rate', holds: true, upperEnd: 0.15, allowed: 0.2, rows: 9900, missing: '' }
    const promoted: Decision = {
      ...decision,
      ...{ number: 2, weightsBefore: { v1: 99, v2: 1 }, weightsAfter: { v1: 95, v2: 5 }, readings: [rate(0)] },
      ...{ verdict: { ...verdict, proofs: [proof] }, judgeTimeMs: start.judgeTimeMs + 130_000 },
    }
    const { decisions, surroundings } = surroundingsOf(folder, [start, promoted])
    const of = (at: number, around = surroundings) =>
      Object.fromEntries(explained(decisions[at]!, around).otherProfiles.map(({ profile, words }) => [profile, words]))
    assert.deepEqual(of(1)['rapid'], [
      'next step: 5 %',
      'dwell: 30s asked, reached',
      'rows: 200 asked, reached',
      'proof error-rate: holds (harm at most 0.15, allowed 0.4)',
    ])
    assert.deepEqual(of(1)['conservative'], [
      'next step: 2 %',
      'dwell: would still wait for 770 s of 15m',
      'rows: would still wait for 1100 of 2000 candidate rows',
      'proof error-rate: holds (harm at most 0.15, allowed 0.25)',
    ])
    const otherPolicy = { ...surroundings, loaded: parsePolicy(POLICY.replace('standard', 'rapid'), 'flyball.yaml') }
    assert.match(of(1, otherPolicy)['rapid']![0]!, /not known from this record/)
    const withoutStart = { ...surroundings, decisions: decisions.slice(1) }
    assert.match(of(1, withoutStart)['rapid']![1]!, /how long the stage had lasted is not known from this record/)
    const hold: Decision = { ...promoted, verdict: { kind: 'hold', because: 'insufficient', rule: 'insufficient', missing: ['rows'] } }
    const held = surroundingsOf(folder, [start, hold])
    assert.match(explained(held.decisions[1]!, held.surroundings).otherProfiles[0]!.words.join('; '), /proofs: not known from this record/)
  })
})

test('a proof in units is harm however large its numbers, and one of silence is evidence: told apart by the limit of its readings', () => {
  const quiet = rate(0, { guardrail: 'missing', logLimit: Math.log(400) })
  const mean = rate(0, { guardrail: 'resource:gpuMs', logLimit: 6, unit: 'gpuMs' })
  const proofs = [
    { guardrail: 'missing', holds: true, upperEnd: 3, allowed: 100, rows: 500, missing: '' },
    { guardrail: 'resource:gpuMs', holds: true, upperEnd: 12.5, allowed: 36, rows: 500, missing: '' },
    { guardrail: 'error-rate', holds: true, upperEnd: 1, allowed: 2, rows: 500, missing: '' },
  ]
  const promoted = { ...decision, verdict: { kind: 'promote', rule: 'promote', proofs }, readings: [quiet, mean, rate(0)] } as const
  const lines = explanation({ decision: promoted, partition: 0, offset: 0, hash: '' })
  assert.deepEqual(
    lines.filter((line) => line.startsWith('proof ')),
    [
      'proof      missing: no signal: evidence 3, a signal from 100, 500 rows',
      'proof      resource:gpuMs: harm at most 12.5 gpuMs, allowed 36 gpuMs, 500 rows',
      'proof      error-rate: harm at most 1, allowed 2, 500 rows',
    ],
  )
})

test('without a policy at hand the record alone is told, and what is not known is said', () => {
  const { nextSteps, rule, otherProfiles } = explained(decisions[0]!, { decisions, loaded: null, file: '' })
  assert.deepEqual([rule.policy, rule.isSamePolicy], [null, null])
  assert.match(nextSteps.at(-1)!, /owner and runbook are not known/)
  assert.equal(otherProfiles.length, 3)
})
