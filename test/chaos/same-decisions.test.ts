/**
 * What is explained and what is a violation, when two deployments decide on the same input: pairs of runs made by hand, pairs that were
 * lived in the simulator, and bugs planted in what surrounds the judge.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type Mutant, mutatedCopy } from '../../scripts/lib/mutants.ts'
import type { Decision } from '../../src/domain.ts'
import { emptyEvidence } from '../../src/judge/evidence/evidence.ts'
import type { JudgeState } from '../../src/judge/state.ts'
import type { Layout } from '../../src/policy/layout.ts'
import { BESIDE, runBeside } from '../simulation/simulator/beside.ts'
import { handMade, inOrder, withDecision, withMarks } from './hand-made.ts'
import { type Input, type JudgedRun, judgedRuns, type Mark } from './suite/judged.ts'
import { type Comparison, compareModel, compareRuns } from './suite/same-decisions.ts'

const SEED = 2
const SECONDS = 48
const ROOT = fileURLToPath(new URL('../..', import.meta.url))

let lived: Comparison
let alone: JudgedRun
let three: JudgedRun

before(async () => {
  const { log, layouts, look, ends, kills } = await runBeside(SEED, SECONDS)
  assert.deepEqual(ends, [])
  assert.equal(kills, 3)
  const [one, other] = layouts as [Layout, Layout]
  lived = await look(() => compareRuns(log, BESIDE, [one, other]))
  alone = (await look(() => judgedRuns(log, BESIDE[0], one))).get('churn')!
  three = (await look(() => judgedRuns(log, BESIDE[1], other))).get('churn')!
})

test('of three daemons that are killed in turn every decision follows from what they read, and each that one daemon took otherwise is explained', () => {
  assert.deepEqual(lived.violations, [])
  assert.ok(lived.accounted > 30, `${lived.accounted} decisions`)
  assert.ok(lived.same > 5, `${lived.same} moves are the same`)
  assert.ok(lived.explained.length > 5, `${lived.explained.length} are explained`)
})

test('a run beside itself leaves nothing to explain', () => {
  const { explained, violations, same } = compareModel(alone, alone)
  assert.deepEqual([explained, violations], [[], []])
  assert.equal(same, alone.decisions.filter(({ decision }) => ['start', 'promote'].includes(decision.verdict.kind)).length)
})

/** The panes of one source come later by so many places, as after the death of its owner. */
function delayed(inputs: readonly Input[], source: string, places: number): Input[] {
  const at = (input: Input, place: number) => (input.record.source === source ? place + places : place)
  const rows = inputs.map((input, place) => ({ input, at: at(input, place) }))
  const sorted = rows.sort((one, other) => one.at - other.at).map(({ input }) => input)
  return inOrder(sorted, inputs)
}

test('two orders of arrival, each judged as it came: what differs is explained by what had been read', () => {
  const inputs = inOrder(alone.inputs)
  const one = handMade('one.', alone.layout, alone.model, inputs)
  const other = handMade('other.', alone.layout, alone.model, delayed(inputs, 'predictions/1', 90))
  const { explained, violations } = compareModel(one, other)
  assert.deepEqual(violations, [])
  assert.ok(explained.length > 0)
  for (const words of explained) assert.match(words, /\d+ inputs had been read by the (first|second) alone|the same \d+ inputs/)
})

test('what follows from another plan is no explanation', () => {
  const inputs = inOrder(alone.inputs)
  const { plan } = alone.model
  const rungs = plan.rollout.rungs.map((rung) => ({ ...rung, dwellMs: 6000 }))
  const hasty = { ...alone.model, plan: { ...plan, dwellMs: 6000, rollout: { ...plan.rollout, rungs } } }
  const [one, other] = [handMade('one.', alone.layout, alone.model, inputs), handMade('other.', alone.layout, hasty, inputs)]
  assert.deepEqual(compareModel(one, other).violations, ['churn: the two are judged by different plans'])
})

