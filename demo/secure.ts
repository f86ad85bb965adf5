/**
 * `--secure`: a broker that lets nobody in without TLS and a password (SCRAM-SHA-512), and a principal of its own for every part of the demo,
 * each with the least rules that `flyball topics --acls` prints for its role. Certificates and passwords are made anew and thrown away.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { opensslAvailable } from '../scripts/lib/certificates.ts'
import { brokerAvailable } from '../scripts/lib/kafka-broker.ts'
import { type SecuredBroker, startSecuredBroker } from '../scripts/lib/secured-broker.ts'
import type { KafkaOptions } from '../src/kafka/connect.ts'
import { grant } from '../src/kafka/grants.ts'
import { type Rule, rulesOf } from '../src/kit/rights.ts'
import { DemoError } from './flights.ts'
import type { DemoTopics } from './policy.ts'

export type Part = 'setup' | 'daemon' | 'gateway' | 'model-server' | 'audience'
const PARTS: readonly Part[] = ['setup', 'daemon', 'gateway', 'model-server', 'audience']

/** How each part of the demo logs in. */
export interface Logins {
  connection(part: Part): Pick<KafkaOptions, 'ssl' | 'sasl'>
  /** For programs that take flags. */
  flags(part: Part): readonly string[]
  /** More keys for `kafka:` in the daemon's policy. */
  readonly policyKeys: string
}

export const NO_LOGINS: Logins = { connection: () => ({}), flags: () => [], policyKeys: '' }

const MECHANISM = 'scram-sha-512'

export async function secureBroker(folder: string): Promise<{ readonly broker: SecuredBroker; readonly logins: Logins }> {
  const { available, reason } = brokerAvailable(true)
  if (!available) throw new DemoError(`--secure needs a broker of its own, which cannot be had: ${reason}`)
  if (!opensslAvailable()) throw new DemoError('--secure makes certificates with openssl, which is not on the path')
  const users = Object.fromEntries(PARTS.map((part) => [part, randomBytes(18).toString('hex')]))
  const secrets = join(folder, 'secrets')
  mkdirSync(secrets, { mode: 0o700 })
  for (const [part, password] of Object.entries(users)) writeFileSync(join(secrets, part), password, { mode: 0o600 })
  const broker = await startSecuredBroker({ users })
  return { broker, logins: loginsOf(broker.caFile, (part) => join(secrets, part)) }
}

function loginsOf(caFile: string, passwordFile: (part: Part) => string): Logins {
  return {
    connection: (part) => ({ ssl: { caFile }, sasl: { mechanism: MECHANISM, username: part, passwordFile: passwordFile(part) } }),
    flags: (part) => [
      ...['--ca-file', caFile, '--sasl-mechanism', MECHANISM],
      ...['--sasl-username', part, '--sasl-password-file', passwordFile(part)],
    ],
    policyKeys: `, ssl: {caFile: ${caFile}}, sasl: {mechanism: ${MECHANISM}, username: daemon, passwordFile: ${passwordFile('daemon')}}`,
  }
}

/** Who may do what: what is printed for the role, and nothing else. Returns how many rules that are. */
export async function grantRules({ bootstrap, caFile, admin }: SecuredBroker, topics: DemoTopics): Promise<number> {
  const { prefix, predictions, outcomes } = topics
  const subject = { prefix, inputs: [predictions, outcomes] }
  const rules: Readonly<Record<Part, readonly Rule[]>> = {
    setup: rulesOf('setup', subject),
    daemon: rulesOf('daemon', subject),
    gateway: rulesOf('gateway', subject),
    'model-server': rulesOf('producer', { prefix, inputs: [predictions] }),
    audience: [...rulesOf('auditor', subject), ...rulesOf('producer', { prefix, inputs: [outcomes] })],
  }
  const grants = PARTS.map((part) => ({ principal: `User:${part}`, rules: rules[part] }))
  await grant({ brokers: bootstrap, clientId: 'demo-admin', ssl: { caFile }, sasl: { mechanism: MECHANISM, ...admin } }, grants)
  return grants.reduce((sum, one) => sum + one.rules.length, 0)
}
