/** Every cause of an alert and every verdict has a page that says what to do, and every page is about something there is. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { WATCHDOG_CAUSES } from '../../src/act/watchdogs.ts'
import { CAUSES } from '../../src/judge/alerts.ts'
import { RULES } from '../../src/judge/rules.ts'
import { runbookOf } from '../../src/kit/runbooks.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const pages = readdirSync(join(ROOT, 'docs/runbooks')).filter((name) => name !== 'README.md')

/** Rules that are no entry of the table: of requests, of the loop, of take-overs. */
function rulesInSources(): string[] {
  const files = ['src/judge', 'src/shell'].flatMap((folder) => readdirSync(join(ROOT, folder)).map((name) => join(folder, name)))
  const sources = files.filter((name) => name.endsWith('.ts')).map(text)
  return sources.flatMap((source) => [...source.matchAll(/\brule: '([a-z-]+)'/g)].map(([, rule]) => rule!))
}

function verdictKinds(): string[] {
  const domain = text('src/domain.ts')
  const types = /export interface HarmVerdict[\s\S]*?\n}[\s\S]*?export type Verdict =[\s\S]*?\n\n/.exec(domain)?.[0] ?? ''
  const kinds = [...types.matchAll(/kind: ((?:'[a-z-]+'(?: \| )?)+)/g)].flatMap(([, union]) => union!.match(/[a-z-]+/g)!)
  assert.ok(kinds.length >= 16, `only ${kinds.length} kinds found: the pattern has gone blind`)
  return kinds
}

test('every cause of an alert, every rule and every kind of verdict has its page', () => {
  const rules = [...RULES.map(({ name }) => name), ...rulesInSources()]
  assert.ok(CAUSES.length >= 14 && rules.length >= 40)
  for (const name of [...CAUSES, ...WATCHDOG_CAUSES, ...rules, ...verdictKinds()]) {
    const page = runbookOf(name)
    assert.ok(page !== null && existsSync(join(ROOT, page)), `${name} has no page: name it in src/kit/runbooks.ts`)
  }
})

test('a rollback leads to its own page, or to that of the fact behind it', () => {
  assert.equal(runbookOf('rollback:latency'), 'docs/runbooks/rollback.md')
  assert.equal(runbookOf('rollback:contract'), 'docs/runbooks/contract.md')
  assert.equal(runbookOf('rollback:candidate-silent'), 'docs/runbooks/candidate-silent.md')
  assert.equal(runbookOf('rollback:throttle'), 'docs/runbooks/rollback.md')
  assert.equal(runbookOf('no-such-cause'), null)
})

test('no page is an orphan: each is led to by a name, and stands in the index with it', () => {
  const index = text('docs/runbooks/README.md')
  for (const name of pages) {
    const row = index.split('\n').find((line) => line.includes(`(${name})`))
    const names = [...((row ?? '').split('|')[1]?.matchAll(/`([a-z-]+)`/g) ?? [])].map(([, found]) => found!)
    assert.ok(names.length > 0, `docs/runbooks/README.md has no row for ${name}`)
    for (const led of names) assert.equal(runbookOf(led), `docs/runbooks/${name}`, led)
  }
})

const HEADINGS = ['What it means', 'What Flyball did', 'What to check', 'How to override', 'Whom to page']

test('every page says the same five things in the same order, and is short', () => {
  for (const name of pages) {
    const page = text(`docs/runbooks/${name}`)
    assert.deepEqual(
      [...page.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading),
      HEADINGS,
      name,
    )
    assert.ok(page.split('\n').length <= 70, `${name} is too long to be read at night`)
  }
})
