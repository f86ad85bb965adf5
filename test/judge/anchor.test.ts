/** The judge anchors its chain once a day in which something was decided: what the anchor says, when it comes, and what it leaves alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeEvidence, encodeEvidence } from '../../src/judge/evidence/evidence.ts'
import { decodeJudge, encodeJudge, renewedFor, withLastHash } from '../../src/judge/state.ts'
import { type AnchorBody, anchorOf, dayOf, isAnchor } from '../../src/kit/anchor.ts'
import { modelLayout, type PlanChanges, requestOf, World } from './world.ts'

const DAY_MS = 86_400_000
const hashFor = (number: number): string => String(number).padStart(64, '0')

/** The shell's part: each step's last decision gets a hash. */
class Hashed extends World {
  override send(...args: Parameters<World['send']>): void {
    const before = this.decisions.length
    super.send(...args)
    for (const { number } of this.decisions.slice(before)) this.state = withLastHash(this.state, number, hashFor(number))
  }

  nextDay(): void {
    this.wallMs += DAY_MS - (this.wallMs % DAY_MS)
    this.slices(3)
  }
}

function world(plan: PlanChanges = {}): Hashed {
  // One hold, and then silence until somebody asks.
  const begun = new Hashed(modelLayout({ rollout: { start: 'request' }, ...plan }))
  begun.slices(10)
  return begun
}

const anchorsOf = ({ decisions }: World) => decisions.filter(isAnchor)
const bodyOf = ({ body }: { readonly body: string }): AnchorBody => anchorOf(body)!
let requests = 0
const freeze = (): Parameters<World['send']>[0] => ({ kind: 'request', request: requestOf('freeze', { id: `f${requests++}` }) })

test('the first look of the next day writes it, and it names the last record of the day before', () => {
  const one = world()
  assert.deepEqual(anchorsOf(one), [])
  const head = one.decisions.at(-1)!.number
  one.nextDay()
  const [anchor, ...more] = anchorsOf(one)
  assert.equal(more.length, 0)
  assert.equal(anchor!.number, head + 1)
  assert.deepEqual(bodyOf(anchor!), { head: { number: head, hash: hashFor(head) }, previous: null })
  assert.deepEqual(anchor!.verdict.rule, 'anchor')
})

test('a day without a decision has none, and the next one names the anchor before it', () => {
  const one = world()
  for (let day = 0; day < 4; day++) one.nextDay()
  const [first, ...quiet] = anchorsOf(one)
  assert.deepEqual(quiet, [], 'an anchor is no news, and needs none itself')
  one.send(freeze())
  one.send(freeze())
  const head = one.decisions.at(-1)!.number
  one.nextDay()
  const second = anchorsOf(one).at(-1)!
  assert.deepEqual(bodyOf(second), {
    head: { number: head, hash: hashFor(head) },
    previous: { number: first!.number, hash: hashFor(first!.number) },
  })
  const days = anchorsOf(one).map(({ judgeTimeMs }) => dayOf(judgeTimeMs))
  assert.equal(new Set(days).size, days.length, 'never two a day')
})

test('it moves, alerts and asks nothing: weights, restraints, open incidents, the last hold and the sequence are as they were', () => {
  const one = world()
  one.send(freeze())
  one.slices(3)
  one.wallMs += DAY_MS - (one.wallMs % DAY_MS)
  const before = one.state.ladder
  const alerts = one.alerts.length
  one.slice()
  const anchor = anchorsOf(one).at(-1)!
  const after = one.state.ladder
  for (const name of ['weights', 'open', 'lastVerdict', 'sequence', 'frozen', 'phase', 'people'] as const)
    assert.deepEqual(after[name], before[name], name)
  assert.deepEqual([anchor.weightsBefore, anchor.weightsAfter], [before.weights, before.weights])
  assert.deepEqual([anchor.readings, anchor.requestId, anchor.restraints.length], [[], null, 1])
  assert.equal(one.alerts.length, alerts)
})

test('a take-over on another day writes none by itself; the state carries it, through storage and into the next rollout', () => {
  const one = world()
  one.wallMs += DAY_MS
  one.time = { ...one.time, nowMs: one.wallMs }
  one.send({ kind: 'taken-over', epoch: 9, adopted: null })
  assert.deepEqual(anchorsOf(one), [])
  const { evidence, chains } = one.state
  one.state = decodeJudge(encodeJudge(one.state), decodeEvidence(encodeEvidence(evidence), one.model), chains)
  one.slices(2)
  assert.equal(anchorsOf(one).length, 1)
  const { number } = anchorsOf(one)[0]!
  const stored = decodeJudge(encodeJudge(one.state), one.state.evidence, chains)
  const next = renewedFor(stored, { ...one.model, versions: ['v2', 'v3'] })
  for (const { ladder } of [stored, next]) assert.deepEqual([ladder.anchor.number, ladder.anchor.hash], [number, hashFor(number)])
})

test('what a take-over finds amiss on another day is decided after the anchor, at the next look', () => {
  const one = world({ rollout: { start: 'automatic' } })
  one.wallMs += DAY_MS
  one.time = { ...one.time, nowMs: one.wallMs }
  const head = one.decisions.at(-1)!.number
  one.send({ kind: 'taken-over', epoch: 9, adopted: null })
  one.send({ kind: 'tick' })
  const later = one.decisions.filter(({ number }) => number > head)
  assert.deepEqual(
    later.map(({ verdict }) => verdict.rule),
    ['anchor', 'blind'],
  )
})

test('a state of an earlier version has no anchor yet: the first comes on the day after its next news', () => {
  const one = world()
  const { anchor: _anchor, refusedCommand: _refused, ...ladder } = one.state.ladder
  const text = JSON.stringify({ ...JSON.parse(encodeJudge(one.state)), ladder })
  one.state = decodeJudge(text, one.state.evidence, one.state.chains)
  one.nextDay()
  assert.deepEqual(anchorsOf(one), [])
  one.send(freeze())
  one.nextDay()
  assert.equal(anchorsOf(one).length, 1)
})
