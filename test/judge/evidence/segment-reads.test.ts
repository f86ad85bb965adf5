/** Of a segment only what some guardrail reads there is kept; a policy that reads more of it later compares no part with a whole. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readNow, wantedBlocks } from '../../../src/judge/evidence/asked.ts'
import { decodeEvidence, type EvidenceState, emptyEvidence, encodeEvidence, observePane } from '../../../src/judge/evidence/evidence.ts'
import { ALL_SCOPE, type ModelLayout } from '../../../src/policy/layout.ts'
import { modelOf, traffic } from './traffic.ts'

const CONTEXT = { settlingUntilMs: 0, commandedShare: null, maxStratumAgeMs: 60_000 }
const ERRORS = { kind: 'error-rate', blocks: ['requests', 'errors'], scopes: [ALL_SCOPE, 'region=eu'] } as const
const LATENCY = { kind: 'latency', blocks: ['latency'] } as const

const errorsOnly = modelOf({ guardrails: [ERRORS, LATENCY] })
const latencyToo = modelOf({ guardrails: [ERRORS, { ...LATENCY, scopes: [ALL_SCOPE, 'region=eu'] }] })

/** The state in the middle of a stratum. */
function halfway(model: ModelLayout): EvidenceState {
  const [first] = [...traffic(model, 1, { seed: 3, requests: 90, share: 0.3 })]
  return observePane(emptyEvidence(model), first!.exposure, model, CONTEXT).state
}

/** Ids of the blocks kept of each scope. */
function kept(state: EvidenceState): Record<string, readonly string[]> {
  const panes = Object.values(state.chains['exposure']!.open).flatMap((stratum) => stratum.panes)
  const cells = panes.flatMap((pane) => pane.cells)
  return Object.fromEntries(cells.map(({ scope, blocks }) => [scope, blocks.map(([id]) => id)]))
}

test('the whole population is kept whole, a segment as far as a guardrail reads it, and one that nobody judges not at all', () => {
  const found = kept(halfway(errorsOnly))
  assert.deepEqual(Object.keys(found).sort(), [ALL_SCOPE, 'region=eu'])
  assert.deepEqual(found['region=eu'], ['requests', 'errors'])
  assert.ok(found[ALL_SCOPE]!.length > 4, String(found[ALL_SCOPE]))
  assert.deepEqual(readNow(errorsOnly), { 'exposure|region=eu': ['requests', 'errors'] })
  assert.equal(wantedBlocks(errorsOnly, 'exposure', ALL_SCOPE), null)
  assert.equal(wantedBlocks(errorsOnly, 'exposure', 'region=us')!.size, 0)
})

test('open panes of a policy that read less of a segment say nothing of it under one that reads more', () => {
  const stored = encodeEvidence(halfway(errorsOnly))
  assert.deepEqual(kept(decodeEvidence(stored, errorsOnly)), kept(halfway(errorsOnly)))
  const found = kept(decodeEvidence(stored, latencyToo))
  assert.deepEqual(found['region=eu'], [])
  assert.deepEqual(found[ALL_SCOPE], kept(halfway(errorsOnly))[ALL_SCOPE])
})

test('open panes of a policy that read more of a segment go on under one that reads less', () => {
  const found = kept(decodeEvidence(encodeEvidence(halfway(latencyToo)), errorsOnly))
  assert.deepEqual(found['region=eu'], ['requests', 'errors', 'latency'])
})

test('a state of an earlier version kept every block, and goes on', () => {
  const { segmentReads, ...earlier } = halfway(latencyToo)
  assert.ok(segmentReads)
  assert.deepEqual(kept(decodeEvidence(encodeEvidence(earlier), latencyToo))['region=eu'], ['requests', 'errors', 'latency'])
})
