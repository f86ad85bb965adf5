/** Runs made by hand: what a judge would write that reads these inputs in this order, by the pulses' clocks alone; and runs changed afterwards. */
import type { Decision } from '../../src/domain.ts'
import { decodeEvidence, encodeEvidence } from '../../src/judge/evidence/evidence.ts'
import { step } from '../../src/judge/judge.ts'
import { emptyJudgeTime, passPulse } from '../../src/judge/judge-time.ts'
import { decodeJudge, emptyJudge, encodeJudge, type JudgeState, withLastHash } from '../../src/judge/state.ts'
import type { Layout, ModelLayout } from '../../src/policy/layout.ts'
import { encodeDecision, hashOfDecision } from '../../src/wire/decisions.ts'
import type { Input, JudgedRun, Mark, Told } from './suite/judged.ts'

const SESSION = { from: 0, nowMs: 0 }

/** Their offsets are made anew, their times of writing stay where they were in the row. */
export function inOrder(inputs: readonly Input[], times: readonly Input[] = inputs): Input[] {
  return inputs.map((input, offset) => ({ ...input, offset, wallMs: times[offset]?.wallMs ?? input.wallMs }))
}

/** `alter`: what a broken judge makes of its state at each input. */
export function handMade(
  prefix: string,
  layout: Layout,
  model: ModelLayout,
  inputs: readonly Input[],
  alter: (state: JudgeState, offset: number) => JudgeState = (state) => state,
): JudgedRun {
  const marks: Mark[] = []
  let state = emptyJudge(model)
  state = step(state, { kind: 'taken-over', epoch: 1, adopted: null }, { judgeTimeMs: 0, wallMs: 0 }, model, layout).state
  let time = emptyJudgeTime()
  for (const { offset, wallMs, record } of inputs) {
    if (record.kind === 'pulse') time = passPulse(time, record, wallMs)
    const event = record.kind === 'pane' ? ({ kind: 'pane', pane: record } as const) : ({ kind: 'pulse', pulse: record } as const)
    const found = step(alter(state, offset), event, { judgeTimeMs: time.nowMs, wallMs }, model, layout)
    state = found.state
    const decisions: Told[] = []
    for (const effect of found.effects) {
      if (effect.kind !== 'decide') continue
      const told = written({ ...effect.decision, previousHash: state.ladder.lastHash })
      state = withLastHash(state, told.decision.number, hashOfDecision(told.bytes))
      decisions.push(told)
    }
    if (decisions.length > 0) marks.push({ state: stored(state, model), through: offset + 1, others: 0, session: SESSION, decisions })
  }
  return { prefix, layout, model, inputs, marks, decisions: marks.flatMap((mark) => mark.decisions), unmarked: [] }
}

export const written = (decision: Decision): Told => ({ decision, bytes: encodeDecision(decision) })

function stored(state: JudgeState, model: ModelLayout): JudgeState {
  const { chains } = state
  return decodeJudge(encodeJudge(state), decodeEvidence(encodeEvidence(state.evidence), model), structuredClone(chains))
}

/** The run with another record in place of a decision. */
export function withDecision(run: JudgedRun, number: number, change: (decision: Decision) => Decision): JudgedRun {
  const changed = (told: Told) => (told.decision.number === number ? written(change(told.decision)) : told)
  return withMarks(
    run,
    run.marks.map((mark) => ({ ...mark, decisions: mark.decisions.map(changed) })),
  )
}

export function withMarks(run: JudgedRun, marks: readonly Mark[]): JudgedRun {
  return { ...run, marks, decisions: marks.flatMap(({ decisions }) => decisions) }
}
