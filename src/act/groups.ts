/** Who is told of what, in one message with what else: routes choose destinations, and what has the labels of a group in common is one. */
import { type AlertLabel, type AlertRoute, allRoutes } from '../policy/layout.ts'
import { fits, type Labels } from './match.ts'

export interface Group<Member> {
  /** Its labels as text: the same as long as they are. With the sink it is the key on `deliveries`. */
  readonly name: string
  readonly sink: string
  readonly labels: Readonly<Partial<Record<AlertLabel, string>>>
  /** Of those that send its members here, the first in the policy. */
  readonly route: AlertRoute
  readonly members: Member[]
}

/** By `<name>|<sink>`. */
export function groupsOf<Member extends { readonly labels: Labels }>(
  members: Iterable<Member>,
  routes: readonly AlertRoute[],
): ReadonlyMap<string, Group<Member>> {
  const groups = new Map<string, Open<Member>>()
  const order = new Map(allRoutes(routes).map((route, index) => [route, index]))
  for (const member of members) {
    for (const route of routesFor(member.labels, routes)) {
      for (const { sink, groupBy } of route.targets) addTo(groups, sink, groupBy, route, member, order)
    }
  }
  return groups
}

/**
 * As Alertmanager walks its tree: of the routes beside each other the first that matches takes the incident, and those after it too where
 * it says `continue`; what no route below a route takes, that route takes.
 */
export function routesFor(labels: Labels, routes: readonly AlertRoute[]): readonly AlertRoute[] {
  const taken: AlertRoute[] = []
  for (const route of routes) {
    if (!fits(route.match, labels)) continue
    const below = routesFor(labels, route.routes)
    taken.push(...(below.length > 0 ? below : [route]))
    if (!route.continue) break
  }
  return taken
}

type Open<Member> = Group<Member> & { route: AlertRoute }

function addTo<Member extends { readonly labels: Labels }>(
  groups: Map<string, Open<Member>>,
  sink: string,
  groupBy: readonly AlertLabel[],
  route: AlertRoute,
  member: Member,
  order: ReadonlyMap<AlertRoute, number>,
): void {
  const name = groupName(groupBy, member.labels)
  const key = `${name}|${sink}`
  const group = groups.get(key)
  if (group === undefined) {
    const labels = Object.fromEntries(groupBy.map((label) => [label, member.labels[label]]))
    groups.set(key, { name, sink, labels, route, members: [member] })
    return
  }
  if (order.get(route)! < order.get(group.route)!) group.route = route
  // Members come one after another: who is in it twice would be its last.
  if (group.members.at(-1) !== member) group.members.push(member)
}

/** Values are escaped: neither a comma nor a bar in a name may make two groups one. */
export function groupName(groupBy: readonly AlertLabel[], labels: Labels): string {
  return groupBy.map((label) => `${label}=${encodeURIComponent(labels[label])}`).join(',')
}
