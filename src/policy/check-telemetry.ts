/** What the keys about spans must agree on. */
import { isLoopback } from './check-security.ts'
import type { Findings, KeyPath } from './faults.ts'
import type { Policy } from './policy.ts'

const ENDPOINT: KeyPath = ['telemetry', 'traces', 'endpoint']

export function checkTelemetry({ telemetry }: Policy, found: Findings): void {
  if (telemetry?.traces === undefined) return
  const { protocol, hostname, username, password } = new URL(telemetry.traces.endpoint)
  if (protocol !== 'https:' && protocol !== 'http:') found.fault(ENDPOINT, 'must be https or http')
  else if (username !== '' || password !== '' || /[?#]/.test(telemetry.traces.endpoint))
    found.fault(ENDPOINT, 'must not hold a user, a password, a query or a fragment: headers are read from a file')
  else if (protocol === 'http:' && !isLoopback(hostname)) found.warn(ENDPOINT, 'is not https: spans, and headers, can be read on the way')
}
