/** The rules of the house hold over the whole repository, and each rule is able to fail: one violation of each is planted in memory. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { functionsOf, importsOf, masked } from '../scripts/lib/source-text.ts'
import { violations } from '../scripts/lib/tidy.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const SKIPPED = /^(node_modules|dist|coverage|\.git|\.kafka|\.prometheus|\.work)$/
const TEXT = /\.(ts|mts|mjs|js|json|md|ya?ml|avsc|py|sh|toml)$|(^|\/)(Dockerfile|run)$/

function repository(folder = ROOT): Map<string, string> {
  const files = new Map<string, string>()
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const full = join(folder, entry.name)
    if (entry.isDirectory() && !SKIPPED.test(entry.name)) for (const [path, text] of repository(full)) files.set(path, text)
    const path = relative(ROOT, full).split(sep).join('/')
    if (entry.isFile() && TEXT.test(path)) files.set(path, readFileSync(full, 'utf8'))
  }
  return files
}

test('the repository keeps every rule of the house', () => {
  assert.deepEqual(violations(repository()), [])
})

/** A small repository without fault, to plant faults in. */
const SOUND: ReadonlyMap<string, string> = new Map([
  ['package.json', '{ "bin": { "flyball": "dist/src/main.js" } }'],
  ['detectors/sum.ts', 'export const sum = (a: number, b: number): number => a + b\n'],
  ['src/domain.ts', 'export type Time = number\n'],
  ['src/kit/errors.ts', "export const ERRORS = { 'FLY-POLICY-001': {} }\n"],
  ['docs/errors.md', '`FLY-POLICY-001`\n'],
  ['src/policy/layout.ts', "import type { Time } from '../domain.ts'\nexport type Layout = Time\n"],
  ['src/policy/load.ts', "export const code = 'FLY-POLICY-001'\n"],
  ['src/join/join.ts', "import type { Layout } from '../policy/layout.ts'\nexport const join = (layout: Layout): Layout => layout\n"],
  ['src/judge/judge.ts', "import { sum } from '../../detectors/sum.ts'\nexport const judge = (): number => sum(1, 2)\n"],
  ['src/kafka/connect.ts', "import { Kafka } from 'kafkajs'\nexport const connect = (): unknown => new Kafka()\n"],
  ['src/shell/loop.ts', "import { join } from '../join/join.ts'\nexport const start = Date.now() + join(1)\n"],
  ['src/cli/run.ts', "export const run = async (): Promise<unknown> => import('../shell/loop.ts')\n"],
  ['src/subscriber/subscriber.ts', "import type { Time } from '../domain.ts'\nexport const age = (time: Time): Time => time\n"],
  [
    'src/main.ts',
    "import './kit/errors.ts'\nimport './policy/load.ts'\nimport './judge/judge.ts'\nimport './kafka/connect.ts'\nimport './cli/run.ts'\n",
  ],
  ['test/join.test.ts', "import '../src/join/join.ts'\n"],
])

test('a repository without fault is left alone', () => {
  assert.deepEqual(violations(SOUND), [])
})

const slash = '/'
const longBody = Array.from({ length: 70 }, (_, index) => `  step(${index})`).join('\n')

