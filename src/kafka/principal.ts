/** Names in what we show the brokers: the subject of a certificate as Kafka writes it, and the claims of a token. */
import { X509Certificate } from 'node:crypto'

/** Kafka's own order and signs: last part first, `CN=daemon,O=example`. */
export function certificatePrincipal(pem: string): string {
  const { subject } = new X509Certificate(pem)
  return subject
    .split('\n')
    .filter((part) => part !== '')
    .reverse()
    .join(',')
}

export interface TokenClaims {
  readonly sub?: string
  /** Seconds since 1970. */
  readonly exp?: number
}

/** Not verified: that is the broker's part. Null when it is no JSON web token. */
export function tokenClaims(token: string): TokenClaims | null {
  const [, payload] = token.split('.')
  if (payload === undefined) return null
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
    if (claims === null || typeof claims !== 'object') return null
    const { sub, exp } = claims as Record<string, unknown>
    return { ...(typeof sub === 'string' ? { sub } : {}), ...(typeof exp === 'number' && Number.isFinite(exp) ? { exp } : {}) }
  } catch {
    return null
  }
}
