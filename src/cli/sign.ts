/** `flyball sign keys NAME`: a pair of Ed25519 keys for signatures, and with what key a command of a person signs. */
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { Command } from 'commander'
import { FlyballError } from '../kit/errors.ts'
import { isKeyId, type Signer, signerOf } from '../kit/signing.ts'
import type { Layout } from '../policy/layout.ts'
import { type Connected, type ConnectionOptions, connected } from './connected.ts'
import { printJson, printLine } from './output.ts'

export interface SigningOptions {
  /** Private key. */
  readonly signKey?: string
  readonly keyId?: string
}

export function register(program: Command): void {
  const sign = program.command('sign').description('keys for signatures on requests and commands')
  sign
    .command('keys')
    .description('make a pair: NAME.key, to be kept secret, and NAME.pub, for those who verify')
    .argument('<name>', 'path without the ending; its last part is the key id')
    .option('--force', 'overwrite files that exist')
    .option('--json', 'the result as JSON on stdout')
    .action((name: string, options: { force?: true; json?: true }) => makeKeys(name, options))
}

function makeKeys(name: string, options: { readonly force?: true; readonly json?: true }): void {
  const keyId = basename(name)
  if (!isKeyId(keyId)) throw new FlyballError('FLY-CLI-020', { keyId })
  const [keyFile, publicFile] = [`${name}.key`, `${name}.pub`]
  for (const file of [keyFile, publicFile]) if (existsSync(file) && !options.force) throw new FlyballError('FLY-CLI-001', { file })
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  write(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), 0o600)
  write(publicFile, publicKey.export({ type: 'spki', format: 'pem' }).toString(), 0o644)
  if (options.json) printJson({ keyId, keyFile, publicFile })
  else printLine(`${keyId}: ${keyFile} (secret), ${publicFile}`)
}

function write(file: string, text: string, mode: number): void {
  try {
    writeFileSync(file, text, { mode })
  } catch (error) {
    throw new FlyballError('FLY-CLI-002', { file, problem: (error as Error).message }, { cause: error })
  }
}

/** As `connected`, for commands that ask: of a key that cannot sign people are told before a broker is looked for. */
export function connectedToAsk<T>(options: ConnectionOptions & SigningOptions, work: (connection: Connected) => Promise<T>): Promise<T> {
  return connected(options, work, ({ layout }) => {
    if (options.signKey !== undefined) signerFor(layout, options)
  })
}

/** A key given on the command line, else the policy's; null: nothing is signed. */
export function signerFor({ security }: Layout, { signKey, keyId }: SigningOptions): Signer | null {
  if (signKey !== undefined) return signerOf(signKey, keyId ?? basename(signKey).replace(/\.key$/, ''))
  return security?.signing ? signerOf(security.signing.keyFile, security.signing.keyId) : null
}

/** Would a judge under this policy adopt a command that is signed so? Keys are told by their ids: what it verifies with is its own. */
export function wouldBeBelieved({ security }: Layout, signer: Signer | null, nowMs: number): boolean {
  if (security === undefined || (security.signing === null && !security.strict)) return true
  if (signer === null) return false
  if (signer.keyId === security.signing?.keyId) return true
  return security.trusted.some(({ keyId, notAfterMs }) => keyId === signer.keyId && (notAfterMs === null || nowMs <= notAfterMs))
}
