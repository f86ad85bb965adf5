/**
 * The real Prometheus and promtool, for tests: those on the PATH, or those of Debian's package `prometheus`, which is downloaded once into
 * `.prometheus/` and unpacked there, not installed. Says why when it cannot be had. Alertmanager is found in the same way.
 */
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const CACHE = fileURLToPath(new URL('../../.prometheus', import.meta.url))
const DOWNLOAD_MS = 180_000
const READY_MS = 30_000
const ASK_AGAIN_MS = 100

/** Program → Debian package, and its name there. */
const PROGRAMS = {
  prometheus: { package: 'prometheus', file: 'prometheus' },
  promtool: { package: 'prometheus', file: 'promtool' },
  alertmanager: { package: 'prometheus-alertmanager', file: 'prometheus-alertmanager' },
} as const

export type PrometheusProgram = keyof typeof PROGRAMS

export type Found = { readonly path: string } | { readonly path: null; readonly reason: string }

export function findProgram(name: PrometheusProgram): Found {
  const { package: debian, file } = PROGRAMS[name]
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const candidate of new Set([name, file]))
      if (folder !== '' && existsSync(join(folder, candidate))) return { path: join(folder, candidate) }
  }
  const cached = join(CACHE, debian, 'usr', 'bin', file)
  if (existsSync(cached)) return { path: cached }
  const reason = unpack(debian)
  if (reason === '' && existsSync(cached)) return { path: cached }
  return { path: null, reason: `no ${name} on the PATH, and Debian's ${debian} cannot be had: ${reason || `it has no ${file}`}` }
}

/** Empty when it stands in the cache now. */
function unpack(debian: string): string {
  const folder = join(CACHE, debian)
  mkdirSync(CACHE, { recursive: true })
  const got = spawnSync('apt-get', ['download', debian], { cwd: CACHE, encoding: 'utf8', timeout: DOWNLOAD_MS })
  if (got.error !== undefined) return got.error.message
  const deb = readdirSync(CACHE).find((each) => each.startsWith(`${debian}_`) && each.endsWith('.deb'))
  if (got.status !== 0 || deb === undefined) return `apt-get download: ${lastLine(got.stderr)}`
  const unpacked = spawnSync('dpkg-deb', ['-x', join(CACHE, deb), folder], { encoding: 'utf8', timeout: DOWNLOAD_MS })
  rmSync(join(CACHE, deb))
  if (unpacked.status === 0) return ''
  rmSync(folder, { recursive: true, force: true })
  return `dpkg-deb: ${unpacked.error?.message ?? lastLine(unpacked.stderr)}`
}

/** Debian's Alertmanager looks for its templates there, and nowhere else. */
const DEBIAN_TEMPLATES = '/usr/share/prometheus/alertmanager'
/** As long as that one, and the folder in which the program runs. */
const HERE = './'.repeat(DEBIAN_TEMPLATES.length / 2)

/**
 * A copy of Alertmanager in `folder`, to be started there, with its templates beside it. One that was unpacked and not installed cannot
 * find them: in the copy the path is another.
 */
export function alertmanagerIn(folder: string, path: string): string {
  if (!path.startsWith(CACHE)) return path
  const program = readFileSync(path)
  for (let at = program.indexOf(DEBIAN_TEMPLATES); at >= 0; at = program.indexOf(DEBIAN_TEMPLATES, at + 1)) program.write(HERE, at)
  const copy = join(folder, 'alertmanager')
  writeFileSync(copy, program, { mode: 0o755 })
  cpSync(join(path, '../../share/prometheus/alertmanager'), folder, { recursive: true })
  return copy
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? ''
}

export interface RunningProgram {
  readonly url: string
  stop(): Promise<void>
}

/** `args` but where it listens: a free port of loopback. Returns when it says that it is ready. */
export async function startProgram(path: string, args: readonly string[], cwd: string): Promise<RunningProgram> {
  const port = await freePort()
  const child = spawn(path, [...args, `--web.listen-address=127.0.0.1:${port}`], { cwd, stdio: ['ignore', 'ignore', 'pipe'] })
  let told = ''
  child.stderr.on('data', (chunk: Buffer) => {
    told = (told + chunk.toString()).slice(-4000)
  })
  const dieWithUs = (): void => void child.kill('SIGKILL')
  process.once('exit', dieWithUs)
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const stop = async (): Promise<void> => {
    process.off('exit', dieWithUs)
    child.kill('SIGTERM')
    await gone
  }
  const url = `http://127.0.0.1:${port}`
  for (const endMs = performance.now() + READY_MS; ; ) {
    if ((await fetch(`${url}/-/ready`).catch(() => null))?.ok) return { url, stop }
    if (child.exitCode !== null || performance.now() > endMs) {
      await stop()
      throw new Error(`${path} is not ready: ${told}`)
    }
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS))
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo
      server.close(() => resolve(port))
    })
  })
}
