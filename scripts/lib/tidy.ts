/**
 * The rules of the house (docs: CONTRIBUTING), as functions from source text to violations. No compiler API: regular expressions over text
 * with comments and strings blanked out. `test/tidy.test.ts` runs them over the repository, and plants one violation of each in memory.
 */
import { functionsOf, type Import, importsOf, lineOf, masked, resolved } from './source-text.ts'

/** Repository path (with `/`) → text. Sources, tests, scripts, documents and package.json. */
export type Files = ReadonlyMap<string, string>

interface Source {
  readonly path: string
  readonly text: string
  readonly code: string
  readonly imports: readonly Import[]
}

interface Repository {
  readonly files: Files
  readonly sources: readonly Source[]
}

type Rule = (repository: Repository) => readonly string[]

export const FUNCTION_LINES_MAX = 69
export const SUBSCRIBER_LINES_MAX = 500

/** Every broken rule, as `path:line: what is wrong`. */
export function violations(files: Files): string[] {
  const sources = [...files].flatMap(([path, text]) => {
    if (!/\.(ts|mts)$/.test(path) || path.endsWith('.d.ts')) return []
    const code = masked(text)
    return [{ path, text, code, imports: importsOf(text, code) }]
  })
  const repository = { files, sources }
  return Object.values(RULES).flatMap((rule) => [...rule(repository)])
}

// ── who may import what ────────────────────────────────────────────────────────────────────────────────────────────────────

interface Room {
  readonly room: string
  /** Files and folders of the repository, beside the room itself. */
  readonly may: readonly string[]
  /** Packages and `node:` modules; null: any. */
  readonly packages: readonly string[] | null
}

/** Events are nouns too: a stage emits them and the host decides what becomes of them. */
const STAGE_MAY = ['src/domain.ts', 'src/kit/', 'src/policy/layout.ts', 'src/telemetry/events.ts', 'detectors/']

const ROOMS: readonly Room[] = [
  { room: 'detectors/', may: [], packages: [] },
  { room: 'src/domain.ts', may: ['detectors/'], packages: [] },
  { room: 'src/kit/', may: ['src/domain.ts'], packages: null },
  ...['ingest', 'join', 'measure', 'judge', 'act'].map((stage) => ({ room: `src/${stage}/`, may: STAGE_MAY, packages: null })),
  { room: 'src/watch/', may: [...STAGE_MAY, 'src/measure/partition-clock.ts'], packages: null },
  { room: 'src/wire/', may: ['src/domain.ts', 'src/kit/', 'schemas/'], packages: null },
  { room: 'src/audit/', may: ['src/domain.ts', 'src/kit/', 'src/wire/'], packages: null },
  {
    room: 'src/doctor/',
    may: ['src/domain.ts', 'src/kit/', 'src/policy/layout.ts', 'src/policy/units.ts', 'src/act/contract.ts'],
    packages: null,
  },
  { room: 'src/kafka/', may: ['src/domain.ts', 'src/kit/', 'src/telemetry/'], packages: null },
  { room: 'src/policy/', may: ['src/domain.ts', 'src/kit/', 'detectors/'], packages: null },
  { room: 'src/telemetry/', may: ['src/domain.ts', 'src/kit/'], packages: null },
  {
    room: 'src/subscriber/',
    may: ['src/domain.ts', 'src/kit/', 'src/wire/', 'schemas/', 'src/kafka/contract.ts', 'src/kafka/connect.ts', 'src/kafka/log-record.ts'],
    packages: null,
  },
]

const rooms: Rule = ({ sources }) =>
  sources.flatMap((source) => {
    const room = ROOMS.find((candidate) => isIn(source.path, candidate.room))
    if (room === undefined) return []
    return source.imports.flatMap((imported) => {
      const refused = isRelative(imported)
        ? !mayEnter(room, resolved(source.path, imported.specifier))
        : room.packages !== null && !room.packages.includes(imported.specifier)
      return refused ? [at(source, imported.line, `${room.room} may not import ${imported.specifier}`)] : []
    })
  })

function mayEnter(room: Room, target: string): boolean {
  return [room.room, ...room.may].some((place) => isIn(target, place))
}

/** The shell may import everything but the command line; nothing imports tests. */
const doors: Rule = ({ sources }) =>
  sources.flatMap((source) =>
    source.imports.filter(isRelative).flatMap((imported) => {
      const target = resolved(source.path, imported.specifier)
      const fromShell = isIn(source.path, 'src/shell/') && isIn(target, 'src/cli/')
      const testFromOutside = isIn(target, 'test/') && !isIn(source.path, 'test/')
      return fromShell || testFromOutside ? [at(source, imported.line, `may not import ${target}`)] : []
    }),
  )

