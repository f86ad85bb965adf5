/** The control topic as strangers see it: Kafka's own console consumer, and a script that knows only the schema. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Command } from '../../src/domain.ts'
import { takeOver } from '../../src/shell/tenure.ts'
import { controlHeaders, encodeCommand } from '../../src/wire/control.ts'
import { withBroker } from './broker.ts'

const broker = withBroker()
const SCRIPT = fileURLToPath(new URL('../../examples/decode-control.mjs', import.meta.url))
const END = '<end of record>'

const command: Command = {
  id: 'command-1',
  environment: 'test',
  model: 'delay',
  epoch: 7,
  sequence: 3,
  issuedAtMs: 1_750_000_000_000,
  kind: 'rollback',
  control: 'v1',
  candidate: 'v2',
  weights: { v1: 100, v2: 0 },
  segments: [],
  leaseMs: 60_000,
  onSilence: 'keep',
  policyDigest: '0123456789abcdef',
  rule: 'harm',
  reason: 'feature drift on departure_hour',
  decisionId: 'decision-1',
}

function consoleConsumer(libs: string, topic: string): Buffer {
  const args = ['-cp', join(libs, '*'), 'org.apache.kafka.tools.consumer.ConsoleConsumer', '--bootstrap-server', broker.bootstrap.join(',')]
  const what = ['--topic', topic, '--from-beginning', '--isolation-level', 'read_committed', '--timeout-ms', '8000']
  const form = ['print.key=true', 'key.separator=|', `line.separator=${END}`].flatMap((property) => ['--formatter-property', property])
  return spawnSync('java', [...args, ...what, ...form], { maxBuffer: 1 << 20 }).stdout
}

test(
  'Kafka’s console consumer shows the committed command and not the aborted one; the schema alone decodes it',
  broker.options,
  async () => {
    const log = await broker.connect()
    const [state, control] = [await broker.topic(1), await broker.topic(1)]
    const id = broker.unique('judge')
    const record = (one: Command) => ({ key: one.model, value: encodeCommand(one), headers: controlHeaders(one) })
    const doomed = await log.transactor(id)
    const transaction = await doomed.begin()
    await transaction.send(control, 0, [record({ ...command, sequence: 2, id: 'aborted' })])
    await transaction.abort()
    await doomed.close()
    const reader = log.reader()
    const tenure = await takeOver(log, reader, id, 0, { state, control }, () => true)
    await tenure!.commit([{ topic: control, record: record(command) }])
    await tenure!.close()
    const shown = consoleConsumer(await broker.libs(), control)
    const start = shown.indexOf('delay|') + 'delay|'.length
    assert.ok(start >= 'delay|'.length, `no command among: ${shown.toString('latin1')}`)
    assert.equal(shown.indexOf('aborted'), -1)
    const value = shown.subarray(start, shown.indexOf(END, start))
    const decoded = spawnSync(process.execPath, [SCRIPT], { input: value, encoding: 'utf8' })
    const found = JSON.parse(decoded.stdout) as Command
    assert.deepEqual(
      { model: found.model, sequence: found.sequence, weights: found.weights },
      { model: 'delay', sequence: 3, weights: { v1: 100, v2: 0 } },
    )
  },
)
