/** Answers to one request in a shadow: how often equal versions are accused, how soon a worse one is, and that nothing of it outlives the stage. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addPairedBets, PAIRED_STAKES } from '../../../detectors/paired-scores.ts'
import type { BlockCounts, Pane, PaneCell } from '../../../src/domain.ts'
import {
  causeOf,
  decodeEvidence,
  type EvidenceState,
  emptyEvidence,
  encodeEvidence,
  harms,
  observePane,
  proofs,
  readings,
  startStage,
} from '../../../src/judge/evidence/evidence.ts'
import { isOfPairs, logEvidenceOfPairs } from '../../../src/judge/evidence/paired.ts'
import { UNIT_BUCKETS } from '../../../src/kit/hash.ts'
import { type Random, seededRandom } from '../../../src/kit/random.ts'
import { ALL_SCOPE, type Block, type ModelLayout } from '../../../src/policy/layout.ts'
import { parsePolicy } from '../../../src/policy/load.ts'
import { paneOf } from './traffic.ts'

const CONTEXT = { settlingUntilMs: 0, commandedShare: null, maxStratumAgeMs: 60_000, isMirrored: true }
const CHAIN = 'outcome:600000'

const GUARDRAILS = `
      - { kind: disagreement }
      - { kind: wrong-outcome, marginPoints: 2 }
      - { kind: log-score, margin: 0.02 }
      - { kind: paired, marginPoints: MARGIN, promote: PROMOTE }
      - { kind: paired-log-score }
      - { kind: paired-brier }`

function shadowModel({ margin = 2, promote = 'false', unit = '' } = {}): ModelLayout {
  const text = `version: 1
inputs:
  predictions:
    topic: predictions
    fields: { error: null, latency: null${unit === '' ? '' : `, unit: ${unit}`} }
  outcomes:
    topic: outcomes
models:
  fraud:
    control: v1
    candidate: v2
    outcomes: { chargeback: { horizon: 10m } }
    guardrails:${GUARDRAILS.replace('MARGIN', String(margin)).replace('PROMOTE', promote)}
    rollout: { preflight: [], stages: [shadow, 5, 100] }
`
  return parsePolicy(text, 'flyball.yaml').layout.models[0]!
}

/** One request, answered by both. */
interface Answered {
  readonly label: number
  readonly control: number
  readonly candidate: number
  readonly controlScore: number
  readonly candidateScore: number
}

interface Truth {
  /** Share of requests on which the control is wrong. */
  readonly wrong: number
  /** Share of requests on which only the one of them is. */
  readonly onlyCandidate: number
  readonly onlyControl: number
  /** Share of the deviation from one half that the candidate's probabilities lose. */
  readonly dulled?: number
}

const EQUAL: Truth = { wrong: 0.08, onlyCandidate: 0.03, onlyControl: 0.03 }
const WORSE: Truth = { wrong: 0.08, onlyCandidate: 0.07, onlyControl: 0.02 }
const AT_MARGIN: Truth = { wrong: 0.08, onlyCandidate: 0.04, onlyControl: 0.02 }

function answered(random: Random, { wrong, onlyCandidate, onlyControl, dulled = 0 }: Truth): Answered {
  const chance = 0.05 + 0.9 * random()
  const label = random() < chance ? 1 : 0
  const dice = random()
  const isWrong = dice < onlyControl || (dice >= onlyControl + onlyCandidate && dice < wrong + onlyCandidate)
  const isOther = dice < onlyControl + onlyCandidate
  const control = isWrong ? 1 - label : label
  const noise = () => Math.min(1, Math.max(0, chance + 0.1 * (random() - 0.5)))
  const score = noise()
  return {
    label,
    control,
    candidate: isOther ? 1 - control : control,
    controlScore: noise(),
    candidateScore: score + (0.5 - score) * dulled,
  }
}

const MARGINS: Readonly<Record<string, number>> = { log: 0.02, brier: 0.01 }