/** Peers of the benchmark use stock kafkajs on purpose, fuzzers hold us against it, and tests speak to the broker behind our back. */
const KAFKAJS_ROOMS = ['src/kafka/', 'test/', 'bench/', 'scripts/fuzz/']

const kafkajs: Rule = ({ sources }) =>
  sources.flatMap((source) =>
    source.imports
      .filter(({ specifier }) => specifier === 'kafkajs' || specifier.startsWith('kafkajs/'))
      .filter(() => !KAFKAJS_ROOMS.some((room) => isIn(source.path, room)))
      .map((imported) => at(source, imported.line, 'only src/kafka/ may import kafkajs')),
  )

// ── shape ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

const smallSubscriber: Rule = ({ sources }) => {
  const lines = sources
    .filter(({ path }) => isIn(path, 'src/subscriber/'))
    .reduce((sum, { text }) => sum + text.trimEnd().split('\n').length, 0)
  if (lines <= SUBSCRIBER_LINES_MAX) return []
  return [`src/subscriber/: ${lines} lines, at most ${SUBSCRIBER_LINES_MAX}: it is read in one sitting by strangers`]
}

/** `export *` nowhere, re-exports never in an index.ts (a list of plugins), and no file that does nothing else. */
const noBarrels: Rule = ({ sources }) =>
  sources.flatMap((source) => {
    const stars = [...source.code.matchAll(/^export\s+\*/gm)].map((match) =>
      at(source, lineOf(source.code, match.index), 'export * makes a barrel'),
    )
    const reExports = source.imports.filter(({ isReExport }) => isReExport)
    const isIndex = source.path.endsWith('/index.ts')
    const onlyReExports = reExports.length > 0 && source.code.replace(/^export\b[^;'"]*from\s*['"]\s*['"]\s*;?/gm, '').trim() === ''
    if (reExports.length === 0 || stars.length > 0 || !(isIndex || onlyReExports)) return stars
    return [at(source, reExports[0]!.line, 'a file that only passes on what others export is a barrel')]
  })

const noCycles: Rule = ({ sources }) => {
  const graph = new Map(sources.map((source) => [source.path, targetsOf(source)]))
  const done = new Set<string>()
  const found: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) found.push(`${path}: import cycle ${[...trail.slice(trail.indexOf(path)), path].join(' → ')}`)
    if (done.has(path) || trail.includes(path)) return
    for (const target of graph.get(path) ?? []) visit(target, [...trail, path])
    done.add(path)
  }
  for (const path of graph.keys()) visit(path, [])
  return found
}

const shortFunctions: Rule = ({ sources }) =>
  sources.flatMap((source) =>
    functionsOf(source.code)
      .filter(({ lines }) => lines > FUNCTION_LINES_MAX)
      .map(({ line, lines }) => at(source, line, `a function of ${lines} lines; 70 are never needed`)),
  )

