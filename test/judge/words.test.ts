/** What a decision says in one line. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readingWords } from '../../src/judge/words.ts'
import { READING } from './situations.ts'

test('evidence that has not reached its own limit is said to have passed the one of all together', () => {
  const almost = readingWords({ ...READING, logEvidence: 5.96, logLimit: 5.99 })
  assert.match(almost, /evidence e\^6\.0 against a limit of e\^6\.0, which all together have passed, after/)
  assert.doesNotMatch(readingWords({ ...READING, logEvidence: 6.01, logLimit: 5.99 }), /together/)
})
