/**
 * The stages of a plan, by the decisions alone: they follow one another, no candidate has traffic before its first rung, none leaves
 * `offline` without a passed gate of its artifact, and what only says something moves nothing.
 */
import type { ModelLayout } from '../../src/policy/layout.ts'
import { type Case, grouped } from './case.ts'
import { said, sameWeights } from './decisions.ts'
import type { WireDecision, WirePhase } from './wire.ts'

type Report = (what: string) => void

const UNEXPOSED = ['offline', 'shadow']

export function checkStages({ all, world, report }: Case): void {
  for (const [name, placed] of grouped(all.decisions, ({ value }) => value.decision.model)) {
    const model = world.layout.models.find((one) => one.name === name)
    if (model === undefined) continue
    const gates = new Map<string, boolean>()
    let phase: WirePhase = 'new'
    for (const { value } of placed) {
      const { decision } = value
      const tell: Report = (what) => report('stages', `decisions ${name} number ${decision.number}`, what)
      checkWeights(decision, model, tell)
      checkStep(decision, phase, model, gates, tell)
      remember(decision, model, gates)
      phase = decision.phase ?? phase
    }
  }
}

function checkWeights(decision: WireDecision, model: ModelLayout, tell: Report): void {
  const { verdict, phase, weightsBefore, weightsAfter } = decision
  const isSaid = ['advance', 'recorded', 'hold', 'refused'].includes(verdict.kind)
  if (isSaid && !sameWeights(weightsBefore, weightsAfter)) tell(`${verdict.kind} from ${said(weightsBefore)} to ${said(weightsAfter)}`)
  const percent = weightsAfter[model.versions[model.candidate]!] ?? 0
  if (UNEXPOSED.includes(phase ?? '') && percent !== 0) tell(`the candidate has ${percent} % in ${phase}`)
  if (phase === 'guard' && percent < 100) tell(`under guard at ${percent} %`)
}

/** Where each phase may be come from: but for people, who begin anew. */
function checkStep(decision: WireDecision, from: WirePhase, model: ModelLayout, gates: ReadonlyMap<string, boolean>, tell: Report): void {
  const { phase: to, verdict } = decision
  if (to === null || to === from) return
  const { offline, shadow, guardMs, artifacts } = model.plan.rollout
  const isPassed = gates.get(artifacts[model.versions[model.candidate]!] ?? '') === true
  const isRisen = (from === 'offline' || from === 'shadow') && (to === 'shadow' || to === 'climbing' || to === 'guard')
  if (isRisen && offline && !isPassed) tell(`from ${from} to ${to} without a passed gate`)
  if (from === 'offline' && to !== 'rolled_back' && shadow !== null && to !== 'shadow') tell(`from offline to ${to}, past the shadow`)
  const begins = from === 'new' || from === 'rolled_back'
  if (begins && verdict.kind !== 'adopt' && (to === 'climbing' || to === 'guard') && (offline || shadow !== null))
    tell(`from ${from} to ${to}, past its first stages`)
  if (to === 'promoted' && guardMs > 0 && from !== 'guard') tell(`from ${from} to promoted without a guard`)
}

function remember({ verdict, body }: WireDecision, model: ModelLayout, gates: Map<string, boolean>): void {
  if (verdict.kind !== 'recorded' || verdict.rule !== 'gate') return
  const digest = Object.values(model.plan.rollout.artifacts).find((one) => verdict.note.includes(`gate of ${one}`))
  if (digest !== undefined) gates.set(digest, (JSON.parse(body) as { readonly passed: boolean }).passed)
}
