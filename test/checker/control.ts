/**
 * The control topic: order of commands, nobody writes who was fenced, exposure follows the ladder and rises by a decision only.
 * The law about who may raise exposure is written here anew, as a table of verdicts.
 */
import type { ModelLayout } from '../../src/policy/layout.ts'
import { type Case, type CommandBytes, grouped, type Placed } from './case.ts'
import { said, sameWeights } from './decisions.ts'
import type { WireCommand, WireDecision, WireSegment } from './wire.ts'

/** Verdicts after which the candidate may have more than before. `override`: a person resumed. */
const MAY_RAISE = new Set(['start', 'promote', 'lift', 'override'])
/** Verdicts that must be followed by a command of their own, where the candidate had traffic or gets some. */
const MUST_COMMAND = new Set(['start', 'promote', 'throttle', 'isolate', 'rollback', 'step_down', 'lift'])
const GLASS = 'break-glass'

export function checkControl(case_: Case): void {
  const { all, world } = case_
  const decisions = new Map(all.decisions.map(({ value }) => [value.decision.id, value.decision]))
  const letGo = letGoIn(all.decisions.map(({ value }) => value.decision))
  for (const [name, records] of grouped(all.commands, ({ value }) => value.command.model)) {
    const model = world.layout.models.find((one) => one.name === name)
    if (model === undefined) {
      case_.report('control', `control ${name}`, 'a command for a model that the policy does not know')
      continue
    }
    checkOrder(case_, name, records)
    const issued = firstOfEach(records)
    checkOwners(case_, name, issued)
    let before: WireCommand | null = null
    for (const placed of issued) {
      checkIssued(case_, placed, before, decisions, model, letGo)
      before = placed.value.command
    }
    checkCommanded(case_, name, issued)
  }
}

function placeOf({ partition, offset, value }: Placed<CommandBytes>): string {
  const { model, epoch, sequence } = value.command
  return `control ${model} ${epoch}/${sequence} at ${partition}/${offset}`
}

function compare(one: WireCommand, other: WireCommand): number {
  return one.epoch - other.epoch || one.sequence - other.sequence
}

/** Rising in (epoch, sequence); what is equal is the same command again, byte by byte. */
function checkOrder({ report }: Case, model: string, records: readonly Placed<CommandBytes>[]): void {
  let highest: Placed<CommandBytes> | null = null
  for (const record of records) {
    if (record.key !== model) report('control', placeOf(record), `its key is ${record.key}`)
    const order = highest === null ? 1 : compare(record.value.command, highest.value.command)
    if (order < 0) report('fencing', placeOf(record), `lies behind the higher ${placeOf(highest!)}`)
    if (order === 0 && record.value.hex !== highest!.value.hex)
      report('heartbeat', placeOf(record), 'another command under the same numbers')
    if (order > 0) highest = record
  }
}

function firstOfEach(records: readonly Placed<CommandBytes>[]): Placed<CommandBytes>[] {
  const seen = new Set<string>()
  return records.filter(({ value: { command } }) => {
    const key = `${command.epoch}/${command.sequence}`
    return !seen.has(key) && seen.add(key) !== undefined
  })
}

/** A command is its owner's: after the barrier of a take-over nothing new bears a lower epoch. */
function checkOwners({ all, report }: Case, model: string, issued: readonly Placed<CommandBytes>[]): void {
  const epochOf = new Map(all.stateBarriers.map(({ value, offset, partition }) => [`${partition}|${value}`, offset]))
  for (const placed of issued) {
    const barriers = all.controlBarriers.filter(({ partition, offset }) => partition === placed.partition && offset < placed.offset)
    const last = barriers.at(-1)
    if (last === undefined) {
      report('fencing', placeOf(placed), 'no take-over before it')
      continue
    }
    const tenure = epochOf.get(`${last.partition}|${last.value}`)
    if (tenure === undefined) report('fencing', placeOf(placed), `the barrier before it stands on control alone`)
    else if (placed.value.command.epoch < tenure) {
      report('fencing', placeOf(placed), `new after the take-over of epoch ${tenure}: ${model} was given a command by an owner of before`)
    }
  }
}

function checkIssued(
  { report }: Case,
  placed: Placed<CommandBytes>,
  before: WireCommand | null,
  decisions: ReadonlyMap<string, WireDecision>,
  model: ModelLayout,
  letGo: ReadonlySet<string>,
): void {
  const { command } = placed.value
  const where = placeOf(placed)
  const decision = decisions.get(command.decisionId)
  const isGlass = command.rule === GLASS
  const learned = decision?.verdict.kind === 'adopt' && decision.verdict.rule === 'gateway-ahead'
  if (!learned && command.sequence !== (before?.sequence ?? 0) + 1) {
    report('sequence', where, `follows sequence ${before?.sequence ?? 0}`)
  }
  if (isGlass) return
  if (decision === undefined) {
    report('decided', where, `no decision ${command.decisionId} explains it`)
    return
  }
  if (decision.mode !== 'enforce') report('decided', where, 'commanded in mode observe')
  if (decision.sequence !== command.sequence || decision.epoch !== command.epoch) {
    report('decided', where, `its decision says ${decision.epoch}/${decision.sequence}`)
  }
  if (!sameWeights(decision.weightsAfter, command.weights)) report('decided', where, `its decision says ${said(decision.weightsAfter)}`)
  checkApart(report, where, command, before, decision, model.versions[model.candidate]!)
  checkExposure(report, where, command, before, decision, model, letGo)
}

