/**
 * What controllers in use today get wrong, one test for each and named after the failure. A judge under test sees the world in which the
 * failure happens elsewhere; what it must do instead is what the test says.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeEvidence, encodeEvidence } from '../../src/judge/evidence/evidence.ts'
import { decodeJudge, encodeJudge } from '../../src/judge/state.ts'
import { guardrail, modelLayout, type PlanChanges, requestOf, type Traffic, World } from './world.ts'

function run(slices: number, plan: PlanChanges = {}, traffic: Partial<Traffic> = {}, seed = 1): World {
  const world = new World(modelLayout(plan), traffic, seed)
  world.slices(slices)
  return world
}

function holds(world: World): readonly string[] {
  return world.said('hold').flatMap(({ verdict }) => (verdict.kind === 'hold' ? [`${verdict.because}:${verdict.rule}`] : []))
}

/** The world's judge is stored and read back, as by a process that died and another that takes over. */
function restart(world: World, epoch: number): void {
  const { evidence, chains } = decodeEvidenceOf(world)
  world.state = decodeJudge(encodeJudge(world.state), evidence, chains)
  world.send({ kind: 'taken-over', epoch, adopted: world.state.ladder.command })
}

function decodeEvidenceOf({ state, model }: World) {
  return { evidence: decodeEvidence(encodeEvidence(state.evidence), model), chains: state.chains }
}

test('missing data promoted: when no metric arrives any more, nothing rises, however long the dwell is over', () => {
  const world = run(6)
  const before = world.weight()
  assert.ok(before > 0 && before < 100)
  const promotions = world.said('promote').length
  world.traffic = { ...world.traffic, requestsPerSlice: 0 }
  world.slices(50)
  assert.ok(world.weight() <= before)
  assert.equal(world.said('promote').length, promotions)
  assert.ok(holds(world).includes('blind:blind'))
})

test('missing data promoted: half of the picture is no picture, with the control gone a candidate that looks fine stays', () => {
  const world = run(6)
  const before = world.weight()
  world.traffic = { ...world.traffic, controlArrives: 0 }
  world.slices(25)
  assert.ok(world.weight() <= before)
  assert.ok(holds(world).some((hold) => hold.startsWith('blind')))
})

test('provider outage rolled back: when metrics of both versions vanish for a while, the release is held, goes on afterwards, and is not taken back', () => {
  const world = run(6)
  world.traffic = { ...world.traffic, controlArrives: 0, candidateArrives: 0 }
  world.slices(20)
  world.traffic = { ...world.traffic, controlArrives: 1, candidateArrives: 1 }
  world.slices(80)
  assert.equal(world.said('rollback').length, 0)
  assert.equal(world.weight(), 100)
})

test("provider outage rolled back: when something behind both versions fails, errors on both alike are nobody's fault", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const world = run(6, {}, {}, seed)
    world.traffic = { ...world.traffic, controlErrors: 0.4, candidateErrors: 0.4 }
    world.slices(20)
    assert.equal(world.said('rollback').length, 0, `seed ${seed}`)
  }
})

test('inconclusive promoted: with too few rows to tell, time alone promotes nobody', () => {
  const world = run(200, { ladder: [5, 100] }, { requestsPerSlice: 4 })
  assert.deepEqual(world.moves(), ['start'])
  assert.ok(holds(world).some((hold) => hold.startsWith('insufficient')))
})

test('inconclusive promoted: rows enough and a proof that does not hold is still no promotion', () => {
  const narrow = { guardrails: [guardrail({ promotionMargin: 0.0001 })] }
  const world = run(60, narrow)
  assert.deepEqual(world.moves(), ['start'])
})

const GATES: Readonly<Record<string, (world: World) => void>> = {
  'a human hold': (world) => world.send({ kind: 'request', request: requestOf('hold') }),
  'a freeze': (world) => world.send({ kind: 'request', request: requestOf('freeze') }),
  'a partition that is stuck': (world) => {
    world.traffic = { ...world.traffic, stuck: [1] }
  },
  'gateways that tell nothing': (world) => {
    world.traffic = { ...world.traffic, routedCounts: false }
  },
  'a split that is not the commanded one': (world) => {
    world.traffic = { ...world.traffic, fixedShare: 0.3 }
  },
  'a backlog': (world) => {
    world.traffic = { ...world.traffic, lagRecords: 100_000 }
  },
  'a dwell that has only begun': () => undefined,
}

for (const [gate, close] of Object.entries(GATES)) {
  test(`gate starving a guardrail: behind ${gate} harm is seen and taken back all the same`, () => {
    const world = run(gate === 'a dwell that has only begun' ? 2 : 6, { dwellMs: 3_600_000 })
    close(world)
    world.traffic = { ...world.traffic, candidateErrors: 0.4 }
    world.slices(40)
    assert.equal(world.said('rollback').length, 1)
    assert.equal(world.weight(), 0)
  })
}

