/** What the keys about alerts must agree on. */
import { isLoopback } from './check-security.ts'
import { checkUnique, type Findings, type KeyPath } from './faults.ts'
import type { Policy } from './policy.ts'

const ALERTMANAGER_FORGETS_MS = 24 * 3_600_000
const SEVERITIES: readonly string[] = ['critical', 'warning', 'info']

type Alerts = NonNullable<Policy['alerts']>

export function checkAlerts({ alerts }: Policy, found: Findings): void {
  if (alerts === undefined) return
  for (const [name, sink] of Object.entries(alerts.sinks)) checkSink(sink, ['alerts', 'sinks', name], found)
  checkUnique(
    alerts.routes.map(({ name }) => name),
    ['alerts', 'routes'],
    found,
  )
  for (const [index, route] of alerts.routes.entries()) checkRoute(route, alerts.sinks, ['alerts', 'routes', index], found)
  const used = new Set(alerts.routes.flatMap(({ sinks }) => sinks))
  for (const [name, { kind }] of Object.entries(alerts.sinks)) {
    if (kind !== 'heartbeat' && !used.has(name)) found.warn(['alerts', 'sinks', name], 'no route sends anything to it')
  }
}

function checkSink(sink: Alerts['sinks'][string], path: KeyPath, found: Findings): void {
  if (sink.kind === 'slack') checkSlack(sink, path, found)
  if (!('url' in sink) || sink.url === undefined) return
  const { protocol, hostname, username } = new URL(sink.url)
  if (protocol !== 'https:' && protocol !== 'http:') found.fault([...path, 'url'], 'must be https or http')
  else if (username !== '') found.fault([...path, 'url'], 'must not hold a user or a password: secrets are read from files')
  else if (protocol === 'http:' && !isLoopback(hostname) && sink.kind !== 'heartbeat') {
    found.warn([...path, 'url'], 'is not https: what is sent can be read, and forged, on the way')
  }
}

function checkSlack(sink: Extract<Alerts['sinks'][string], { kind: 'slack' }>, path: KeyPath, found: Findings): void {
  const isBot = sink.tokenFile !== undefined || sink.channel !== undefined
  if (isBot === (sink.webhookFile !== undefined)) found.fault(path, 'needs webhookFile, or tokenFile and channel')
  else if (isBot && (sink.tokenFile === undefined || sink.channel === undefined)) found.fault(path, 'needs tokenFile and channel, both')
}

function checkRoute(route: Alerts['routes'][number], sinks: Alerts['sinks'], path: KeyPath, found: Findings): void {
  checkUnique(route.sinks, [...path, 'sinks'], found)
  for (const name of route.sinks) {
    if (!Object.hasOwn(sinks, name)) found.fault([...path, 'sinks'], `names ${name}, which alerts.sinks does not have`)
    else if (sinks[name]!.kind === 'heartbeat')
      found.fault([...path, 'sinks'], `${name} is a heartbeat: it is asked for by itself, not by routes`)
  }
  checkSeverity(route.match.severity, [...path, 'match', 'severity'], found)
  const keptByAlertmanager = route.sinks.some((name) => sinks[name]?.kind === 'alertmanager')
  if (keptByAlertmanager && route.repeatInterval >= ALERTMANAGER_FORGETS_MS)
    found.warn([...path, 'repeatInterval'], 'is a day or more: Alertmanager takes an alert that is not repeated within a day to be over')
  if (route.groupInterval < route.groupWait) found.warn([...path, 'groupInterval'], 'is shorter than groupWait')
  if (route.repeatInterval < route.groupInterval) found.fault([...path, 'repeatInterval'], 'must not be shorter than groupInterval')
}

/** A severity that there is not would match nothing, and nobody would be told. */
function checkSeverity(patterns: string | readonly string[] | undefined, path: KeyPath, found: Findings): void {
  for (const pattern of [patterns ?? []].flat()) {
    if (!pattern.includes('*') && !SEVERITIES.includes(pattern)) found.fault(path, `must be ${SEVERITIES.join(' | ')}, not ${pattern}`)
  }
}
