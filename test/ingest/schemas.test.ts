/** Confluent wire format: schemas by id from a directory or over HTTP, found once, missed politely. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import avro from 'avsc'
import { batchOf, layoutOf, WORKLOAD } from '../../scripts/fuzz/batches.ts'
import type { RecordBatch } from '../../src/domain.ts'
import { type Ingest, predictionIngest } from '../../src/ingest/ingest.ts'
import type { Clock } from '../../src/kit/clock.ts'
import type { InputLayout } from '../../src/policy/layout.ts'

const fields = (names: readonly string[]) => names.map((name) => ({ name, type: name === 'score' ? 'double' : 'string' }))
const FIRST = { type: 'record', name: 'P', fields: fields(['id', 'model', 'version', 'score']) }
const SECOND = { type: 'record', name: 'P', fields: fields(['unit', 'score', 'version', 'id', 'model']) }
const EVENT = { id: 'a', model: 'fraud', version: 'v2', score: 0.75, unit: 'u' }

function prefixed(id: number, schema: object): Buffer {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(id, 1)
  return Buffer.concat([prefix, avro.Type.forSchema(schema as never).toBuffer(EVENT)])
}

/** Time stands until somebody sleeps or the test moves it. */
function standingClock(): Clock & { ms: number } {
  const clock = {
    ms: 0,
    nowMs: () => clock.ms,
    monotonicMs: () => clock.ms,
    sleep: async (ms: number) => {
      clock.ms += ms
    },
  }
  return clock
}

function confluent(registry: NonNullable<InputLayout['registry']>, clock: Clock) {
  return predictionIngest(layoutOf({ predictions: { ...WORKLOAD, format: 'confluent', registry } }), 4, clock)
}

async function readAll(ingest: Ingest<{ count: number; readonly score: Float64Array }>, batch: RecordBatch) {
  await ingest.prepare(batch)
  const { batch: columns, rejected } = ingest.read(batch)
  return {
    scores: [...columns.score.subarray(0, columns.count)],
    reasons: rejected.map((one) => `${one.row} ${one.reason}: ${one.detail}`),
  }
}

test('schemas come from a directory by id, two versions in one topic, and an unknown id is a reason of its own', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'flyball-registry-'))
  context.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, '7.avsc'), JSON.stringify(FIRST))
  writeFileSync(join(folder, '8.avsc'), JSON.stringify(SECOND))
  writeFileSync(join(folder, '9.avsc'), '{"type":"no"}')
  const clock = standingClock()
  const ingest = confluent({ kind: 'directory', location: folder }, clock)
  const batch = batchOf([
    { value: prefixed(7, FIRST) },
    { value: prefixed(8, SECOND) },
    { value: prefixed(404, FIRST) },
    { value: prefixed(9, FIRST) },
    { value: Buffer.from('{"id":"json"}') },
    { value: Buffer.from([0, 0, 0]) },
    { value: null },
  ])
  const { scores, reasons } = await readAll(ingest, batch)
  assert.deepEqual(scores, [0.75, 0.75])
  assert.deepEqual(
    reasons.map((one) => one.split(':')[0]),
    ['2 unknown-schema', '3 unknown-schema', '4 undecodable', '5 undecodable', '6 tombstone'],
  )
  assert.match(reasons[0]!, /does not know schema 404/)
  assert.equal(ingest.prepare(batch), null, 'everything is known or missed')
  writeFileSync(join(folder, '404.avsc'), JSON.stringify(FIRST))
  clock.ms += 61_000
  assert.equal((await readAll(ingest, batch)).scores.length, 3, 'a miss is asked for again after a while')
})

/** A registry on a port of its own; `requests` lists the paths asked for. */
async function registryServer(context: TestContext, answer: (id: string) => [status: number, body: string]) {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(request.url ?? '')
    const [status, body] = answer(/\/schemas\/ids\/(\d+)$/.exec(request.url ?? '')?.[1] ?? '')
    response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' })
    response.end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  context.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { requests, location: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }
}

test('schemas come over HTTP, are asked for once, and misses are not asked for again at once', async (context) => {
  const { requests, location } = await registryServer(context, (id) => {
    if (id === '1') return [200, JSON.stringify({ schema: JSON.stringify(FIRST) })]
    if (id === '2') return [200, JSON.stringify({ schema: 'message P {}', schemaType: 'PROTOBUF' })]
    return [404, '{"error_code":40403,"message":"Schema not found"}']
  })
  const ingest = confluent({ kind: 'http', location }, standingClock())
  const batch = batchOf([
    { value: prefixed(1, FIRST) },
    { value: prefixed(2, FIRST) },
    { value: prefixed(3, FIRST) },
    { value: prefixed(1, FIRST) },
  ])
  for (let round = 0; round < 3; round++) {
    const { scores, reasons } = await readAll(ingest, batch)
    assert.equal(scores.length, 2)
    assert.deepEqual(
      reasons.map((one) => one.split(':')[0]),
      ['1 unknown-schema', '2 unknown-schema'],
    )
    assert.match(reasons[0]!, /PROTOBUF/)
  }
  assert.deepEqual(requests.sort(), ['/schemas/ids/1', '/schemas/ids/2', '/schemas/ids/3'])
})

test('a registry that fails for a moment is asked again; one that stays away stops reading instead of losing records', async (context) => {
  let failures = 2
  const flaky = await registryServer(context, () =>
    failures-- > 0 ? [503, 'starting'] : [200, JSON.stringify({ schema: JSON.stringify(FIRST) })],
  )
  const batch = batchOf([{ value: prefixed(1, FIRST) }])
  assert.equal((await readAll(confluent({ kind: 'http', location: flaky.location }, standingClock()), batch)).scores.length, 1)

  const dead = confluent({ kind: 'http', location: 'http://127.0.0.1:1' }, standingClock())
  await assert.rejects(dead.prepare(batch)!, /FLY-INGEST-002/)
  const nowhere = confluent({ kind: 'directory', location: join(tmpdir(), 'flyball-no-such-directory') }, standingClock())
  await assert.rejects(nowhere.prepare(batch)!, /FLY-INGEST-002/)
})

test('of a registry that answers without end no more is read than a schema may have', async (context) => {
  const server = createServer((_, response) => {
    const more = () => {
      while (response.write(Buffer.alloc(1 << 16, ' ')));
    }
    response.on('drain', more)
    more()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  context.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const location = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const endless = confluent({ kind: 'http', location }, standingClock())
  await assert.rejects(endless.prepare(batchOf([{ value: prefixed(1, FIRST) }]))!, /FLY-INGEST-002 .*more than 4194304 bytes/)
})

test('a flood of corrupt schema ids asks the registry for a few of them only', async (context) => {
  const { requests, location } = await registryServer(context, () => [404, '{}'])
  const ingest = confluent({ kind: 'http', location }, standingClock())
  const batch = batchOf(Array.from({ length: 500 }, (_, index) => ({ value: prefixed(1000 + index, FIRST) })))
  const { scores, reasons } = await readAll(ingest, batch)
  assert.equal(scores.length, 0)
  assert.ok(reasons.every((one) => one.includes('unknown-schema')))
  assert.equal(requests.length, 64)
})
