/**
 * The anchors of the audit log: one for each day of judge time in which something was decided, written on a later day, before anything
 * else of that day but what a take-over writes. Each names the record before it and the anchor before it, and moves nothing.
 */
import { type Case, grouped } from './case.ts'
import { sameWeights } from './decisions.ts'
import type { WireDecision } from './wire.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const BEFORE_ANY_LOOK = new Set(['recorded policy-loaded', 'adopt found-in-force', 'refused forged-command'])

interface Point {
  readonly number: number
  readonly hash: string
}

export function checkAnchors({ all, report }: Case): void {
  for (const [model, decisions] of grouped(all.decisions, ({ value }) => value.decision.model)) {
    let before: Point | null = null
    let anchor: Point | null = null
    /** Day of the first decision since the last anchor. */
    let newsOf: number | null = null
    for (const { value, partition, offset } of decisions) {
      const { decision, hash } = value
      const tell = (what: string) => report('anchors', `decisions ${model} number ${decision.number} at ${partition}/${offset}`, what)
      const day = Math.floor(decision.judgeTimeMs / DAY_MS)
      const point = { number: decision.number, hash }
      if (decision.verdict.kind === 'recorded' && decision.verdict.rule === 'anchor') {
        checkWords(decision, before, anchor, tell)
        if (newsOf === null) tell('an anchor, and nothing was decided since the last one')
        else if (day <= newsOf) tell('an anchor before the day is over')
        anchor = point
        newsOf = null
      } else {
        const isEarly = BEFORE_ANY_LOOK.has(`${decision.verdict.kind} ${decision.verdict.rule}`)
        if (newsOf !== null && day > newsOf && !isEarly) tell('of a later day than decisions that no anchor tells of')
        // Before any record clock is known a decision is of no day.
        if (decision.judgeTimeMs > 0) newsOf ??= day
      }
      before = point
    }
  }
}

function checkWords(decision: WireDecision, before: Point | null, anchor: Point | null, tell: (what: string) => void): void {
  const told = JSON.parse(decision.body) as { readonly head: Point; readonly previous: Point | null }
  if (!isSame(told.head, before)) tell(`names ${told.head.number} as the head of the chain`)
  if (!isSame(told.previous, anchor))
    tell(`names ${told.previous?.number ?? 'none'} as the anchor before it, and it is ${anchor?.number ?? 'none'}`)
  if (!sameWeights(decision.weightsBefore, decision.weightsAfter)) tell('an anchor that moves traffic')
  if (decision.requestId !== null || decision.readings.length > 0) tell('an anchor that answers or judges something')
}

function isSame(one: Point | null, other: Point | null): boolean {
  return one?.number === other?.number && one?.hash === other?.hash
}