/** What measure makes of the requests of one slice, on one chain. */
function paneWith(model: ModelLayout, chain: string, requests: readonly Answered[], slice: number, extra: readonly PaneCell[] = []): Pane {
  const blocks = chain === 'exposure' ? model.exposureBlocks : model.horizons[0]!.blocks
  const empty = () =>
    new Map<string, BlockCounts>(
      blocks.map((each) => [each.id, { counts: new Float64Array(each.countSlots), sums: new Float64Array(each.sumSlots) }]),
    )
  const [control, candidate] = [empty(), empty()]
  for (const each of requests) {
    for (const block of blocks) {
      addAnswer(block, control.get(block.id)!, each.control, each.controlScore, each.label)
      addAnswer(block, candidate.get(block.id)!, each.candidate, each.candidateScore, each.label)
      addPair(block, candidate.get(block.id)!, each)
    }
  }
  const cell = (version: string, held: Map<string, BlockCounts>): PaneCell => ({
    version,
    scope: ALL_SCOPE,
    population: 'all',
    blocks: held,
  })
  const offsets = { from: slice * 1000, to: (slice + 1) * 1000, previousTo: slice * 1000 }
  const all = [...blocks, ...(model.unitBlocks?.[chain] ?? [])]
  return paneOf({ model: model.name, chain, cells: [cell('v1', control), cell('v2', candidate), ...extra], ...offsets }, slice, all)
}

function addAnswer(block: Block, { counts, sums }: BlockCounts, decision: number, score: number, label: number): void {
  if (block.kind === 'requests') counts[0]!++
  if (block.kind === 'outcome') for (const slot of [0, 1, ...(decision === label ? [] : [2]), ...(label === 1 ? [3] : [])]) counts[slot]!++
  if (block.kind !== 'probability') return
  const clipped = Math.min(1 - block.floor, Math.max(block.floor, score))
  const value = Math.log(label === 1 ? clipped : 1 - clipped) / Math.log(block.floor)
  counts[Math.min(block.bins - 1, Math.floor(score * block.bins))]!++
  sums[0]! += value
  sums[1]! += value * value
  block.lambdas.forEach((lambda, index) => {
    sums[2 + index]! += Math.exp(lambda * value)
  })
}

function addPair(block: Block, { counts, sums }: BlockCounts, { label, control, candidate, controlScore, candidateScore }: Answered): void {
  if (block.kind === 'paired') {
    counts[0]!++
    if (control === candidate) return
    counts[1]!++
    if (block.outcome !== '') counts[control === label ? 2 : 3]!++
  }
  if (block.kind !== 'paired-scores') return
  const { loss } = block.bets!
  const bets = new Float64Array(PAIRED_STAKES.length)
  const more = addPairedBets(bets, candidateScore, controlScore, label, { kind: loss, floor: block.floor }, MARGINS[loss]!)
  counts[0]!++
  sums[0]! += more
  sums[1]! += more * more
  bets.forEach((bet, index) => {
    sums[2 + index]! += bet
  })
}

/** Slices of a hundred requests, one after another; the exposures of each as well. */
function* shadowed(
  model: ModelLayout,
  truth: Truth,
  seed: number,
  slices: number,
  chains = ['exposure', CHAIN],
): Generator<readonly [EvidenceState, number]> {
  const random = seededRandom(seed)
  let state = startStage(emptyEvidence(model), model, 0)
  for (let slice = 0; slice < slices; slice++) {
    const all = Array.from({ length: 100 }, () => answered(random, truth))
    for (const chain of chains) state = observePane(state, paneWith(model, chain, all, slice), model, CONTEXT).state
    yield [state, slice]
  }
}

function after(model: ModelLayout, truth: Truth, seed: number, slices: number): EvidenceState {
  let last = emptyEvidence(model)
  for (const [state] of shadowed(model, truth, seed, slices)) last = state
  return last
}

