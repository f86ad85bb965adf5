/** The `kafka:` part of the policy → what a connection needs. Flags > environment > file; secrets come from files or the environment only. */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { FlyballError } from '../kit/errors.ts'
import type { Policy } from './policy.ts'

export interface Connection {
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly ssl?: boolean | { readonly ca?: string[]; readonly cert?: string; readonly key?: string }
  readonly sasl?: { readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; readonly username: string; readonly password: string }
}

export interface ConnectionOverrides {
  /** Comma-separated, as given to --brokers. */
  readonly brokers?: string | undefined
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** `policyFile`: paths of certificates and passwords are relative to its folder. */
export function connectionOf(policy: Policy, policyFile: string, overrides: ConnectionOverrides): Connection {
  const { kafka } = policy
  const folder = dirname(resolve(policyFile))
  const listed = overrides.brokers ?? overrides.environment['KAFKA_BROKERS']
  const brokers = listed === undefined || listed.trim() === '' ? kafka.brokers : listed.split(',').map((broker) => broker.trim())
  const odd = brokers.find((broker) => !/:\d{1,5}$/.test(broker))
  if (odd !== undefined) throw new FlyballError('FLY-POLICY-004', { broker: odd })
  return {
    brokers,
    clientId: kafka.clientId,
    ...(kafka.ssl === undefined ? {} : { ssl: sslOf(kafka.ssl, folder) }),
    ...(kafka.sasl === undefined ? {} : { sasl: saslOf(kafka.sasl, folder, overrides.environment) }),
  }
}

function sslOf(ssl: NonNullable<Policy['kafka']['ssl']>, folder: string): NonNullable<Connection['ssl']> {
  if (typeof ssl === 'boolean') return ssl
  return {
    ...(ssl.caFile === undefined ? {} : { ca: [readText(resolve(folder, ssl.caFile))] }),
    ...(ssl.certFile === undefined ? {} : { cert: readText(resolve(folder, ssl.certFile)) }),
    ...(ssl.keyFile === undefined ? {} : { key: readText(resolve(folder, ssl.keyFile)) }),
  }
}

function saslOf(sasl: NonNullable<Policy['kafka']['sasl']>, folder: string, environment: ConnectionOverrides['environment']) {
  const { mechanism, username, passwordFile } = sasl
  const password =
    environment['FLYBALL_SASL_PASSWORD'] ?? (passwordFile === undefined ? undefined : readText(resolve(folder, passwordFile)).trim())
  if (password === undefined) {
    throw new FlyballError('FLY-POLICY-003', { username })
  }
  return { mechanism, username, password }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new FlyballError('FLY-POLICY-002', { file, problem: (error as Error).message }, { cause: error })
  }
}
