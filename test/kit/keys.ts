/** Pairs of keys in a folder of their own, for tests of signatures. */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'

/** Writes `name.key` and `name.pub` for each name; gone when the test file is over. */
export function keysFor(...names: readonly string[]): { readonly folder: string; readonly file: (name: string) => string } {
  const folder = mkdtempSync(join(tmpdir(), 'flyball-keys-'))
  after(() => rmSync(folder, { recursive: true }))
  for (const name of names) {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    writeFileSync(join(folder, `${name}.key`), privateKey.export({ type: 'pkcs8', format: 'pem' }))
    writeFileSync(join(folder, `${name}.pub`), publicKey.export({ type: 'spki', format: 'pem' }))
  }
  return { folder, file: (name) => join(folder, name) }
}
