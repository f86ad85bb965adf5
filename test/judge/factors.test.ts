/** What a decision says of its reasons and of the changes before it, through the judge itself. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ChangeRecord } from '../../src/domain.ts'
import { decodeEvidence, encodeEvidence } from '../../src/judge/evidence/evidence.ts'
import { changesAfter, changesBefore } from '../../src/judge/factors.ts'
import { decodeJudge, encodeJudge } from '../../src/judge/state.ts'
import { BEGIN_MS, modelLayout, World } from './world.ts'

const change = (id: string, atMs: number): ChangeRecord => ({ id, kind: 'deploy', what: `deploy ${id}`, who: 'ada', model: '', atMs })
const HOUR_MS = 3_600_000

test('harm of the candidate alone: the rollback names the candidate, and the nearest five changes of the day before, newest first', () => {
  const world = new World(modelLayout({ minimumRows: 1_000_000 }))
  world.slices(30)
  const ids = Array.from({ length: 8 }, (_, index) => `c${index}`)
  for (const [index, id] of ids.entries()) world.send({ kind: 'change', change: change(id, BEGIN_MS - index * HOUR_MS) })
  world.send({ kind: 'change', change: change('yesterday', BEGIN_MS - 25 * HOUR_MS) })
  const before = world.decisions.length
  world.send({ kind: 'change', change: change('later', BEGIN_MS + 100 * HOUR_MS) })
  assert.equal(world.decisions.length, before, 'a change judges nothing')
  world.traffic = { ...world.traffic, candidateErrors: 0.6 }
  world.slices(20)
  const back = world.decisions.find(({ verdict }) => verdict.kind === 'rollback')
  assert.ok(back)
  assert.deepEqual([back.factors[0]?.kind, back.factors[0]?.guardrail], ['candidate', 'errors'])
  assert.deepEqual(
    back.changes.map(({ id }) => id),
    ['c0', 'c1', 'c2', 'c3', 'c4'],
  )
})

test('errors that rise on both: nothing is rolled back, the hold is written once more and names the environment', () => {
  const world = new World(modelLayout({ ladder: [25, 50, 100], minimumRows: 1_000_000 }))
  world.slices(60)
  const held = world.decisions.at(-1)!
  assert.deepEqual([held.verdict.kind, held.factors], ['hold', []])
  world.traffic = { ...world.traffic, candidateErrors: 0.2, controlErrors: 0.2 }
  world.slices(60)
  const after = world.decisions.filter(({ number }) => number > held.number)
  assert.deepEqual(
    after.map(({ verdict }) => verdict.kind),
    ['hold'],
    'once, and not at every look',
  )
  assert.equal(after[0]!.factors[0]?.kind, 'environment')
  assert.match(after[0]!.cause, /^errors rose on both/)
  world.traffic = { ...world.traffic, candidateErrors: 0.02, controlErrors: 0.02 }
  world.slices(30)
  assert.equal(world.decisions.at(-1)!.number, after[0]!.number, 'that it has settled is no news')
})

test('silence and traffic that stops have their reasons too', () => {
  const silent = new World(modelLayout({ minimumRows: 1_000_000 }))
  silent.slices(20)
  silent.traffic = { ...silent.traffic, candidateArrives: 0 }
  silent.slices(40)
  const back = silent.decisions.find(({ verdict }) => verdict.rule === 'candidate-silent')
  assert.match(back?.factors[0]?.words ?? '', /^v2 stopped answering/)
  const stopped = new World(modelLayout({ minimumRows: 1_000_000 }))
  stopped.slices(20)
  stopped.traffic = { ...stopped.traffic, requestsPerSlice: 0 }
  stopped.slices(20)
  const blind = stopped.decisions.find(({ verdict }) => verdict.rule === 'blind')
  assert.deepEqual([blind?.factors[0]?.kind, blind?.factors[0]?.words], ['environment', 'no predictions of either version arrive'])
})

test('changes are kept with the state, the newest sixty-four; one told again counts once', () => {
  const all = Array.from({ length: 100 }, (_, index) => change(`c${index}`, BEGIN_MS + index))
  const kept = all.reduce(changesAfter, [] as readonly ChangeRecord[])
  assert.deepEqual([kept.length, kept[0]!.id, kept.at(-1)!.id], [64, 'c36', 'c99'])
  assert.deepEqual([...all].reverse().reduce(changesAfter, [] as readonly ChangeRecord[]), kept, 'in whatever order they come')
  const corrected = changesAfter(kept, { ...change('c99', BEGIN_MS + 99), what: 'corrected' })
  assert.deepEqual([corrected.length, corrected.at(-1)!.what], [64, 'corrected'])
  assert.deepEqual(changesBefore(kept, BEGIN_MS + 50)[0]!.id, 'c50')
  const world = new World(modelLayout())
  world.send({ kind: 'change', change: all[0]! })
  const evidence = decodeEvidence(encodeEvidence(world.state.evidence), world.model)
  assert.deepEqual(decodeJudge(encodeJudge(world.state), evidence, world.state.chains).changes, [all[0]])
})