/** Segments are the decision's; and where the candidate is kept out, nobody but a person gives it anything again. */
function checkApart(
  report: Case['report'],
  where: string,
  command: WireCommand,
  before: WireCommand | null,
  decision: WireDecision,
  candidate: string,
): void {
  const saidApart = JSON.stringify(decision.segmentsAfter)
  if (saidApart !== JSON.stringify(command.segments)) report('decided', where, `its decision says in segments ${saidApart}`)
  if (command.segments.some(({ weights }) => Math.abs(Object.values(weights).reduce((sum, weight) => sum + weight, 0) - 100) > 0.01))
    report('exposure', where, 'weights in a segment do not sum to 100')
  for (const { segment, weights } of before?.segments ?? []) {
    if ((weights[candidate] ?? 0) > 0) continue
    const now = weightIn(command, segment, candidate)
    if (now > 0 && decision.verdict.kind !== 'override')
      report('exposure', where, `${segment} was kept from the candidate, and ${decision.verdict.kind} gives it ${now} %`)
  }
  if (decision.verdict.kind === 'isolate' && command.segments.length !== (before?.segments.length ?? 0) + 1)
    report('exposure', where, 'isolates no further segment')
}

function weightIn({ segments, weights }: WireCommand, segment: string, candidate: string): number {
  return (segments.find((each) => each.segment === segment)?.weights ?? weights)[candidate] ?? 0
}

/** Where the candidate is tried in one segment alone: that one. */
function cohortOf(command: WireCommand | null, candidate: string): WireSegment | undefined {
  return command?.segments.find(({ weights }) => (weights[candidate] ?? 0) > 0)
}

function checkExposure(
  report: Case['report'],
  where: string,
  command: WireCommand,
  before: WireCommand | null,
  decision: WireDecision,
  model: ModelLayout,
  letGo: ReadonlySet<string>,
): void {
  const { ladder } = model.plan
  const candidate = model.versions[model.candidate]!
  const [cohort, cohortBefore] = [cohortOf(command, candidate), cohortOf(before, candidate)]
  const now = (cohort?.weights ?? command.weights)[candidate] ?? 0
  const was = (cohortBefore?.weights ?? before?.weights)?.[candidate] ?? 0
  const isWider = cohortBefore !== undefined && cohortBefore.segment !== cohort?.segment && now > 0
  const total = Object.values(command.weights).reduce((sum, weight) => sum + weight, 0)
  if (Math.abs(total - 100) > 0.01) report('exposure', where, `weights sum to ${total}`)
  if (now !== 0 && !ladder.includes(now)) report('exposure', where, `${now} % is no rung of ${ladder.join(', ')}`)
  const { kind } = decision.verdict
  if (now <= was && !isWider) {
    if (kind === 'promote' || kind === 'lift') report('exposure', where, `${kind} from ${was} % to ${now} %`)
    return
  }
  const kept = decision.restraints.map((restraint) => restraint.kind)
  if (kept.length > 0) report('exposure', where, `raised from ${was} % to ${now} % under a ${kept.join(' and a ')}`)
  if (!MAY_RAISE.has(kind)) report('exposure', where, `raised from ${was} % to ${now} % by ${kind}`)
  if (ladder.indexOf(now) > ladder.lastIndexOf(was) + 1) report('exposure', where, `skipped rungs: ${was} % to ${now} %`)
  if (was === 0 && before !== null && kind !== 'override' && !letGo.has(decision.id))
    report('exposure', where, `raised after a rollback by ${kind}, not by a person`)
  if (kind === 'promote') {
    const failed = decision.verdict.proofs.filter((proof) => !proof.holds)
    if (failed.length > 0) report('promotion', where, `without the proof of ${failed.map((proof) => proof.guardrail).join(', ')}`)
  }
}

/** Ids of decisions before which a person had let a rolled-back rollout begin anew: it then earns its first users, stage by stage. */
function letGoIn(decisions: readonly WireDecision[]): ReadonlySet<string> {
  const rolledBack = new Set<string>()
  const ids = new Set<string>()
  for (const { id, model, phase, verdict } of decisions) {
    if (!rolledBack.has(model)) ids.add(id)
    if (phase === 'rolled_back') rolledBack.add(model)
    else if (verdict.kind === 'override') rolledBack.delete(model)
  }
  return ids
}

/** Each decision that moves the ladder of an obeyed model has its command. */
function checkCommanded({ all, report, world }: Case, name: string, issued: readonly Placed<CommandBytes>[]): void {
  const model = world.layout.models.find((one) => one.name === name)!
  if (model.plan.weights === 'external') return
  const commanded = new Set(issued.map(({ value }) => value.command.decisionId))
  const candidate = model.versions[model.candidate]!
  let hadTraffic = false
  for (const { value } of all.decisions) {
    const { decision } = value
    if (decision.model !== name) continue
    const had = hadTraffic
    hadTraffic = hasTraffic(decision, candidate)
    if (decision.mode !== 'enforce' || !MUST_COMMAND.has(decision.verdict.kind) || !(had || hadTraffic)) continue
    if (!commanded.has(decision.id))
      report('decided', `decisions ${name} number ${decision.number}`, `${decision.verdict.kind} without a command`)
  }
}

/** Of the model's traffic, or of a segment's. */
function hasTraffic({ weightsAfter, segmentsAfter }: WireDecision, candidate: string): boolean {
  return [{ weights: weightsAfter }, ...segmentsAfter].some(({ weights }) => (weights[candidate] ?? 0) > 0)
}
