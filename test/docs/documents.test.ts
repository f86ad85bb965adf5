/** What the documents say can be followed: links lead somewhere, commands exist, metrics and drop reasons are the real ones. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { buildProgram } from '../../src/cli/program.ts'
import { loadPolicy } from '../../src/policy/load.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SKIPPED = /^(node_modules|dist|coverage|\..*)$/

function documents(folder = ROOT): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (SKIPPED.test(entry.name)) return []
    const full = join(folder, entry.name)
    if (entry.isDirectory()) return documents(full)
    return entry.name.endsWith('.md') ? [full] : []
  })
}

const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const manifest = JSON.parse(text('package.json')) as { scripts: Record<string, string>; files: string[]; exports: Record<string, unknown> }

/** GitHub's anchor of a heading. */
function anchors(page: string): string[] {
  return [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\- ]/gu, '')
      .replaceAll(' ', '-'),
  )
}

function brokenLinks(path: string): string[] {
  const page = readFileSync(path, 'utf8')
  const targets = [...page.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!).filter((target) => !/^[a-z]+:/.test(target))
  return targets.filter((target) => {
    const [file, anchor] = target.split('#')
    const full = file === '' ? path : join(dirname(path), file!)
    if (!existsSync(full)) return true
    return anchor !== undefined && !anchors(readFileSync(full, 'utf8')).includes(anchor)
  })
}

test('every link between documents leads somewhere', () => {
  const found = documents()
  assert.ok(found.length > 15)
  assert.deepEqual(
    found.flatMap((path) => brokenLinks(path).map((target) => `${relative(ROOT, path)} → ${target}`)),
    [],
  )
})

test('every document below docs is reached from its index', () => {
  const folders = ['docs', 'docs/decisions', 'docs/runbooks']
  for (const folder of folders) {
    const index = text(`${folder}/README.md`)
    for (const name of readdirSync(join(ROOT, folder))) {
      if (name.endsWith('.md') && name !== 'README.md') assert.ok(index.includes(`(${name})`), `${folder}/README.md does not name ${name}`)
    }
  }
})

const RUNBOOKS = readdirSync(join(ROOT, 'docs/runbooks')).map((name) => `docs/runbooks/${name}`)
const GUIDES = ['README.md', 'CONTRIBUTING.md', 'docs/operating.md', 'docs/drills.md', 'docs/README.md', ...RUNBOOKS]

test('every npm script that the documents name exists', () => {
  for (const path of GUIDES) {
    for (const [, script] of text(path).matchAll(/npm run ([\w:-]+)/g)) assert.ok(script! in manifest.scripts, `${path}: npm run ${script}`)
  }
})

test('every flyball command that the documents show exists, with its options', async () => {
  const commands = new Map((await buildProgram()).commands.map((command) => [command.name(), command]))
  let found = 0
  for (const path of GUIDES) {
    for (const [line, name] of text(path).matchAll(/^flyball ([a-z]+).*$|(?<=`)flyball [a-z]+[^`\n]*/gm)) {
      const [, verb] = line.split(' ')
      const named = commands.get(name ?? verb!)
      const command = named?.commands.find((below) => below.name() === line.split(' ')[2]) ?? named
      assert.ok(command, `${path}: ${line}`)
      found++
      for (const [flag] of line
        .split(' # ')[0]!
        .replace(/"[^"]*"/g, '')
        .matchAll(/--[a-z-]+/g)) {
        assert.ok(
          command.options.some((option) => option.long === flag),
          `${path}: ${line}: no ${flag}`,
        )
      }
    }
  }
  assert.ok(found > 15, `only ${found} commands found: the pattern has gone blind`)
})

test('every option of `flyball run` is in the operating page', async () => {
  const run = (await buildProgram()).commands.find((command) => command.name() === 'run')!
  for (const { long } of run.options) assert.ok(text('docs/operating.md').includes(`\`${long}`), String(long))
})

test('every reason for a dropped record is explained', () => {
  const union = /export type DropReason =([\s\S]*?)\n\n/.exec(text('src/domain.ts'))?.[1] ?? ''
  const reasons = [...union.matchAll(/\| '([a-z-]+)'/g)].map(([, reason]) => reason!)
  assert.ok(reasons.length > 10)
  const page = text('docs/operating.md')
  for (const reason of reasons) assert.ok(page.includes(`\`${reason}\``), reason)
})

test('every topic Flyball owns is in the operating page', async () => {
  const { ownTopics } = await import('../../src/kit/topics.ts')
  for (const { topic } of ownTopics('flyball.', 4, 4)) assert.ok(text('docs/operating.md').includes(`\`${topic}\``), topic)
})

test('every example policy is valid', () => {
  for (const name of readdirSync(join(ROOT, 'examples/policies'))) {
    if (name.endsWith('.yaml')) assert.ok(loadPolicy(join(ROOT, 'examples/policies', name)).layout.models.length > 0, name)
  }
})

test('every room says what it is for', () => {
  for (const entry of readdirSync(join(ROOT, 'src'), { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ts') || entry.parentPath === join(ROOT, 'src')) continue
    const room = relative(join(ROOT, 'src'), entry.parentPath).split('/')[0]!
    assert.ok(existsSync(join(ROOT, 'src', room, 'README.md')), `src/${room} has no README`)
  }
})