test('a judge that forgets in the middle, on inputs in another order, is not explained by the order', () => {
  const inputs = delayed(inOrder(alone.inputs), 'predictions/2', 60)
  const forgets = (state: JudgeState, offset: number) => (offset === 250 ? { ...state, evidence: emptyEvidence(alone.model) } : state)
  const { violations } = compareModel(alone, handMade('other.', alone.layout, alone.model, inputs, forgets))
  assert.ok(violations.length > 0)
})

/** First decision of a kind. */
const numberOf = (run: JudgedRun, kind: Decision['verdict']['kind']): number =>
  run.decisions.find(({ decision }) => decision.verdict.kind === kind)!.decision.number

const markOf = (run: JudgedRun, kind: Decision['verdict']['kind']): number =>
  run.marks.findIndex(({ decisions }) => decisions.some(({ decision }) => decision.verdict.kind === kind))

interface Tampered {
  readonly what: string
  readonly change: (run: JudgedRun) => JudgedRun
  readonly said: RegExp
}

const with_ = (kind: Decision['verdict']['kind'], change: (decision: Decision) => Decision) => (run: JudgedRun) =>
  withDecision(run, numberOf(run, kind), change)

const TAMPERED: readonly Tampered[] = [
  {
    what: 'a verdict that nothing calls for',
    change: with_('hold', (decision) => ({
      ...decision,
      verdict: { kind: 'rollback', rule: 'harm', evidence: [] },
      weightsAfter: { v1: 100, v2: 0 },
    })),
    said: /rollback by harm .* was written, and the panes before it call for hold/,
  },
  {
    what: 'a promotion to another weight',
    change: with_('promote', (decision) => ({ ...decision, weightsAfter: { v1: 0, v2: 100 } })),
    said: /the panes before it call for promote .*weightsAfter.* differ/,
  },
  { what: 'another sequence', change: with_('promote', (decision) => ({ ...decision, sequence: 9 })), said: /\(sequence differ\)/ },
  {
    what: 'a number of panes that had not been judged, so that the inputs look different',
    change: with_('promote', (decision) => ({ ...decision, panes: decision.panes + 1 })),
    said: /\(panes differ\)/,
  },
  {
    what: 'a number of rows that had not been judged',
    change: with_('hold', (decision) => ({ ...decision, rows: decision.rows + 1 })),
    said: /\(rows differ\)/,
  },
  {
    what: 'a judge time that the pulses do not tell, so that the inputs look different',
    change: with_('promote', (decision) => ({ ...decision, judgeTimeMs: decision.judgeTimeMs + 300 })),
    said: /judge time \d+ was written, the pulses before it say \d+/,
  },
  {
    what: 'evidence in a reading that the panes do not hold',
    change: with_('promote', (decision) => ({
      ...decision,
      readings: decision.readings.map((reading) => ({ ...reading, candidateEvents: reading.candidateEvents + 1 })),
    })),
    said: /\(readings differ\)/,
  },
  {
    what: 'a pane that was judged and does not stand in the log',
    change: (run) => ({
      ...run,
      inputs: run.inputs.filter(({ record }, at) => at > 40 || record.kind !== 'pane' || record.chain !== 'exposure'),
    }),
    said: /decision \d+: /,
  },
  {
    what: 'evidence that was lost',
    change: (run) =>
      withMark(run, markOf(run, 'promote'), (mark) => ({ ...mark, state: { ...mark.state, evidence: emptyEvidence(run.model) } })),
    said: /the evidence stored with it/,
  },
  {
    what: 'a ladder that stands elsewhere',
    change: (run) =>
      withMark(run, markOf(run, 'hold'), (mark) => ({ ...mark, state: { ...mark.state, ladder: { ...mark.state.ladder, rung: 2 } } })),
    said: /the ladder stored with it: .*rung/,
  },
  {
    what: 'a promotion that was due and never came',
    change: (run) => withMarks(run, run.marks.slice(0, markOf(run, 'promote'))),
    said: /promote by promote was due at \d+ of panes, and nothing was decided/,
  },
  {
    what: 'a decision without the state after it',
    change: (run) => {
      const last = run.marks.at(-1)!
      return { ...withMarks(run, run.marks.slice(0, -1)), unmarked: last.decisions }
    },
    said: /no state was stored with it/,
  },
  {
    what: 'the same hold once more',
    change: (run) => {
      const at = markOf(run, 'hold')
      const again = { ...run.marks[at]!, through: run.marks[at]!.through + 8 }
      return withMarks(run, [...run.marks.slice(0, at + 1), again, ...run.marks.slice(at + 1)])
    },
    said: /the panes before it call for nothing|judge time \d+ was written, the pulses before it say \d+/,
  },
]

