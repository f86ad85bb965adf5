/** What is shipped: the package's contents and doors, the image, and the compose file, as far as they can be held without an engine. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { buildProgram } from '../../src/cli/program.ts'
import { loadPolicy } from '../../src/policy/load.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

interface Service {
  readonly image?: string
  readonly build?: string | { readonly context: string; readonly target?: string }
  readonly command?: readonly string[]
  readonly entrypoint?: readonly string[]
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
}

const compose = parse(text('docker-compose.yml'), { merge: true }) as { services: Record<string, Service> }
const dockerfile = text('Dockerfile')

test('every service of the compose file waits for services that exist, and in no circle', () => {
  const visit = (name: string, trail: readonly string[]): void => {
    assert.ok(!trail.includes(name), [...trail, name].join(' → '))
    const service = compose.services[name]
    assert.ok(service, `${trail.at(-1)} waits for ${name}, which does not exist`)
    for (const next of Object.keys(service.depends_on ?? {})) visit(next, [...trail, name])
  }
  for (const name of Object.keys(compose.services)) visit(name, [])
})

test('the compose file publishes on loopback only, and takes no image without a version', () => {
  for (const [name, { ports, image, build }] of Object.entries(compose.services)) {
    for (const port of ports ?? []) assert.match(port, /^127\.0\.0\.1:/, name)
    if (build === undefined && image !== 'flyball:local') assert.match(image ?? '', /:v?\d+\.\d+\.\d+$/, name)
  }
})

test('files and commands that the compose file names exist', async () => {
  const verbs = (await buildProgram()).commands.map((command) => command.name())
  for (const [name, { volumes, entrypoint, command, image }] of Object.entries(compose.services)) {
    for (const volume of volumes ?? []) assert.ok(existsSync(join(ROOT, volume.split(':')[0]!)), `${name}: ${volume}`)
    for (const word of entrypoint ?? []) if (word.endsWith('.ts')) assert.ok(existsSync(join(ROOT, word)), `${name}: ${word}`)
    if (image === 'flyball:local') assert.ok(verbs.includes(command![0]!), `${name}: flyball ${command![0]}`)
  }
})

test('the policy of the compose file reads the topics that it makes', () => {
  const { layout } = loadPolicy(join(ROOT, 'examples/policies/compose.yaml'))
  const made = compose.services['inputs']!.command!.join(' ')
  assert.match(made, new RegExp(`\\b${layout.predictions.topic}\\b`))
  assert.match(made, new RegExp(`\\b${layout.outcomes!.topic}\\b`))
})

test('the image runs as a number that is not root, needs no shell, and starts from versions', () => {
  const last = dockerfile.slice(dockerfile.lastIndexOf('\nFROM'))
  assert.match(last, /^USER [1-9]\d*:\d+$/m)
  assert.match(last, /^ENTRYPOINT \[/m)
  assert.match(last, /^CMD \[/m)
  assert.doesNotMatch(last, /^RUN /m)
  for (const [, image] of dockerfile.matchAll(/^FROM (\S+)/gm)) assert.match(image!, /:\d+\.\d+\.\d+/)
})

test('what the image copies exists, and the build context lets it through', () => {
  const allowed = [...text('.dockerignore').matchAll(/^!(.+)$/gm)].map(([, path]) => path!)
  for (const [, sources] of dockerfile.matchAll(/^COPY (?!--)(.+) \S+$/gm)) {
    for (const source of sources!.split(' ')) {
      assert.ok(existsSync(join(ROOT, source)), source)
      assert.ok(allowed.includes(source), `.dockerignore keeps ${source} out`)
    }
  }
})

test('the package ships what it names, and its doors have a source', () => {
  const { files, exports, bin } = JSON.parse(text('package.json')) as {
    files: string[]
    bin: Record<string, string>
    exports: Record<string, string | { types: string; default: string }>
  }
  for (const file of files) if (file !== 'dist') assert.ok(existsSync(join(ROOT, file)), file)
  const doors = [...Object.values(exports), ...Object.values(bin)].map((door) => (typeof door === 'string' ? door : door.default))
  for (const door of doors.filter((path) => path.endsWith('.js'))) {
    const source = door.replace(/^(\.\/)?dist\//, '').replace(/\.js$/, '.ts')
    assert.ok(existsSync(join(ROOT, source)), `${door} is built from nothing`)
  }
})

test('the licence is the Apache licence, whole', () => {
  const licence = text('LICENSE')
  assert.match(licence, /Version 2\.0, January 2004/)
  assert.match(licence, /APPENDIX: How to apply the Apache License/)
})
