import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { goldenFile, goldenTexts } from './golden-bodies.ts'

test('every destination is sent what it was sent before, and no secret is in a body but the key that belongs there', async () => {
  const texts = await goldenTexts()
  for (const [name, text] of texts) {
    assert.equal(text, readFileSync(goldenFile(name), 'utf8'), name)
    assert.doesNotMatch(text.replace(/"routing_key": "planted[^"]*"/g, ''), /planted/, name)
  }
  assert.deepEqual(readdirSync(new URL('.', goldenFile('x'))).sort(), [...texts.keys()].map((name) => `${name}.json`).sort())
})