const noAny: Rule = ({ sources }) =>
  findCode(sources, /(?:[:<|&,=(]|\bas|\bextends)\s*any\b(?!\s*[:(?.'])/g, () => 'no any: say unknown, or the type')

// ── purity ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

const EDGES = ['src/kit/', 'src/kafka/', 'src/shell/', 'src/cli/', 'src/main.ts', 'src/subscriber/']
const IMPURE =
  /\bDate\s*\.\s*now\b|\bnew\s+Date\b\s*(?:\(\s*\)|(?![\s(]))|\bMath\s*\.\s*random\b|\bset(?:Timeout|Interval|Immediate)\b|\bperformance\s*\.\s*now\b|\bprocess\s*\.\s*hrtime\b/g

const pureCore: Rule = ({ sources }) => {
  const core = sources.filter(({ path }) => (isIn(path, 'src/') || isIn(path, 'detectors/')) && !EDGES.some((edge) => isIn(path, edge)))
  return findCode(core, IMPURE, (match) => `${match.replace(/\s+/g, ' ')}: time and chance are parameters (kit/clock, kit/random)`)
}

// ── whole repository ───────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Roots are the program, the SDK, what package.json exports, everything that is run by hand, and the lists of plugins, whose members
 * every suite runs. A file that only its own tests use is dead.
 */
const noDeadFiles: Rule = ({ files, sources }) => {
  const bySource = new Map(sources.map((source) => [source.path, source]))
  const runByHand = sources.map(({ path }) => path).filter((path) => /^(scripts|examples|bench|demo)\/|\/index\.ts$/.test(path))
  const waiting = [...packageEntries(files), ...runByHand]
  const reached = new Set<string>()
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (reached.has(path)) continue
    reached.add(path)
    waiting.push(...(bySource.has(path) ? targetsOf(bySource.get(path)!) : []))
  }
  return sources
    .filter(({ path }) => isIn(path, 'src/') || isIn(path, 'detectors/'))
    .filter(({ path }) => !reached.has(path))
    .map(({ path }) => `${path}: nothing that runs imports it`)
}

/** `dist/src/main.js` in package.json is `src/main.ts` here. */
function packageEntries(files: Files): readonly string[] {
  const built = [...(files.get('package.json') ?? '').matchAll(/"(?:\.\/)?dist\/([^"]+)\.js"/g)].map((match) => `${match[1]}.ts`)
  return ['src/main.ts', 'src/subscriber/subscriber.ts', ...built]
}

const CODE = /FLY-[A-Z]+-\d{3}/g

/** The registry and its page list the same codes; what is thrown is registered, and what is registered is thrown somewhere. */
const errorCodes: Rule = ({ files, sources }) => {
  const registry = codesIn(files.get('src/kit/errors.ts') ?? '')
  const page = codesIn(files.get('docs/errors.md') ?? '')
  const used = new Set(
    sources
      .filter(({ path }) => isIn(path, 'src/') && path !== 'src/kit/errors.ts')
      .flatMap(({ text }) => [...codesIn(withoutComments(text))]),
  )
  return [
    ...missing(registry, page, 'docs/errors.md: does not list'),
    ...missing(page, registry, 'src/kit/errors.ts: docs/errors.md lists, the registry lacks'),
    ...missing(used, registry, 'src/kit/errors.ts: used and not registered:'),
    ...missing(registry, used, 'src/kit/errors.ts: registered and never used:'),
  ]
}

function codesIn(text: string): ReadonlySet<string> {
  return new Set(text.match(CODE) ?? [])
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
}

function missing(wanted: ReadonlySet<string>, held: ReadonlySet<string>, complaint: string): string[] {
  return [...wanted].filter((code) => !held.has(code)).map((code) => `${complaint} ${code}`)
}

/** Folders of one machine, and hosts of package registries. Inside a container a path is nobody's. */
const MACHINE_PATH = /(?<![\w.*$}\\-])\/(?:work|root|tmp|home\/\w+)(?=\/|['"`\s)]|$)/gm
const UNCHECKED = ['package-lock.json', 'Dockerfile', 'docker-compose.yml']
const REGISTRY_HOST = /\b(?:registry|repo\d?|files)\.[\w-]+(?:\.[\w-]+)*\.(?:org|com|io)\b/g

const noMachines: Rule = ({ files }) =>
  [...files].flatMap(([path, text]) => {
    if (UNCHECKED.includes(path)) return []
    const found = [...text.matchAll(MACHINE_PATH), ...text.matchAll(REGISTRY_HOST)]
    return found.map((match) => `${path}:${lineOf(text, match.index)}: ${match[0]} belongs to one machine, not to the repository`)
  })

export const RULES: Readonly<Record<string, Rule>> = {
  rooms,
  doors,
  kafkajs,
  smallSubscriber,
  noBarrels,
  noCycles,
  shortFunctions,
  noAny,
  pureCore,
  noDeadFiles,
  errorCodes,
  noMachines,
}

// ── small things ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** `place` is a file, or a folder when it ends with a slash. */
function isIn(path: string, place: string): boolean {
  return place.endsWith('/') ? path.startsWith(place) : path === place
}

function isRelative({ specifier }: Import): boolean {
  return specifier.startsWith('.')
}

function targetsOf(source: Source): readonly string[] {
  return source.imports.filter(isRelative).map(({ specifier }) => resolved(source.path, specifier).replace(/\.js$/, '.ts'))
}

function at(source: Source, line: number, complaint: string): string {
  return `${source.path}:${line}: ${complaint}`
}

function findCode(sources: readonly Source[], pattern: RegExp, complaint: (match: string) => string): string[] {
  return sources.flatMap((source) =>
    [...source.code.matchAll(pattern)].map((match) => at(source, lineOf(source.code, match.index), complaint(match[0]))),
  )
}
