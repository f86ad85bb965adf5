/**
 * The `kafka:` part of the policy → what a connection needs. Flags > environment > file; secrets come from files or the environment only.
 *
 * Files are named here and read by whoever opens a connection, so that what is in them may change; that they are there, and what a
 * careful operator would not want about them, is said at the start.
 */
import { accessSync, constants, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { FlyballError } from '../kit/errors.ts'
import type { Policy } from './policy.ts'

export interface Connection {
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly ssl?: boolean | TlsFiles
  readonly sasl?: Sasl
}

/** Absolute paths. */
export interface TlsFiles {
  readonly caFile?: string
  readonly certFile?: string
  readonly keyFile?: string
  readonly servername?: string
}

export interface Sasl {
  readonly mechanism: PolicySasl['mechanism']
  readonly username?: string
  /** Of the environment. */
  readonly password?: string
  readonly passwordFile?: string
  readonly tokenFile?: string
  readonly tokenEndpoint?: { readonly url: string; readonly clientId: string; readonly clientSecretFile: string; readonly scope?: string }
}

export interface ConnectionOverrides {
  /** Comma-separated, as given to --brokers. */
  readonly brokers?: string | undefined
  readonly environment: Readonly<Record<string, string | undefined>>
}

type PolicySasl = NonNullable<Policy['kafka']['sasl']>
type Environment = ConnectionOverrides['environment']

/** `policyFile`: paths of certificates and secrets are relative to its folder. */
export function connectionOf(policy: Policy, policyFile: string, overrides: ConnectionOverrides): Connection {
  const { kafka } = policy
  const folder = dirname(resolve(policyFile))
  return {
    brokers: brokersOf(policy, overrides),
    clientId: kafka.clientId,
    ...(kafka.ssl === undefined ? {} : { ssl: sslOf(kafka.ssl, folder) }),
    ...(kafka.sasl === undefined ? {} : { sasl: saslOf(kafka.sasl, folder, overrides.environment) }),
  }
}

/** Where to begin to look for the cluster. */
export function brokersOf({ kafka }: Policy, overrides: ConnectionOverrides): readonly string[] {
  const listed = overrides.brokers ?? overrides.environment['KAFKA_BROKERS']
  const brokers = listed === undefined || listed.trim() === '' ? kafka.brokers : listed.split(',').map((broker) => broker.trim())
  const odd = brokers.find((broker) => !/^[^\s/,;'"`$&|<>()\\]+:\d{1,5}$/.test(broker))
  if (odd !== undefined) throw new FlyballError('FLY-POLICY-004', { broker: odd })
  return brokers
}

/** Files with secrets that every user of this machine may read, in words for people. */
export function exposedSecrets({ ssl, sasl }: Connection): readonly string[] {
  const files = [
    typeof ssl === 'object' ? ssl.keyFile : undefined,
    sasl?.passwordFile,
    sasl?.tokenFile,
    sasl?.tokenEndpoint?.clientSecretFile,
  ]
  return files.filter((file) => file !== undefined).flatMap(exposedFile)
}

const READ_BY_OTHERS = 0o004

export function exposedFile(file: string): readonly string[] {
  // Windows keeps no such bits.
  if (process.platform === 'win32') return []
  const { mode } = statSync(file)
  return (mode & READ_BY_OTHERS) === 0 ? [] : [`${file} holds a secret and may be read by every user of this machine: chmod 600 it`]
}

function sslOf(ssl: NonNullable<Policy['kafka']['ssl']>, folder: string): NonNullable<Connection['ssl']> {
  if (typeof ssl === 'boolean') return ssl
  const { caFile, certFile, keyFile, serverName } = ssl
  return {
    ...(caFile === undefined ? {} : { caFile: readable(folder, caFile) }),
    ...(certFile === undefined ? {} : { certFile: readable(folder, certFile) }),
    ...(keyFile === undefined ? {} : { keyFile: readable(folder, keyFile) }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  }
}

function saslOf(sasl: PolicySasl, folder: string, environment: Environment): Sasl {
  const { mechanism, tokenFile, tokenEndpoint } = sasl
  if (mechanism !== 'oauthbearer') return passwordOf(sasl, folder, environment)
  if (tokenFile !== undefined) return { mechanism, tokenFile: readable(folder, tokenFile) }
  if (tokenEndpoint === undefined) return { mechanism }
  const { url, clientId, clientSecretFile, scope } = tokenEndpoint
  const endpoint = { url, clientId, clientSecretFile: readable(folder, clientSecretFile) }
  return { mechanism, tokenEndpoint: scope === undefined ? endpoint : { ...endpoint, scope } }
}

function passwordOf({ mechanism, username = '', passwordFile }: PolicySasl, folder: string, environment: Environment): Sasl {
  const password = environment['FLYBALL_SASL_PASSWORD']
  if (password !== undefined) return { mechanism, username, password }
  if (passwordFile === undefined) throw new FlyballError('FLY-POLICY-003', { username })
  return { mechanism, username, passwordFile: readable(folder, passwordFile) }
}

/** The absolute path of a file that can be read now. */
export function readable(folder: string, name: string): string {
  const file = resolve(folder, name)
  try {
    accessSync(file, constants.R_OK)
  } catch (error) {
    throw new FlyballError('FLY-POLICY-002', { file, problem: (error as Error).message }, { cause: error })
  }
  // A mount that failed leaves a folder where the secret should be. A pipe is fine.
  if (statSync(file).isDirectory()) throw new FlyballError('FLY-POLICY-002', { file, problem: 'it is a folder' })
  return file
}