function withMark(run: JudgedRun, at: number, change: (mark: Mark) => Mark): JudgedRun {
  return withMarks(
    run,
    run.marks.map((mark, place) => (place === at ? change(mark) : mark)),
  )
}

for (const { what, change, said } of TAMPERED) {
  test(`${what} is a violation, in the run of one and in the run of three`, () => {
    const [ofOne, ofThree] = [compareModel(change(alone), three), compareModel(alone, change(three))]
    for (const { violations } of [ofOne, ofThree]) {
      assert.ok(violations.length > 0)
      assert.match(violations[0]!, said)
    }
  })
}

test('what differs at or after a decision that nothing accounts for is not explained either', () => {
  const { explained, violations } = compareModel(
    alone,
    withDecision(three, 1, (decision) => ({ ...decision, panes: 77 })),
  )
  assert.deepEqual(explained, [])
  assert.ok(violations.length > 3)
})

const PLANTED: readonly (Mutant & { readonly said: RegExp })[] = [
  {
    name: 'evidence-lost',
    breaks: 'whoever takes over begins with no evidence',
    guards: [],
    patches: [
      {
        file: 'src/shell/judge-partition.ts',
        find: 'renewedFor(stored.state, model)',
        replace: 'renewedFor({ ...stored.state, evidence: emptyJudge(model).evidence }, model)',
      },
    ],
    said: /(evidence|chains) stored with it|the panes before it call for|was due at/,
  },
  {
    name: 'position-lost',
    breaks: 'whoever takes over reads on a few panes further than its state had come',
    guards: [],
    patches: [
      {
        file: 'src/shell/judge-partition.ts',
        find: 'stored?.positions ?? FROM_START',
        replace: 'stored === null ? FROM_START : { ...stored.positions, panes: stored.positions.panes + 7 }',
      },
    ],
    said: /stored with it|the panes before it call for|was due at/,
  },
  {
    name: 'verdict-at-random',
    breaks: 'after a take-over a hold turns into a rollback now and then',
    guards: [],
    patches: [
      {
        file: 'src/shell/judge-seat.ts',
        find: 'records.push(this.#decisionRecord({ ...effect.decision, previousHash: this.state.ladder.lastHash }))',
        replace: `const isUnlucky = this.#tenure.epoch > 1 && effect.decision.verdict.kind === 'hold' && effect.decision.number % 3 === 0
    const verdict = isUnlucky ? ({ kind: 'rollback', rule: 'harm', evidence: [] } as const) : effect.decision.verdict
    records.push(this.#decisionRecord({ ...effect.decision, verdict, previousHash: this.state.ladder.lastHash }))`,
      },
    ],
    said: /rollback by harm .* was written, and the panes before it call for hold/,
  },
]

for (const planted of PLANTED) {
  test(`caught when ${planted.breaks} (${planted.name})`, async (t) => {
    const copy = mutatedCopy(ROOT, planted)
    t.after(() => import('node:fs').then(({ rmSync }) => rmSync(copy, { recursive: true, force: true })))
    const broken = (await import(pathToFileURL(join(copy, 'test/simulation/simulator/beside.ts')).href)) as { runBeside: typeof runBeside }
    const { log, layouts, look } = await broken.runBeside(SEED, SECONDS)
    const { violations } = await look(() => compareRuns(log, BESIDE, layouts as [Layout, Layout]))
    t.diagnostic(violations[0] ?? '')
    assert.ok(
      violations.some((words) => planted.said.test(words)),
      violations.join('\n').slice(0, 3000),
    )
    // One daemon that never dies shows nothing of it.
    assert.deepEqual(
      violations.filter((words) => words.startsWith(BESIDE[0])),
      [],
    )
  })
}
