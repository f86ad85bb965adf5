/** What the keys about logins, secrets and privacy must agree on. */
import { checkUnique, type Findings, type KeyPath } from './faults.ts'
import type { Policy } from './policy.ts'

export function checkSecurity({ kafka, privacy, metrics, inputs, security }: Policy, found: Findings): void {
  if (security !== undefined) checkSignatures(security, found)
  if (kafka.sasl !== undefined) checkSasl(kafka.sasl, kafka.ssl === undefined || kafka.ssl === false, found)
  if (typeof kafka.ssl === 'object') checkCertificates(kafka.ssl, found)
  if (privacy !== undefined) checkPrivacy(privacy, found)
  if (privacy?.units === 'hash' && inputs.predictions.rekey) {
    found.fault(
      ['inputs', 'predictions', 'rekey'],
      'writes the records anew as they are, and the units in them: not with privacy.units: hash',
    )
  }
  if (metrics?.host !== undefined && !isLoopback(metrics.host) && metrics.tokenFile === undefined) {
    found.fault(['metrics', 'host'], 'is open to other machines: give metrics.tokenFile too, whose token they must show')
  }
}

function checkSignatures({ trusted, strict }: NonNullable<Policy['security']>, found: Findings): void {
  if (strict && trusted.length === 0) found.fault(['security', 'strict'], 'would refuse every request: name the keys that are trusted')
  const ids = trusted.map(({ keyId }) => keyId)
  checkUnique(ids, ['security', 'trusted'], found)
}

/** Names and addresses that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/.test(host)
}

type Sasl = NonNullable<Policy['kafka']['sasl']>
const SASL: KeyPath = ['kafka', 'sasl']

function checkSasl(sasl: Sasl, inTheClear: boolean, found: Findings): void {
  if (sasl.mechanism === 'oauthbearer') checkBearer(sasl, found)
  else checkPassword(sasl, found)
  if (inTheClear && (sasl.mechanism === 'plain' || sasl.mechanism === 'oauthbearer')) {
    found.warn([...SASL, 'mechanism'], `${sasl.mechanism} without kafka.ssl sends the secret itself over the network`)
  }
}

function checkBearer({ username, passwordFile, tokenFile, tokenEndpoint }: Sasl, found: Findings): void {
  if (username !== undefined) found.fault([...SASL, 'username'], 'is not for oauthbearer: the token says who it is for')
  if (passwordFile !== undefined) found.fault([...SASL, 'passwordFile'], 'is not for oauthbearer: it takes tokenFile or tokenEndpoint')
  if (tokenFile === undefined && tokenEndpoint === undefined) found.fault(SASL, 'oauthbearer needs tokenFile or tokenEndpoint')
  if (tokenFile !== undefined && tokenEndpoint !== undefined) found.fault([...SASL, 'tokenEndpoint'], 'there is a tokenFile already')
  if (tokenEndpoint === undefined) return
  const { protocol, hostname } = new URL(tokenEndpoint.url)
  const isSafe = protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))
  if (!isSafe) found.fault([...SASL, 'tokenEndpoint', 'url'], 'must be https, or http on this machine: a secret is sent to it')
}

function checkPassword({ mechanism, username, tokenFile, tokenEndpoint }: Sasl, found: Findings): void {
  if (username === undefined) found.fault(SASL, `${mechanism} needs username`)
  if (tokenFile !== undefined) found.fault([...SASL, 'tokenFile'], `is for oauthbearer; this is ${mechanism}`)
  if (tokenEndpoint !== undefined) found.fault([...SASL, 'tokenEndpoint'], `is for oauthbearer; this is ${mechanism}`)
}

function checkCertificates(ssl: { readonly certFile?: string | undefined; readonly keyFile?: string | undefined }, found: Findings): void {
  if (ssl.certFile !== undefined && ssl.keyFile === undefined) found.fault(['kafka', 'ssl', 'certFile'], 'needs keyFile, its private key')
  if (ssl.keyFile !== undefined && ssl.certFile === undefined) found.fault(['kafka', 'ssl', 'keyFile'], 'needs certFile, its certificate')
}

function checkPrivacy({ units, deadLetters, keyFile }: NonNullable<Policy['privacy']>, found: Findings): void {
  const needsKey = units === 'hash' || deadLetters === 'hash'
  if (needsKey && keyFile === undefined) found.fault(['privacy'], 'hashes need keyFile: without a key anybody can hash and compare')
  if (!needsKey && keyFile !== undefined) found.warn(['privacy', 'keyFile'], 'is not used: nothing is hashed')
  if (units === 'hash' && deadLetters === 'full') {
    found.fault(['privacy', 'deadLetters'], 'full keeps the bytes of records, and the units in them: say hash or none, or leave it out')
  }
}
