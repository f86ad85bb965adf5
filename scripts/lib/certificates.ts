/** A certificate authority of our own, for tests and the demo: made with `openssl`, thrown away with its folder. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Issued {
  readonly certFile: string
  readonly keyFile: string
  /** Key and certificate in one file, as Kafka's PEM key stores want them. */
  readonly bothFile: string
}

const DAYS = '30'
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

export class Authority {
  readonly folder: string
  readonly caFile: string

  constructor(folder: string, name = 'flyball-test-ca') {
    mkdirSync(folder, { recursive: true })
    this.folder = folder
    this.caFile = join(folder, 'ca.pem')
    this.#openssl(['req', '-x509', ...NEW_KEY, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', DAYS, '-subj', `/CN=${name}`])
    chmodSync(join(folder, 'ca.key'), 0o600)
  }

  /** `hosts`: such as `DNS:localhost` or `IP:127.0.0.1`; none for a client. */
  issue(name: string, hosts: readonly string[] = []): Issued {
    const file = (ending: string) => join(this.folder, `${name}.${ending}`)
    const uses = hosts.length === 0 ? 'clientAuth' : 'serverAuth,clientAuth'
    const names = hosts.length === 0 ? '' : `subjectAltName=${hosts.join(',')}\n`
    writeFileSync(file('ext'), `${names}extendedKeyUsage=${uses}\n`)
    this.#openssl(['req', ...NEW_KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`])
    const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', DAYS, '-extfile', `${name}.ext`]
    this.#openssl(['x509', '-req', '-in', `${name}.csr`, ...signed, '-out', `${name}.crt`])
    writeFileSync(file('pem'), readFileSync(file('key'), 'utf8') + readFileSync(file('crt'), 'utf8'), { mode: 0o600 })
    chmodSync(file('key'), 0o600)
    return { certFile: file('crt'), keyFile: file('key'), bothFile: file('pem') }
  }

  #openssl(args: readonly string[]): void {
    const run = spawnSync('openssl', args, { cwd: this.folder, encoding: 'utf8', timeout: 30_000 })
    if (run.error !== undefined) throw new Error(`certificates are made with openssl, which does not run here: ${run.error.message}`)
    if (run.status !== 0) throw new Error(`openssl ${args[0]} failed: ${run.stderr}`)
  }
}

/** Cheap: is there anything to make certificates with? */
export function opensslAvailable(): boolean {
  return spawnSync('openssl', ['version'], { stdio: 'ignore', timeout: 15_000 }).status === 0
}
