/** `flyball audit` and `flyball changelog` before they talk to a broker: what they are told must make sense. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { policyText } from '../policy/minimal.ts'
import { flyball, inFolder } from './run-flyball.ts'

test('bounds are numbers of decisions or times, formats are jsonl or csv, and a verb is needed: anything else is a usage error', () => {
  inFolder((folder) => {
    writeFileSync(join(folder, 'flyball.yaml'), policyText)
    for (const [args, told] of [
      [['audit', 'verify', '--from', 'yesterday'], /--from <bound>.*number of a decision, or a time/],
      [['audit', 'export', '--format', 'xml'], /Allowed choices are jsonl, csv/],
      [['audit', 'verify', '--from', '2023-02-30'], /--from <bound>.*number of a decision, or a time/],
      [['audit', 'verify', '--from', '9', '--to', '3'], /FLY-AUDIT-004/],
      [['audit', 'export', '--from', '2023-11-15', '--to', '2023-11-14'], /FLY-AUDIT-004/],
      [['explain', ''], /must name a decision/],
      [['audit', 'mend'], /unknown command 'mend'/],
      [['changelog'], /missing required argument 'model'/],
    ] as const) {
      const ended = flyball(args, folder)
      assert.equal(ended.code, 2, ended.stderr)
      assert.match(ended.stderr, told)
    }
  })
})
