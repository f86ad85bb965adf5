/**
 * Blocks of pairs: in a shadow both versions answer the same request under the same id, and what they said is compared request by
 * request. Only models whose plan has a shadow have them, and of those the ones whose guardrails ask for them: all others' panes are what
 * they were. A pair is counted once, in the candidate's cell of the whole population.
 */
import { KINDS, marginOf } from './guardrails.ts'
import type { Block, InputLayout, PairedBets } from './layout.ts'
import { hasShadow, PAIRED, pairedScoresId } from './paired.ts'
import type { PolicyGuardrail, PolicyModel } from './policy.ts'
import { isCompared } from './steady.ts'

type PairedDraft = Pick<Block, 'id' | 'kind'> & Partial<Block> & { readonly meaning: unknown }

/** How often the two decide differently: it needs no outcome. */
export function pairedExposureDrafts(model: PolicyModel, { fields }: InputLayout): PairedDraft[] {
  if (!decides(fields) || !asksFor(model, 'disagreement')) return []
  return [{ id: PAIRED, kind: 'paired', meaning: meaningOf(model, fields) }]
}

/** Of one joined outcome with a label. */
export function pairedOutcomeDrafts(
  name: string,
  absent: number,
  model: PolicyModel,
  { fields }: InputLayout,
  outcomeMeaning: unknown,
): PairedDraft[] {
  const meaning = [meaningOf(model, fields), outcomeMeaning]
  const drafts: PairedDraft[] = []
  if (decides(fields) && asksFor(model, 'paired')) {
    drafts.push({ id: `${PAIRED}:${name}`, kind: 'paired', outcome: name, absent, meaning })
  }
  if (fields.score === null || !model.score.probability || !hasShadow(model)) return drafts
  for (const bets of betsAsked(name, model)) {
    const floor = bets.loss === 'log' ? model.score.floor : 0
    drafts.push({ id: pairedScoresId(bets, name), kind: 'paired-scores', outcome: name, absent, floor, bets, meaning })
  }
  return drafts
}

/** A decision is read, or made of the score. */
function decides({ decision, score }: InputLayout['fields']): boolean {
  return decision !== null || score !== null
}

/** Whose answers are compared, and where they are read. */
function meaningOf({ control, candidate }: PolicyModel, { id, decision, score }: InputLayout['fields']): unknown {
  return [control, candidate, id, decision, score]
}

function asksFor(model: PolicyModel, kind: PolicyGuardrail['kind']): boolean {
  return hasShadow(model) && (model.guardrails === undefined || model.guardrails.some((each) => each.kind === kind))
}

/** The margin is part of each bet, so every margin asked for has sums of its own. */
function betsAsked(outcome: string, model: PolicyModel): readonly PairedBets[] {
  const written = model.guardrails?.filter(isCompared) ?? [{ kind: 'paired-log-score' as const, outcome }]
  const asked = written.flatMap((each): PairedBets[] => {
    const loss = LOSSES[each.kind]
    const isMine = each.outcome === undefined || each.outcome === outcome
    return loss === undefined || !isMine ? [] : [{ loss, margin: marginOf(each) ?? KINDS[each.kind].margin }]
  })
  return asked.filter((bets, index) => asked.findIndex((each) => each.loss === bets.loss && each.margin === bets.margin) === index)
}

const LOSSES: Readonly<Partial<Record<PolicyGuardrail['kind'], PairedBets['loss']>>> = {
  'paired-log-score': 'log',
  'paired-brier': 'brier',
}