const readingOf = (state: EvidenceState, model: ModelLayout, name: string) =>
  readings(state, model).find(({ guardrail }) => guardrail === name)!

function evidenceOf({ series }: EvidenceState, name: string): number {
  const found = series[`${name}|${ALL_SCOPE}`]!
  assert.ok(isOfPairs(found))
  return logEvidenceOfPairs(found)
}

/** The first slice after which each guardrail acts alone; infinite when it never does. */
function foundAt(model: ModelLayout, truth: Truth, seed: number, slices: number, names: readonly string[]): number[] {
  const found = names.map(() => Number.POSITIVE_INFINITY)
  for (const [state, slice] of shadowed(model, truth, seed, slices)) {
    names.forEach((name, index) => {
      const { logEvidence, logLimit } = readingOf(state, model, name)
      if (found[index] === Number.POSITIVE_INFINITY && logEvidence >= logLimit) found[index] = slice
    })
    if (found.every(Number.isFinite)) break
  }
  return found
}

/** How many of the runs a guardrail of pairs accuses, were the whole budget its own. */
function accused(model: ModelLayout, truth: Truth, runs: number, name: string): number {
  let alarms = 0
  for (let seed = 0; seed < runs; seed++) {
    for (const [state] of shadowed(model, truth, 1000 + seed, 40, [CHAIN])) {
      if (evidenceOf(state, name) < Math.log(100)) continue
      alarms++
      break
    }
  }
  return alarms
}

const AT_MOST = (runs: number) => runs * 0.01 + 3 * Math.sqrt(runs * 0.01 * 0.99)

for (const [margin, truth] of [
  [0, EQUAL],
  [2, AT_MARGIN],
] as const) {
  test(`a candidate at the edge of what is allowed (${margin} points) is accused in at most 1 % of shadows, looked at after every stratum`, () => {
    const alarms = accused(shadowModel({ margin }), truth, 100, 'paired')
    assert.ok(alarms <= AT_MOST(100), `${alarms} of 100`)
  })
}

test('equal probabilities are accused in at most 1 % of shadows', () => {
  const alarms = accused(shadowModel(), EQUAL, 100, 'paired-log-score')
  assert.ok(alarms <= AT_MOST(100), `${alarms} of 100`)
})

test('a worse shadow is found with less than half of the requests that two arms need on the same stream, and in no run later', () => {
  const model = shadowModel()
  const found = Array.from({ length: 12 }, (_, seed) => foundAt(model, WORSE, seed, 120, ['paired', 'wrong-outcome']))
  for (const [paired, arms] of found) assert.ok(paired! <= arms!, `${paired} against ${arms}`)
  const mean = (index: number) => found.reduce((sum, each) => sum + Math.min(120, each[index]!), 0) / found.length
  assert.ok(mean(0) < mean(1) / 2, `${mean(0)} against ${mean(1)} slices`)
})

test('worse probabilities likewise, by log score and by Brier score', () => {
  const model = shadowModel()
  const dull = { ...EQUAL, dulled: 0.5 }
  const found = Array.from({ length: 6 }, (_, seed) => foundAt(model, dull, seed, 120, ['paired-log-score', 'paired-brier', 'log-score']))
  const mean = (index: number) => found.reduce((sum, each) => sum + Math.min(120, each[index]!), 0) / found.length
  assert.ok(mean(0) < mean(2) && mean(1) < mean(2), [0, 1, 2].map(mean).join(', '))
})

