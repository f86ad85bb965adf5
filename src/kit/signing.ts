/**
 * Ed25519 signatures on records: one header beside the value, over everything that decides what the record does: topic, key, environment
 * and value. Signed is DSSE's pre-authentication encoding, in which every part says its length, so that no two records sign alike.
 */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { FlyballError } from './errors.ts'

export const SIGNATURE_HEADER = 'flyball-signature'
const PAYLOAD_TYPE = 'application/vnd.flyball.record.v1'
const KEY_ID = /^[A-Za-z0-9._-]{1,64}$/

export interface Signer {
  readonly keyId: string
  readonly key: KeyObject
}

export interface TrustedKey {
  readonly keyId: string
  readonly key: KeyObject
  /** Wall clock after which it is believed no more; null: for good. */
  readonly notAfterMs: number | null
}

/** What a signature is about. */
export interface Signed {
  readonly topic: string
  readonly key: string
  readonly environment: string
  readonly value: Uint8Array
}

export type Verified = { readonly keyId: string } | { readonly why: string }

export function isKeyId(text: string): boolean {
  return KEY_ID.test(text)
}

export function signerOf(file: string, keyId: string): Signer {
  return { keyId, key: ed25519(file, 'private', createPrivateKey) }
}

export function trustedKeyOf(file: string, keyId: string, notAfterMs: number | null): TrustedKey {
  return { keyId, key: ed25519(file, 'public', createPublicKey), notAfterMs }
}

/** Text of the header. */
export function signatureOf({ keyId, key }: Signer, signed: Signed): string {
  return `keyid=${keyId};sig=${sign(null, encoded(signed), key).toString('base64')}`
}

/** By which trusted key the record is signed, or why it is not to be believed. */
export function verified(trusted: readonly TrustedKey[], header: string | undefined, signed: Signed, wallMs: number): Verified {
  if (header === undefined) return { why: 'it is not signed' }
  const [, keyId = '', signature = ''] = /^keyid=([^;]+);sig=([A-Za-z0-9+/]{86}==)$/.exec(header) ?? []
  if (signature === '') return { why: 'its signature cannot be read' }
  // The name is a stranger's text: it is shown only when it is one of ours.
  const known = trusted.find((each) => each.keyId === keyId)
  if (known === undefined) return { why: 'it is signed by a key that is not trusted' }
  if (known.notAfterMs !== null && wallMs > known.notAfterMs) return { why: `the time of key ${keyId} is over` }
  if (!verify(null, encoded(signed), known.key, Buffer.from(signature, 'base64')))
    return { why: `its signature is not that of key ${keyId} over this record` }
  return { keyId }
}

/** The key id that a signature names, if it is one: what it claims, verified by nobody. */
export function claimedKey(header: string): string {
  const [, keyId = ''] = /^keyid=([^;]+);/.exec(header) ?? []
  return isKeyId(keyId) ? keyId : ''
}

function encoded({ topic, key, environment, value }: Signed): Buffer {
  return spaced(['DSSEv1', ...told(PAYLOAD_TYPE), ...told(spaced([topic, key, environment, value].flatMap(told)))])
}

/** A part, after its length in bytes. */
function told(part: string | Uint8Array): readonly (string | Uint8Array)[] {
  return [String(typeof part === 'string' ? Buffer.byteLength(part) : part.length), part]
}

function spaced(parts: readonly (string | Uint8Array)[]): Buffer {
  return Buffer.concat(parts.flatMap((part, index) => [Buffer.from(index === 0 ? '' : ' '), Buffer.from(part)]))
}

function ed25519(file: string, kind: 'private' | 'public', read: (pem: Buffer) => KeyObject): KeyObject {
  let problem: string
  try {
    const key = read(readFileSync(file))
    if (key.asymmetricKeyType === 'ed25519' && key.type === kind) return key
    problem = `it holds another kind of key (${key.asymmetricKeyType ?? key.type})`
  } catch (error) {
    problem = (error as Error).message
  }
  throw new FlyballError('FLY-POLICY-008', { file, kind, problem })
}

interface SignedRecord {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [string, Buffer])[]
}

/** Throws with the reason where no trusted key vouches for this command. */
export function mustBeSigned(
  { key, value, headers }: SignedRecord,
  { id, environment }: { readonly id: string; readonly environment: string },
  topic: string,
  trusted: readonly TrustedKey[],
  wallMs: number,
): void {
  const header = headers.find(([name]) => name === SIGNATURE_HEADER)?.[1].toString()
  const found = verified(trusted, header, { topic, key: key?.toString() ?? '', environment, value: value ?? Buffer.alloc(0) }, wallMs)
  if ('why' in found) throw new Error(`command ${id} is dropped: ${found.why}`)
}
