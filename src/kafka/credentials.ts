/**
 * Who we are to the brokers, and by what we know them. Passwords, tokens, keys and certificates named by file are read whenever a
 * connection is opened or a session renewed, so that a rotation needs no restart and no signal.
 */
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type tls from 'node:tls'
import { FlyballError } from '../kit/errors.ts'
import { certificatePrincipal, tokenClaims } from './principal.ts'
import { fetchToken, type TokenEndpoint } from './token-endpoint.ts'

/** What Node's TLS takes, or the files that hold it (PEM). */
export interface TlsOptions extends tls.ConnectionOptions {
  readonly caFile?: string
  readonly certFile?: string
  readonly keyFile?: string
}

/** Plain data: it may be handed to another thread. A secret is given as itself, or by file. */
export interface SaslOptions {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512' | 'oauthbearer'
  /** Not for oauthbearer, where the token says who it is for. */
  readonly username?: string
  readonly password?: string
  readonly passwordFile?: string
  /** oauthbearer: a file that holds a token, kept fresh by somebody else… */
  readonly tokenFile?: string
  /** …or where tokens are to be had. */
  readonly tokenEndpoint?: TokenEndpoint
}

export interface Security {
  readonly ssl?: TlsOptions | boolean
  readonly sasl?: SaslOptions
}

/** What is shown to the broker at one login. */
export interface Shown {
  readonly username: string
  /** A password, or a token. */
  readonly secret: string
}

/** For one connection, read now. */
export function tlsOptions(ssl: TlsOptions | boolean): tls.ConnectionOptions {
  if (typeof ssl === 'boolean') return {}
  const { caFile, certFile, keyFile, ...rest } = ssl
  return {
    ...rest,
    ...(caFile === undefined ? {} : { ca: [secretText(caFile)] }),
    ...(certFile === undefined ? {} : { cert: secretText(certFile) }),
    ...(keyFile === undefined ? {} : { key: secretText(keyFile) }),
  }
}

/** A token of an endpoint is used until little of its life is left: a login comes with every connection. */
export class Credentials {
  readonly #sasl: SaslOptions
  readonly #ssl: TlsOptions | boolean | undefined
  #token: { readonly text: string; readonly renewAtMs: number } | null = null

  constructor({ sasl, ssl }: Security) {
    if (sasl === undefined) throw new Error('credentials without a mechanism')
    this.#sasl = sasl
    this.#ssl = ssl
  }

  async show(): Promise<Shown> {
    const { mechanism, username = '', password, passwordFile } = this.#sasl
    if (mechanism === 'oauthbearer') return { username: '', secret: await this.#bearer() }
    const secret = password ?? (passwordFile === undefined ? undefined : (await secretOf(passwordFile)).replace(/\r?\n$/, ''))
    if (secret === undefined || secret === '') throw noCredentials(`no password for ${username}`)
    return { username, secret }
  }

  /** The broker did not take it: another one is fetched next time. */
  forget(): void {
    this.#token = null
  }

  async #bearer(): Promise<string> {
    const { tokenFile, tokenEndpoint } = this.#sasl
    if (tokenFile !== undefined) return freshToken((await secretOf(tokenFile)).trim(), tokenFile)
    if (tokenEndpoint === undefined) throw noCredentials('oauthbearer without a token file or a token endpoint')
    if (this.#token === null || Date.now() >= this.#token.renewAtMs) {
      const secret = (await secretOf(tokenEndpoint.clientSecretFile)).trim()
      const { text, livesMs } = await fetchToken(tokenEndpoint, secret, typeof this.#ssl === 'object' ? this.#ssl.caFile : undefined)
      this.#token = { text, renewAtMs: Date.now() + livesMs * RENEW_SHARE }
    }
    return this.#token.text
  }
}

const RENEW_SHARE = 0.8

function freshToken(token: string, file: string): string {
  if (token === '') throw noCredentials(`${file} is empty`)
  const expiresAtMs = (tokenClaims(token)?.exp ?? Number.POSITIVE_INFINITY) * 1000
  if (expiresAtMs <= Date.now()) throw noCredentials(`the token in ${file} expired at ${new Date(expiresAtMs).toISOString()}`)
  return token
}

export function noCredentials(problem: string, cause?: unknown): FlyballError {
  return new FlyballError('FLY-KAFKA-012', { problem }, cause === undefined ? undefined : { cause })
}

async function secretOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw noCredentials((error as Error).message, error)
  }
}

function secretText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw noCredentials((error as Error).message, error)
  }
}

/** By which name the brokers' rules know us, as far as that can be told from here. */
export function principalOf({ sasl, ssl }: Security): string {
  try {
    if (sasl !== undefined && sasl.mechanism !== 'oauthbearer') return `User:${sasl.username ?? ''}`
    if (sasl?.tokenFile !== undefined) return `User:${tokenClaims(readFileSync(sasl.tokenFile, 'utf8').trim())?.sub ?? UNKNOWN}`
    if (sasl?.tokenEndpoint !== undefined) return `User:${sasl.tokenEndpoint.clientId}`
    const certificate = typeof ssl === 'object' ? tlsOptions(ssl).cert : undefined
    if (certificate !== undefined) return `User:${certificatePrincipal(String(certificate))}`
  } catch {
    return `User:${UNKNOWN}`
  }
  return 'User:ANONYMOUS'
}

const UNKNOWN = '(unknown)'