test('rollback reported but not applied: a rollback that no gateway obeys is told as not effective, and not as done', () => {
  const world = run(6)
  world.traffic = { ...world.traffic, candidateErrors: 0.5, gatewayObeys: false }
  world.slices(40)
  assert.equal(world.said('rollback').length, 1)
  const after = world.decisions.slice(world.decisions.findIndex(({ verdict }) => verdict.kind === 'rollback') + 1)
  assert.equal(after.filter(({ verdict }) => verdict.kind === 'observed').length, 0)
  assert.equal(after.filter(({ verdict }) => verdict.kind === 'not-effective').length, 1)
  assert.ok(world.alerts.some(({ cause, severity, status }) => cause === 'not-effective' && severity === 'critical' && status === 'firing'))
})

test('rollback reported but not applied: from 1 % too, where what was before lies within a point of nothing', () => {
  const taken = (fixedShare: number | null, seed: number): readonly string[] => {
    const world = run(4, { ladder: [1, 25, 100], dwellMs: 3_600_000 }, { requestsPerSlice: 500 }, seed)
    world.traffic = { ...world.traffic, fixedShare }
    world.send({ kind: 'request', request: requestOf('rollback') })
    world.slices(30)
    const at = world.decisions.findIndex(({ verdict }) => verdict.kind === 'override')
    assert.equal(world.weight(), 0)
    const after = world.decisions.slice(at + 1)
    return after.map(({ verdict }) => verdict.kind)
  }
  for (let seed = 1; seed <= 20; seed++) {
    assert.deepEqual(taken(0.01, seed), ['acked', 'not-effective'], `not obeyed, seed ${seed}`)
    assert.deepEqual(taken(null, seed), ['acked', 'observed'], `obeyed, seed ${seed}`)
  }
})

/** From 1 %, of which a point is all there is, to nothing by `command`; the gateways ack it and do as before. */
function afterUnheeded(command: (world: World) => void): readonly string[] {
  const world = run(4, { ladder: [1, 25, 100], dwellMs: 3_600_000 }, { requestsPerSlice: 500, fixedShare: 0.01 })
  const before = world.decisions.length
  command(world)
  world.slices(30)
  assert.equal(world.weight(), 0)
  return world.decisions.slice(before).map(({ verdict }) => verdict.kind)
}

test('rollback reported but not applied: one that is issued again, above the numbers of a gateway, asks as much of the traffic', () => {
  const kinds = afterUnheeded((world) => {
    world.send({ kind: 'request', request: requestOf('rollback') })
    const { epoch, sequence } = world.commands.at(-1)!
    world.send({ kind: 'ack', ack: { ...world.ack('stale'), epoch, sequence: sequence + 9 } })
  })
  assert.deepEqual(kinds, ['override', 'adopt', 'acked', 'not-effective'])
})

test('rollback reported but not applied: one past the judge, found at a take-over, asks as much of the traffic', () => {
  const kinds = afterUnheeded((world) => {
    const before = world.commands.at(-1)!
    const weights = { v1: 100, v2: 0 }
    const past = {
      ...before,
      id: 'glass',
      decisionId: 'glass',
      epoch: before.epoch + 500,
      kind: 'override',
      rule: 'break-glass',
      weights,
    } as const
    world.gateway.command = past
    world.send({ kind: 'taken-over', epoch: past.epoch + 1, adopted: past })
  })
  assert.deepEqual(kinds, ['adopt', 'acked', 'not-effective'])
})

test('two controllers fighting: when another hand moves the weights, the judge commands nothing against it and says whose split it sees', () => {
  const world = run(12)
  const commands = world.commands.length
  world.traffic = { ...world.traffic, fixedShare: 0.8 }
  world.slices(60)
  assert.equal(world.commands.length, commands)
  assert.ok(holds(world).includes('assignment:sample-ratio') || world.alerts.some(({ cause }) => cause === 'not-effective'))
})

test('duplicate command after restart: a judge that takes over repeats the command in force word for word and issues no other', () => {
  const world = run(9)
  const { commands, republished } = world
  const inForce = commands.at(-1)!
  const before = { commands: commands.length, republished: republished.length }
  for (let life = 1; life <= 5; life++) {
    restart(world, 100 * life)
    assert.deepEqual(republished.at(-1), inForce)
  }
  assert.equal(commands.length, before.commands)
  assert.equal(republished.length, before.republished + 5)
})

test('freeze blocking a rollback: a frozen model is rolled back for harm, and when a person asks', () => {
  const forHarm = run(6)
  forHarm.send({ kind: 'request', request: requestOf('freeze') })
  forHarm.traffic = { ...forHarm.traffic, candidateErrors: 0.4 }
  forHarm.slices(20)
  assert.equal(forHarm.weight(), 0)
  const asked = run(6)
  for (const verb of ['freeze', 'rollback'] as const) asked.send({ kind: 'request', request: requestOf(verb) })
  assert.equal(asked.weight(), 0)
  assert.equal(asked.said('refused').length, 0)
})
