/** The checker is able to fail: exposure in a segment that was kept apart never rises but by a person. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePolicy } from '../../src/policy/load.ts'
import type { Everything, Placed } from './case.ts'
import { checkControl } from './control.ts'
import type { WireCommand, WireDecision } from './wire.ts'

const { layout } = parsePolicy(
  `
version: 1
inputs: { predictions: { topic: predictions } }
models:
  churn: { control: v1, candidate: v2, mode: enforce, segments: { region: [eu, us] }, ladder: { steps: [10, 50, 100] } }
`,
  'control.test.yaml',
)
const APART = [{ segment: 'region=eu', weights: { v1: 100, v2: 0 } }]

interface Said {
  readonly kind: string
  readonly share: number
  readonly segments: typeof APART
}

function violations(steps: readonly Said[]): string[] {
  const at = <T>(offset: number, value: T): Placed<T> => ({ partition: 0, offset, timestampMs: offset, key: 'churn', value })
  const common = { model: 'churn', epoch: 1, control: 'v1', candidate: 'v2' }
  const said = steps.map(({ kind, share, segments }, index) => {
    const [sequence, id] = [index + 1, `d${index}`]
    const weights = { v1: 100 - share, v2: share }
    const verdict = { kind, rule: kind, because: null, note: '', proofs: [], evidence: [] }
    const command: WireCommand = { ...common, id: `c${index}`, sequence, kind, weights, segments, leaseMs: 1, rule: kind, decisionId: id }
    const kept = { restraints: [], segmentsAfter: segments, weightsAfter: weights, mode: 'enforce' as const }
    return { command, decision: { ...common, id, sequence, verdict, ...kept } as unknown as WireDecision }
  })
  const all: Everything = {
    ...{ inputs: [], panes: [], checkpoints: [], ladders: [], alerts: [], requests: [], deadLetters: [], acks: [] },
    decisions: said.map(({ decision }, index) => at(index + 1, { decision, hash: '' })),
    commands: said.map(({ command }, index) => at(index + 1, { command, hex: command.id })),
    stateBarriers: [at(0, 'one')],
    controlBarriers: [at(0, 'one')],
  } as unknown as Everything
  const reports: string[] = []
  checkControl({ world: { prefix: '', layout, settled: true }, all, report: (_promise, _where, what) => void reports.push(what) })
  return reports
}

const BEGUN = [
  { kind: 'start', share: 10, segments: [] },
  { kind: 'isolate', share: 10, segments: APART },
]

test('a segment kept apart stays so while the others go on, and may come back by a person', () => {
  const goesOn = [...BEGUN, { kind: 'promote', share: 50, segments: APART }, { kind: 'override', share: 50, segments: [] }]
  assert.deepEqual(violations(goesOn), [])
})

test('a promotion that forgets a segment, and an isolation that isolates nobody, are found', () => {
  const forgotten = violations([...BEGUN, { kind: 'promote', share: 50, segments: [] }])
  assert.deepEqual(forgotten, ['region=eu was kept from the candidate, and promote gives it 50 %'])
  assert.deepEqual(violations([BEGUN[0]!, { kind: 'isolate', share: 10, segments: [] }]), ['isolates no further segment'])
})

test('a cohort may be followed by the same weight for everybody', () => {
  const cohort = { kind: 'start', share: 0, segments: [{ segment: 'region=eu', weights: { v1: 90, v2: 10 } }] }
  assert.deepEqual(violations([cohort, { kind: 'promote', share: 10, segments: [] }, { kind: 'promote', share: 50, segments: [] }]), [])
})
