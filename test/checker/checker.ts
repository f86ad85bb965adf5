/**
 * Reads every topic at the end of a run, whatever was done to it, and says which of ARCHITECTURE's promises were broken.
 *
 * It shares no code with what measures and judges: bytes are decoded by the schemas alone (`wire.ts`), panes are computed from the
 * input records in plain loops (`../measure/batch-truth.ts`), rules are written anew from the documents. What it takes from the product
 * is the log to read from and the compiled policy.
 */

import type { EventLog } from '../../src/kafka/contract.ts'
import { topicNames } from '../../src/kit/topics.ts'
import { checkAccounts } from './accounts.ts'
import { checkAlerts, checkRequests } from './alerts.ts'
import { checkAnchors } from './anchors.ts'
import { checkBooks } from './books.ts'
import type { Case, Topics, Violation, World } from './case.ts'
import { checkCommits } from './commits.ts'
import { checkControl } from './control.ts'
import { checkDecisions } from './decisions.ts'
import { checkEvidence } from './evidence.ts'
import { checkGateways } from './gateways.ts'
import { truthsOf } from './inputs.ts'
import { checkAcknowledged } from './owners.ts'
import { checkPanes, cutsOf } from './panes.ts'
import { readEverything } from './read.ts'
import { checkStages } from './stages.ts'

export type { InputRecord, Topics, Violation, World } from './case.ts'

export function topicsOf({ prefix, layout }: Pick<World, 'prefix' | 'layout'>): Topics {
  return { ...topicNames(prefix), predictions: layout.predictions.topic, outcomes: layout.outcomes?.topic ?? null }
}

/** Requests: each needs a `reason` that no other request of its model has, or its answer cannot be told from another's. */
export async function check(log: EventLog, world: World): Promise<readonly Violation[]> {
  const violations: Violation[] = []
  const all = await readEverything(log, topicsOf(world))
  const case_: Case = { world, all, report: (promise, where, what) => void violations.push({ promise, where, what }) }
  const truths = truthsOf(world.layout, world.inputs ?? all.inputs, (source) => cutsOf(all.panes, source))
  checkDecisions(case_)
  checkAnchors(case_)
  checkControl(case_)
  checkStages(case_)
  checkEvidence(case_)
  checkCommits(case_)
  checkRequests(case_)
  checkAlerts(case_)
  checkAcknowledged(case_)
  checkPanes(case_, truths)
  checkBooks(case_, truths)
  checkAccounts(case_, truths)
  checkGateways(case_)
  return violations
}
