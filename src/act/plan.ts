/** What is due now, and when the next thing will be: the walk through all stages, over what stands on the log. Pure. */
import type { Delivery, Silence } from '../domain.ts'
import type { Alerting, AlertRoute } from '../policy/layout.ts'
import type { Message } from './contract.ts'
import { type Due, dueOf, type Standing } from './due.ts'
import { isGraver } from './gravity.ts'
import { type Group, groupsOf } from './groups.ts'
import { asTold, holds, type Incidents, type Known, takenFromMs } from './incidents.ts'
import { type Labels, labelsOf } from './match.ts'
import { messageOf } from './message.ts'
import { mutedAt, mutedOf } from './mute.ts'
import { type Taken, takerOf } from './taken.ts'

export interface ActState {
  readonly incidents: Incidents
  /** By `<group>|<sink>`. */
  readonly deliveries: ReadonlyMap<string, Delivery>
  readonly silences: ReadonlyMap<string, Silence>
  readonly taken: Taken
  /** Since when this state has been followed: watchdogs need a while to say again what they said to those before. */
  readonly sinceMs: number
}

/** One message to one destination. */
export interface Telling {
  /** `<group>|<sink>`. */
  readonly key: string
  readonly group: string
  readonly sink: string
  readonly route: string
  readonly due: Due
  readonly message: () => Message
}

interface Member {
  readonly known: Known
  readonly labels: Labels
  readonly isHolding: boolean
  readonly isMuted: boolean
}

/** Every message that is due or will be, the gravest and newest first. Those whose time has not come say when it does (`due.atMs`). */
export function plan(state: ActState, alerting: Alerting, nowMs: number): readonly Telling[] {
  const groups = groupsOf(membersOf(state, alerting, nowMs), alerting.routes)
  const tellings = [...groups].flatMap(([key, group]) => tellingOf(key, group, state, alerting, nowMs))
  return [...tellings, ...orphans(groups, state, alerting, nowMs)].sort(byUrgency)
}

function membersOf({ incidents, silences, taken }: ActState, alerting: Alerting, nowMs: number): readonly Member[] {
  const all = [...incidents].map(([name, heard]) => {
    const known = asTold(heard, alerting.flapping, nowMs)
    const isHolding = holds(heard, alerting.flapping, nowMs)
    return { name, known, labels: labelsOf(known.alert), isHolding, endedMs: isHolding ? null : known.endedMs }
  })
  const muted = mutedOf(
    all.filter(({ isHolding }) => isHolding),
    silences.values(),
    alerting.inhibitions,
    nowMs,
  )
  const wasMuted = mutedAt(all, silences.values(), alerting.inhibitions, nowMs)
  return all.map(({ name, known, labels, isHolding }) => {
    const takenBy = takerOf(taken, known.alert, takenFromMs(known, alerting.flapping))
    const told = { ...known, wasMutedAt: (atMs: number) => wasMuted(labels, atMs), ...(takenBy === null ? {} : { takenBy }) }
    return { known: told, labels, isHolding, isMuted: muted.has(name) }
  })
}

function tellingOf(key: string, group: Group<Member>, state: ActState, alerting: Alerting, nowMs: number): readonly Telling[] {
  const delivery = state.deliveries.get(key) ?? null
  const standing = standingOf(group.members)
  const due = dueOf(standing, group.route, delivery, { nowMs, sinceMs: state.sinceMs })
  if (due === null) return []
  const message = (): Message => messageOf(group, due, standing, delivery, alerting, nowMs)
  return [{ key, group: group.name, sink: group.sink, route: group.route.name, due, message }]
}

function standingOf(members: readonly Member[]): Standing {
  return {
    holding: members.filter(({ isHolding, isMuted }) => isHolding && !isMuted).map(({ known }) => known),
    isMuted: members.some(({ isMuted }) => isMuted),
    ended: members.filter(({ isHolding }) => !isHolding).map(({ known }) => known),
  }
}

/** Somebody was told that they hold, and nothing is known of them now. Destinations that are gone cannot be told. */
function orphans(
  groups: ReadonlyMap<string, unknown>,
  { deliveries, sinceMs }: ActState,
  alerting: Alerting,
  nowMs: number,
): readonly Telling[] {
  const standing: Standing = { holding: [], isMuted: false, ended: [] }
  return [...deliveries].flatMap(([key, delivery]) => {
    if (groups.has(key) || !Object.hasOwn(alerting.sinks, delivery.sink)) return []
    const due = dueOf(standing, AT_ONCE, delivery, { nowMs, sinceMs })
    if (due === null) return []
    const group = { name: delivery.group, labels: labelsIn(delivery.group) }
    const message = (): Message => messageOf(group, due, standing, delivery, alerting, nowMs)
    return [{ key, group: delivery.group, sink: delivery.sink, route: '', due, message }]
  })
}

const AT_ONCE: AlertRoute = {
  name: '',
  match: {},
  targets: [],
  groupWaitMs: 0,
  groupIntervalMs: 0,
  repeatIntervalMs: 0,
  continue: false,
  budgetPerWeek: null,
  routes: [],
}

/** Of a group's name. */
function labelsIn(name: string): Readonly<Record<string, string>> {
  const pairs = name.split(',').map((pair) => pair.split('=') as [string, string])
  return Object.fromEntries(pairs.map(([label, value = '']) => [label, decodeURIComponent(value)]))
}

function byUrgency(one: Telling, other: Telling): number {
  if (isGraver(one.due.severity, other.due.severity)) return -1
  return isGraver(other.due.severity, one.due.severity) ? 1 : other.due.atMs - one.due.atMs
}
