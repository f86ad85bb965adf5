/** The registry of errors and its page for people say the same, both ways. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ERRORS, type ErrorCode, FlyballError } from '../../src/kit/errors.ts'

/** Rows of docs/errors.md: code → exit code and whether trying again helps. */
const documented = new Map(
  [...readFileSync('docs/errors.md', 'utf8').matchAll(/^\| `(FLY-[A-Z]+-\d{3})` *\|.*\| (\d) +\| (yes|no) +\|.*\|$/gm)].map((row) => [
    row[1]!,
    { exit: Number(row[2]), retriable: row[3] === 'yes' },
  ]),
)

test('every error is documented with its exit code and whether trying again helps, and nothing else is', () => {
  const registered = Object.entries(ERRORS).map(([code, { exit, retriable }]) => [code, { exit, retriable }] as const)
  assert.deepEqual(Object.fromEntries([...documented].sort()), Object.fromEntries(registered.sort()))
})

test('every error says what to do, in sentences', () => {
  for (const [code, { message, remedy }] of Object.entries(ERRORS)) {
    assert.match(remedy, /^[A-Z`].*\.$/, code)
    assert.doesNotMatch(message, /\.$/, code)
  }
})

test('a message names its details, and a detail that is missing stays visible', () => {
  const error = new FlyballError('FLY-KAFKA-005' satisfies ErrorCode, { topic: 'panes' })
  assert.equal(error.message, 'FLY-KAFKA-005 no such topic or partition: panes/{partition}')
  assert.equal(error.spec.exit, 1)
})
