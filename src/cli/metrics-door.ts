/** Where `/metrics` and the probes listen, and what opens them: flags before the policy; nothing is open to other machines without a token. */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { FlyballError } from '../kit/errors.ts'
import { isLoopback } from '../policy/check-security.ts'
import { exposedFile, readable } from '../policy/connection.ts'
import type { Policy } from '../policy/policy.ts'
import type { TelemetryDoor } from '../telemetry/http.ts'
import { tell } from './output.ts'

export interface MetricsOptions {
  readonly policy: string
  readonly metricsPort: number
  readonly metricsHost?: string
  readonly metricsTokenFile?: string
}

const TOKEN_LENGTH_MIN = 16

export function metricsDoor({ metrics }: Policy, options: MetricsOptions): TelemetryDoor {
  const { metricsPort: port } = options
  const host = options.metricsHost ?? metrics?.host ?? '127.0.0.1'
  const file = tokenFile(metrics?.tokenFile, options)
  if (file === null && !isLoopback(host)) throw new FlyballError('FLY-CLI-013', { host })
  if (file === null) return { port, host }
  // Read at every request: half a token, while the file is written anew, opens nothing either.
  const token = (): string => {
    const text = readFileSync(file, 'utf8').trim()
    if (text.length >= TOKEN_LENGTH_MIN) return text
    throw new FlyballError('FLY-POLICY-002', { file, problem: `a token has at least ${TOKEN_LENGTH_MIN} characters` })
  }
  token()
  for (const exposed of exposedFile(file)) tell(`warning ${exposed}`)
  return { port, host, token }
}

/** A flag's path is relative to where the command runs, the policy's to the policy. */
function tokenFile(ofPolicy: string | undefined, { policy, metricsTokenFile }: MetricsOptions): string | null {
  if (metricsTokenFile !== undefined) return readable('.', metricsTokenFile)
  return ofPolicy === undefined ? null : readable(dirname(resolve(policy)), ofPolicy)
}