test('harm calls for a rollback, and is told request by request', () => {
  const model = shadowModel()
  const state = after(model, WORSE, 3, 30)
  const { rollback } = harms(state, model)
  const reading = rollback.find(({ guardrail }) => guardrail === 'paired')!
  assert.match(
    reading.detail,
    /^of 3000 pairs with an outcome only the candidate got \d+ wrong, only the control \d+; they decided differently on \d+$/,
  )
  assert.equal(reading.unit, 'share of pairs')
  assert.ok(reading.intervalLow < 0.05 && 0.05 < reading.intervalHigh && reading.intervalLow > 0)
  assert.match(
    causeOf(state, model, [reading])!.words,
    /^on the same requests the candidate alone is wrong in .* %, the control alone in .* % of 3000 pairs$/,
  )
  assert.equal(
    harms(after(model, { ...WORSE, onlyCandidate: 0.02, onlyControl: 0.07 }, 3, 30), model).rollback.length,
    0,
    'a better one is not harm',
  )
})

test('how often the two disagree is told with an interval, without any outcome, and accuses nobody', () => {
  const model = shadowModel()
  let inside = 0
  for (let seed = 0; seed < 20; seed++) {
    const state = after(model, EQUAL, 60 + seed, 20)
    const { estimate, intervalLow, intervalHigh, logEvidence, action, detail } = readingOf(state, model, 'disagreement')
    assert.ok(intervalLow <= estimate && estimate <= intervalHigh && intervalHigh - intervalLow < 0.06)
    if (intervalLow <= 0.06 && 0.06 <= intervalHigh) inside++
    assert.deepEqual([logEvidence, action], [0, 'info'])
    assert.match(detail, /^\d+ of 2000 pairs; 2,000 answers of the candidate$/)
  }
  assert.ok(inside >= 18, `${inside} of 20`)
})

test('few errors of one alone have an interval that is exact, and wide', () => {
  const { intervalLow, intervalHigh, estimate } = readingOf(
    after(shadowModel(), { wrong: 0.01, onlyCandidate: 0.002, onlyControl: 0 }, 1, 10),
    shadowModel(),
    'paired',
  )
  assert.ok(intervalLow < estimate && estimate < intervalHigh && intervalLow > -0.05 && intervalHigh < 0.05)
})

test('stored and read back in the middle of a stratum, the evidence goes on to the last bit', () => {
  const model = shadowModel()
  const random = seededRandom(8)
  let straight = startStage(emptyEvidence(model), model, 0)
  let stored = straight
  for (let slice = 0; slice < 15; slice++) {
    const all = Array.from({ length: 70 }, () => answered(random, WORSE))
    for (const chain of ['exposure', CHAIN]) {
      const pane = paneWith(model, chain, all, slice)
      straight = observePane(straight, pane, model, CONTEXT).state
      stored = decodeEvidence(encodeEvidence(observePane(stored, pane, model, CONTEXT).state), model)
    }
  }
  assert.deepEqual(stored, straight)
  assert.ok(readingOf(straight, model, 'paired').logEvidence > 1)
})

test('with the stage its evidence ends: what matures late adds nothing, and the reading says why', () => {
  const model = shadowModel()
  let state = after(model, WORSE, 3, 30)
  assert.ok(readingOf(state, model, 'paired').logEvidence > 5)
  state = startStage(state, model, 30 * 5_000)
  const random = seededRandom(4)
  for (let slice = 20; slice < 40; slice++) {
    const all = Array.from({ length: 100 }, () => answered(random, WORSE))
    state = observePane(state, paneWith(model, CHAIN, all, slice), model, { ...CONTEXT, isMirrored: false }).state
  }
  for (const name of ['paired', 'paired-log-score', 'paired-brier', 'disagreement']) {
    const { logEvidence, detail, candidateRows } = readingOf(state, model, name)
    assert.deepEqual([logEvidence, candidateRows, detail], [0, 0, 'judged in the shadow alone, where both versions answer one request'])
  }
})

test('where the policy asks for its proof, the shadow waits for it, and no later stage does', () => {
  const model = shadowModel({ promote: 'true' })
  const proof = (state: EvidenceState) => proofs(state, model, 100, 1).find(({ guardrail }) => guardrail === 'paired')
  assert.match(
    proof(after(model, EQUAL, 2, 5))!.missing,
    /^paired needs about .* more rows: harm may be as large as .* %, allowed at the next weight 2 %$/,
  )
  assert.equal(proof(after(model, EQUAL, 1, 60))!.holds, true)
  assert.equal(proof(after(model, { ...WORSE, onlyCandidate: 0.6 }, 1, 60))!.holds, false)
  assert.equal(proof(startStage(after(model, EQUAL, 1, 60), model, 60 * 5_000)), undefined)
})

