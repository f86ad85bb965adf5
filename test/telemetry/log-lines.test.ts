/** Log lines: where they go, and what becomes of them when that place takes none. */
import assert from 'node:assert/strict'
import { closeSync, existsSync, openSync } from 'node:fs'
import test from 'node:test'
import { createLogger, logLines, standardError } from '../../src/telemetry/log-lines.ts'

test('a complaint of the client has one level, the one that it is logged with', () => {
  let written = ''
  const logger = createLogger('debug', { write: (line) => void (written += line) })
  logLines(logger)({ event: 'client-trouble', level: 'error', message: 'the coordinator is away' })
  assert.deepEqual(written.match(/"level":[^,]+/g), ['"level":40'])
  assert.match(written, /"message":"the coordinator is away"/)
})

test('a disk that is full ends nobody who logs', { skip: !existsSync('/dev/full') && 'there is no /dev/full here' }, () => {
  const full = openSync('/dev/full', 'w')
  try {
    const tell = logLines(createLogger('info', standardError(full)))
    for (let port = 0; port < 20_000; port++) tell({ event: 'listening', port })
  } finally {
    closeSync(full)
  }
})