/** Rule, file, what is appended to it (or its whole text when it is new), and the complaint. */
const PLANTED: readonly (readonly [rule: string, path: string, addition: string, complaint: RegExp])[] = [
  [
    'a detector that imports the domain',
    'detectors/sum.ts',
    "import type { Time } from '../src/domain.ts'",
    /sum\.ts:2: detectors\/ may not import/,
  ],
  [
    'a detector that imports a package',
    'detectors/sum.ts',
    "import { mean } from 'simple-statistics'",
    /sum\.ts:2: detectors\/ may not import/,
  ],
  ['a detector that imports Node', 'detectors/sum.ts', "import 'node:fs'", /sum\.ts:2: detectors\/ may not import node:fs/],
  [
    'a stage that imports another',
    'src/judge/judge.ts',
    "import type { join } from '../join/join.ts'",
    /judge\.ts:3: src\/judge\/ may not import/,
  ],
  [
    'a stage that imports another for later',
    'src/judge/judge.ts',
    "export const late = () => import('../join/join.ts')",
    /judge\.ts:3: src\/judge\//,
  ],
  [
    'a stage that reads the policy file',
    'src/join/join.ts',
    "import { code } from '../policy/load.ts'",
    /join\.ts:3: src\/join\/ may not import/,
  ],
  [
    'kafkajs outside its room',
    'src/shell/loop.ts',
    "import type { Kafka } from 'kafkajs'",
    /loop\.ts:3: only src\/kafka\/ may import kafkajs/,
  ],
  [
    'a part of kafkajs outside its room',
    'src/cli/run.ts',
    "import 'kafkajs/src/index.js'",
    /run\.ts:2: only src\/kafka\/ may import kafkajs/,
  ],
  [
    'a subscriber that grows',
    'src/subscriber/subscriber.ts',
    '\n'.repeat(501).concat('export {}'),
    /src\/subscriber\/: 5\d\d lines, at most 500/,
  ],
  [
    'a subscriber that needs the daemon',
    'src/subscriber/subscriber.ts',
    "import '../shell/loop.ts'",
    /subscriber\.ts:3: src\/subscriber\/ may not/,
  ],
  [
    'a shell that needs the command line',
    'src/shell/loop.ts',
    "import type { run } from '../cli/run.ts'",
    /loop\.ts:3: may not import src\/cli/,
  ],
  ['a source that imports a test', 'src/shell/loop.ts', "import '../../test/join.test.ts'", /loop\.ts:3: may not import test\//],
  ['a star export', 'src/shell/loop.ts', "export * from '../join/join.ts'", /loop\.ts:3: export \* makes a barrel/],
  [
    'an index that passes on',
    'bench/index.ts',
    "export const a = 1\nexport { join } from '../src/join/join.ts'",
    /bench\/index\.ts:2: .*barrel/,
  ],
  ['a file that only passes on', 'bench/all.ts', "export type { join } from '../src/join/join.ts'", /bench\/all\.ts:1: .*barrel/],
  ['a cycle of imports', 'src/domain.ts', "import './kit/errors.ts'", /domain\.ts:2: src\/domain\.ts may not/],
  [
    'a cycle of types',
    'src/policy/load.ts',
    "import type { Late } from './late.ts'\nexport type Load = Late",
    /import cycle src\/policy\/load\.ts → src\/policy\/late\.ts → src/,
  ],
  [
    'the wall clock in the core',
    'src/judge/judge.ts',
    'export const now = Date.now()',
    /judge\.ts:3: Date\.now: time and chance are parameters/,
  ],
  ['a date of today in the core', 'src/judge/judge.ts', 'export const today = new Date()', /judge\.ts:3: new Date\(\)/],
  ['chance in the core', 'src/join/join.ts', `export const chance = \`\${1 + Math.random()}\``, /join\.ts:3: Math\.random/],
  ['a timer in the core', 'src/join/join.ts', 'setTimeout(join, 1)', /join\.ts:3: setTimeout/],
  ['chance in a detector', 'detectors/sum.ts', 'export const dice = Math.random()', /sum\.ts:2: Math\.random/],
  ['a file nobody runs', 'src/join/forgotten.ts', 'export const forgotten = 1', /src\/join\/forgotten\.ts: nothing that runs imports it/],
  [
    'a file only its tests run',
    'test/join.test.ts',
    "import '../src/join/tested.ts'",
    /src\/join\/tested\.ts: nothing that runs imports it/,
  ],
  ['a long function', 'src/join/join.ts', `export function long(): void {\n${longBody}\n}`, /join\.ts:3: a function of 72 lines/],
  [
    'a long closure',
    'src/join/join.ts',
    `const long = async (\n  a: number,\n): Promise<void> => {\n${longBody}\n}`,
    /join\.ts:3: a function of 74 lines/,
  ],
  [
    'a long method',
    'src/join/join.ts',
    `class Long {\n  step<T>(a: T): { a: T } {\n${longBody.replace(/^/gm, '  ')}\n  }\n}`,
    /join\.ts:4: a function of 72/,
  ],
  ['any', 'src/join/join.ts', 'export const loose = 1 as any', /join\.ts:3: no any/],
  ['a list of any', 'test/join.test.ts', 'const loose: Promise<any>[] = []', /join\.test\.ts:2: no any/],
  ['an error nobody documented', 'src/kit/errors.ts', "export const more = 'FLY-JOIN-001'", /docs\/errors\.md: does not list FLY-JOIN-001/],
  ['an error nobody throws', 'src/kit/errors.ts', "export const more = 'FLY-JOIN-001'", /registered and never used: FLY-JOIN-001/],
  ['a documented error that does not exist', 'docs/errors.md', '`FLY-JOIN-002`', /docs\/errors\.md lists, the registry lacks FLY-JOIN-002/],
  ['an error thrown and not registered', 'src/join/join.ts', "export const code = 'FLY-JOIN-003'", /used and not registered: FLY-JOIN-003/],
  ['a path of one machine', 'src/join/join.ts', `export const where = '${slash}work${slash}main'`, /join\.ts:3: .* belongs to one machine/],
  ['a temporary file of one machine', 'README.md', `see ${slash}tmp${slash}out.log`, /README\.md:1: .* belongs to one machine/],
  [
    'the host of a package registry',
    'docs/errors.md',
    ['https:/', 'registry.packages', 'org'].join('/').replace('es/', 'es.'),
    /belongs to one machine/,
  ],
]

/** Files that a planted line refers to. */
const COMPANIONS: ReadonlyMap<string, readonly [path: string, text: string]> = new Map([
  ['./late.ts', ['src/policy/late.ts', "import type { Load } from './load.ts'\nexport type Late = Load | 1\n"]],
  ['../src/join/tested.ts', ['src/join/tested.ts', 'export const tested = 1\n']],
])

for (const [what, path, addition, complaint] of PLANTED) {
  test(`planted and caught: ${what}`, () => {
    const files = new Map(SOUND)
    for (const [specifier, companion] of COMPANIONS) if (addition.includes(specifier)) files.set(...companion)
    files.set(path, `${files.get(path) ?? ''}${addition}\n`)
    const found = violations(files)
    assert.ok(
      found.some((violation) => complaint.test(violation)),
      `not caught; found: ${found.join('\n')}`,
    )
  })
}

test('prose, strings and regular expressions break no rule', () => {
  const prose = [
    '// Date.now() and Math.random() in a comment',
    "/** import { Kafka } from 'kafkajs' as any: no */",
    'export const text = \'setTimeout( any ) // \' + "Date.now()"',
    `export const deep = \`\${text} Math.random() \${\`new Date() \${text}\`}\``,
    'export const pattern = /[/"]Date.now()`/g',
    'export const half = 4 / 2 / 1',
    'export const after = "any"',
  ].join('\n')
  const files = new Map(SOUND).set('src/join/join.ts', `${SOUND.get('src/join/join.ts')}${prose}\n`)
  assert.deepEqual(violations(files), [])
})

test('imports are found however they are written', () => {
  const text = [
    "import a, {\n  type B,\n} from './one.ts'",
    "import './two.ts'",
    'export type { C } from "./three.ts"',
    "const d = await import('./four.ts')",
    "type E = import('./five.ts').E",
    "new Worker(new URL('./six.ts', import.meta.url))",
    "// import './seven.ts'",
    'const text = "import \'./eight.ts\'"',
  ].join('\n')
  const found = importsOf(text).map(({ specifier }) => specifier.replace(/^\.\/|\.ts$/g, ''))
  assert.deepEqual(found, ['one', 'two', 'three', 'four', 'five', 'six'])
})

test('a function is measured from its first line to its last, whatever stands inside it', () => {
  const code = masked(
    [
      'export function outer(a: {',
      '  b: number',
      '}): void {',
      '  if (',
      '    a.b > 1',
      '  ) {',
      '    work(() => {',
      '      return `}',
      '}`',
      '    })',
      '  }',
      '}',
      'const value = {',
      '  a: 1,',
      '}',
    ].join('\n'),
  )
  assert.deepEqual(functionsOf(code), [
    { line: 1, lines: 12 },
    { line: 7, lines: 4 },
  ])
})
