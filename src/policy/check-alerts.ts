/** What the keys about alerts must agree on. */
import { type InheritedRoute, inheritedRoutes, ROUTE_DEPTH_MAX } from './alert-routes.ts'
import { ROUTES_MAX } from './alerts-schema.ts'
import { isLoopback } from './check-security.ts'
import { checkUnique, type Findings, type KeyPath } from './faults.ts'
import { allRoutes } from './layout.ts'
import type { Policy } from './policy.ts'

const ALERTMANAGER_FORGETS_MS = 24 * 3_600_000
const SEVERITIES: readonly string[] = ['critical', 'warning', 'info']

type Alerts = NonNullable<Policy['alerts']>

export function checkAlerts({ alerts }: Policy, found: Findings): void {
  if (alerts === undefined) return
  for (const [name, sink] of Object.entries(alerts.sinks)) checkSink(sink, ['alerts', 'sinks', name], found)
  const tree = inheritedRoutes(alerts.routes)
  const routes = allRoutes(tree)
  checkReached(tree, found)
  checkUnique(
    routes.map(({ written }) => written.name),
    ['alerts', 'routes'],
    found,
  )
  if (routes.length > ROUTES_MAX)
    found.fault(['alerts', 'routes'], `holds ${routes.length} routes with those below them, at most ${ROUTES_MAX}`)
  for (const route of routes) checkRoute(route, alerts.sinks, found)
  const used = new Set(routes.flatMap(({ sinks }) => sinks))
  for (const [name, { kind }] of Object.entries(alerts.sinks)) {
    if (kind !== 'heartbeat' && !used.has(name)) found.warn(['alerts', 'sinks', name], 'no route sends anything to it')
  }
}

function checkSink(sink: Alerts['sinks'][string], path: KeyPath, found: Findings): void {
  if (sink.kind === 'slack') checkSlack(sink, path, found)
  if (!('url' in sink) || sink.url === undefined) return
  const { protocol, hostname, username, password } = new URL(sink.url)
  if (protocol !== 'https:' && protocol !== 'http:') found.fault([...path, 'url'], 'must be https or http')
  else if (username !== '' || password !== '')
    found.fault([...path, 'url'], 'must not hold a user or a password: secrets are read from files')
  else if (protocol === 'http:' && !isLoopback(hostname) && sink.kind !== 'heartbeat') {
    found.warn([...path, 'url'], 'is not https: what is sent can be read, and forged, on the way')
  }
}

function checkSlack(sink: Extract<Alerts['sinks'][string], { kind: 'slack' }>, path: KeyPath, found: Findings): void {
  const isBot = sink.tokenFile !== undefined || sink.channel !== undefined
  if (isBot === (sink.webhookFile !== undefined)) found.fault(path, 'needs webhookFile, or tokenFile and channel')
  else if (isBot && (sink.tokenFile === undefined || sink.channel === undefined)) found.fault(path, 'needs tokenFile and channel, both')
}

function checkRoute(route: InheritedRoute, sinks: Alerts['sinks'], found: Findings): void {
  const { written, path } = route
  if (route.sinks.length === 0) return found.fault([...path, 'sinks'], 'is missing: there is no route above it whose sinks it could have')
  if (route.depth > ROUTE_DEPTH_MAX) return found.fault(path, `lies below ${ROUTE_DEPTH_MAX} others: no tree may be so deep`)
  if (written.sinks !== undefined) checkSinks(written.sinks, sinks, [...path, 'sinks'], found)
  checkSeverity(written.match.severity, [...path, 'match', 'severity'], found)
  checkTimes(route, sinks, found)
  checkReached(route.routes, found)
}

/** Of routes beside each other. */
function checkReached(routes: readonly InheritedRoute[], found: Findings): void {
  const all = routes.findIndex(({ written: { match, continue: goesOn } }) => !goesOn && Object.keys(match).length === 0)
  if (all < 0) return
  for (const { path } of routes.slice(all + 1))
    found.warn(path, `is never reached: ${routes[all]!.written.name} before it takes everything`)
}

function checkSinks(names: readonly string[], sinks: Alerts['sinks'], path: KeyPath, found: Findings): void {
  checkUnique(names, path, found)
  for (const name of names) {
    if (!Object.hasOwn(sinks, name)) found.fault(path, `names ${name}, which alerts.sinks does not have`)
    else if (sinks[name]!.kind === 'heartbeat') found.fault(path, `${name} is a heartbeat: it is asked for by itself, not by routes`)
  }
}

/** Said where it is written, or where what comes from above does not go with it. */
function checkTimes(route: InheritedRoute, sinks: Alerts['sinks'], found: Findings): void {
  const { path, groupWait, groupInterval, repeatInterval } = route
  const keptByAlertmanager = route.sinks.some((name) => Object.hasOwn(sinks, name) && sinks[name]!.kind === 'alertmanager')
  if (keptByAlertmanager && repeatInterval >= ALERTMANAGER_FORGETS_MS)
    found.warn([...path, 'repeatInterval'], 'is a day or more: Alertmanager takes an alert that is not repeated within a day to be over')
  if (groupInterval < groupWait) found.warn([...path, 'groupInterval'], 'is shorter than groupWait')
  if (repeatInterval < groupInterval) found.fault([...path, 'repeatInterval'], 'must not be shorter than groupInterval')
}

/** A severity that there is not would match nothing, and nobody would be told. */
function checkSeverity(patterns: string | readonly string[] | undefined, path: KeyPath, found: Findings): void {
  for (const pattern of [patterns ?? []].flat()) {
    if (!pattern.includes('*') && !SEVERITIES.includes(pattern)) found.fault(path, `must be ${SEVERITIES.join(' | ')}, not ${pattern}`)
  }
}
