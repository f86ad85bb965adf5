/**
 * What commits together stands together: each stored state names the last decision by its hash, none lies behind the last of them, and
 * what takes exposure away has its incident. And a checkpoint tells of no pane that is not there.
 */
import { type Case, grouped, type Placed } from './case.ts'
import type { WireAlert, WireDecision } from './wire.ts'

export function checkCommits(case_: Case): void {
  checkStored(case_)
  for (const { name } of case_.world.layout.models) checkTold(case_, name)
  checkCheckpoints(case_)
}

function checkStored({ all, report }: Case): void {
  const decisions = grouped(all.decisions, ({ value }) => value.decision.model)
  const ladders = grouped(all.ladders, ({ value }) => value.model)
  for (const model of new Set([...decisions.keys(), ...ladders.keys()])) {
    const hashes = new Map((decisions.get(model) ?? []).map(({ value }) => [value.decision.number, value.hash]))
    let last = 0
    for (const { partition, offset, value } of ladders.get(model) ?? []) {
      const where = `state ${model} decision ${value.decisionNumber} at ${partition}/${offset}`
      if (value.decisionNumber < last) report('state', where, `behind the state of decision ${last}`)
      if (value.decisionNumber > 0 && hashes.get(value.decisionNumber) !== value.lastHash)
        report(
          'state',
          where,
          hashes.has(value.decisionNumber) ? 'names another hash than the decision has' : 'of a decision that is not there',
        )
      last = value.decisionNumber
    }
    const newest = Math.max(0, ...hashes.keys())
    if (last !== newest) report('state', `state ${model}`, `ends at decision ${last}, the last decision is ${newest}`)
  }
}

/** Cause of the incident that must burn once it is decided. */
function causeOf({ verdict: { kind, rule } }: WireDecision): string | null {
  if (kind === 'rollback' || kind === 'isolate') return `${kind}:`
  if (kind === 'throttle') return rule === 'no-safe-target' ? 'target' : 'throttle'
  return kind === 'not_effective' ? 'not-effective' : null
}

function checkTold({ all, report }: Case, model: string): void {
  const alerts = grouped(
    all.alerts.filter(({ value }) => value.model === model),
    ({ value }) => value.decisionId,
  )
  const burning = new Map<string, string>()
  for (const { value } of all.decisions) {
    const { decision } = value
    if (decision.model !== model) continue
    note(burning, alerts.get(decision.id) ?? [])
    const cause = causeOf(decision)
    if (cause === null || [...burning.values()].some((one) => one.startsWith(cause))) continue
    report(
      'alerts',
      `decisions ${model} number ${decision.number}`,
      `${decision.verdict.kind} by ${decision.verdict.rule}, and no incident tells of it`,
    )
  }
}

function note(burning: Map<string, string>, alerts: readonly Placed<WireAlert>[]): void {
  for (const { value } of alerts) {
    if (value.status === 'firing') burning.set(value.incident, value.cause)
    else burning.delete(value.incident)
  }
}

/** Panes are acknowledged before the checkpoint that covers them: what it says was written last in a chain stands in `panes`. */
function checkCheckpoints({ all, world, report }: Case): void {
  if (world.panesLost === true) return
  const written = new Set<string>()
  for (const { value } of all.panes) {
    if (value.kind === 'pane') written.add(`${value.source}|${value.chain}|${value.model}|${value.to}`)
  }
  for (const { partition, offset, value } of all.checkpoints) {
    if (value.kind !== 'checkpoint') continue
    const { through } = JSON.parse(value.body.toString()) as { readonly through: Readonly<Record<string, number>> }
    for (const [chain, to] of Object.entries(through)) {
      if (to <= 0 || written.has(`${value.source}|${chain}|${to}`)) continue
      const where = `checkpoints ${value.source} ${value.epoch}.${value.sequence} at ${partition}/${offset}`
      report('checkpoints', where, `says that ${chain} is written up to ${to}, and no pane ends there`)
    }
  }
}