test('answers under other ids make no pairs, and the reading says what is needed', () => {
  const model = shadowModel()
  const random = seededRandom(2)
  let state = startStage(emptyEvidence(model), model, 0)
  for (let slice = 0; slice < 5; slice++) {
    const pane = paneWith(
      model,
      'exposure',
      Array.from({ length: 100 }, () => answered(random, EQUAL)),
      slice,
    )
    for (const cell of pane.cells) (cell.blocks as Map<string, BlockCounts>).delete('paired')
    state = observePane(state, pane, model, CONTEXT).state
  }
  assert.equal(readingOf(state, model, 'disagreement').detail, 'no pairs: both versions must log one request under the same id')
})

// ── requests that come again ───────────────────────────────────────────────────────────────────────────────────────────────

/** Each of a few users sends the same request again and again, and gets the same answers. */
function repeatedly(model: ModelLayout, truth: Truth, seed: number, slices: number, bucketsTold: boolean, userCount = 1500): EvidenceState {
  const random = seededRandom(seed)
  const users = Array.from({ length: userCount }, () => answered(random, truth))
  let state = startStage(emptyEvidence(model), model, 0)
  for (let slice = 0; slice < slices; slice++) {
    const asking = Array.from({ length: 100 }, () => Math.floor(users.length * random() ** 2))
    const all = asking.map((user) => users[user]!)
    for (const chain of ['exposure', CHAIN]) {
      const told = bucketsTold ? [bucketsOf(model.unitBlocks![chain]!, asking, all)] : []
      state = observePane(state, paneWith(model, chain, all, slice, told), model, CONTEXT).state
    }
  }
  return state
}

/** Every block tells whether the control was wrong: nothing is more alike here. */
function bucketsOf(blocks: readonly Block[], asking: readonly number[], all: readonly Answered[]): PaneCell {
  const counts = new Float64Array(UNIT_BUCKETS)
  const sums = new Float64Array(UNIT_BUCKETS + 1)
  asking.forEach((user, index) => {
    const wrong = all[index]!.control === all[index]!.label ? 0 : 1
    counts[user % UNIT_BUCKETS]!++
    sums[user % UNIT_BUCKETS]! += wrong
    sums[UNIT_BUCKETS]! += wrong
  })
  return { version: 'v1', scope: ALL_SCOPE, population: 'units', blocks: new Map(blocks.map(({ id }) => [id, { counts, sums }])) }
}

test('while it is not known how alike requests of one user are, nothing is betted, and the pairs are told all the same', () => {
  const model = shadowModel({ unit: 'user' })
  const { logEvidence, candidateRows } = readingOf(repeatedly(model, WORSE, 1, 20, false), model, 'paired')
  assert.deepEqual([logEvidence, candidateRows], [0, 2000])
})

test('users who ask the same again and again accuse an equal candidate in at most 1 % of shadows, and hide no worse one', () => {
  const model = shadowModel({ unit: 'user', margin: 0 })
  const accusedIn = (truth: Truth, users: number) => {
    const states = Array.from({ length: 25 }, (_, seed) => repeatedly(model, truth, 500 + seed, 60, true, users))
    return states.filter((state) => evidenceOf(state, 'paired') >= Math.log(100)).length
  }
  const alarms = accusedIn(EQUAL, 150)
  assert.ok(alarms <= AT_MOST(25), `${alarms} of 25`)
  assert.ok(accusedIn({ wrong: 0.1, onlyCandidate: 0.2, onlyControl: 0.02 }, 1500) >= 23)
})
