/** Signatures on the records of a daemon and of the command line: the policy's keys, loaded once, and a header on what is sent. */
import { createPublicKey } from 'node:crypto'
import type { LogRecord, OperatorRequest, OutgoingRecord } from '../domain.ts'
import { FlyballError } from '../kit/errors.ts'
import { SIGNATURE_HEADER, type Signer, signatureOf, signerOf, type TrustedKey, trustedKeyOf, verified } from '../kit/signing.ts'
import type { Layout } from '../policy/layout.ts'

export interface Signatures {
  /** Null: what is sent is not signed. */
  readonly signer: Signer | null
  readonly trusted: readonly TrustedKey[]
  /** Requests without a good signature are refused. */
  readonly strict: boolean
}

/** Reads every key file: a daemon with a key that cannot be used does not start. */
export function signaturesOf({ security }: Layout): Signatures {
  if (security === undefined) return { signer: null, trusted: [], strict: false }
  const { signing, trusted, strict } = security
  return {
    signer: signing === null ? null : signerOf(signing.keyFile, signing.keyId),
    trusted: trusted.map(({ keyId, file, notAfterMs }) => trustedKeyOf(file, keyId, notAfterMs)),
    strict,
  }
}

export function withSignature(signer: Signer | null, topic: string, environment: string, record: OutgoingRecord): OutgoingRecord {
  if (signer === null || record.value === null) return record
  const text = (content: Buffer | string | null): string => (content === null ? '' : content.toString())
  const signature = signatureOf(signer, { topic, key: text(record.key), environment, value: record.value })
  return { ...record, headers: { ...record.headers, [SIGNATURE_HEADER]: signature } }
}

/**
 * Whose commands on the control topic are to be believed: this process's own, and those of whoever the policy trusts. Null: nobody is
 * asked for a signature, for the daemon's own commands have none and the policy is not strict.
 */
export function commandKeys({ signer, trusted, strict }: Signatures): readonly TrustedKey[] | null {
  if (signer === null) return strict ? trusted : null
  return [{ keyId: signer.keyId, key: createPublicKey(signer.key), notAfterMs: null }, ...trusted]
}

/**
 * The same for who only watches, and need not hold the key to sign with: where it cannot read that one, the same key among the trusted
 * will do. Null too where keys cannot be read: then nobody can be told apart.
 */
export function watchingKeys(layout: Layout, problem: (problem: FlyballError) => void): readonly TrustedKey[] | null {
  const { security } = layout
  const keyId = security?.signing?.keyId
  const isTrusted = security?.trusted.some((each) => each.keyId === keyId) === true
  try {
    return isTrusted ? signaturesOf({ ...layout, security: { ...security!, signing: null } }).trusted : commandKeys(signaturesOf(layout))
  } catch (error) {
    if (!(error instanceof FlyballError)) throw error
    problem(error)
    return null
  }
}

export interface Asking {
  readonly request: OperatorRequest
  /** Why it must be refused unread; empty: it need not be. */
  readonly untrusted: string
}

/** Whoever signs is known by the key: a name that the request claims beside it proves nothing. */
export function askingOf(
  request: OperatorRequest,
  record: LogRecord,
  place: { readonly topic: string; readonly environment: string; readonly wallMs: number },
  { trusted, strict }: Signatures,
): Asking {
  if (trusted.length === 0 || record.value === null) return { request, untrusted: '' }
  const header = record.headers.find(([name]) => name === SIGNATURE_HEADER)?.[1].toString()
  const { topic, environment, wallMs } = place
  const found = verified(trusted, header, { topic, key: record.key?.toString() ?? '', environment, value: record.value }, wallMs)
  if ('keyId' in found) return { request: { ...request, who: `key ${found.keyId}`, knownBy: 'unstated' }, untrusted: '' }
  return { request, untrusted: strict ? found.why : '' }
}
