/** What a judge that takes over believes of the control topic: what its state knows, and what a trusted key has signed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Command, LogRecord } from '../../src/domain.ts'
import { SIGNATURE_HEADER, type Signer, signatureOf, signerOf, trustedKeyOf } from '../../src/kit/signing.ts'
import { type Found, foundCommands } from '../../src/shell/found-commands.ts'
import { commandKeys } from '../../src/shell/signatures.ts'
import { encodeCommand } from '../../src/wire/control.ts'
import { keysFor } from '../kit/keys.ts'
import { commandOf } from '../subscriber/commands.ts'

const { file } = keysFor('judge', 'before', 'ops-1', 'ops-2')
const signerNamed = (name: string): Signer => signerOf(file(`${name}.key`), name)
const WALL_MS = 1_700_000_000_000
const PLACE = { topic: 'control', environment: 'test', wallMs: WALL_MS }
const TRUSTED = [trustedKeyOf(file('ops-1.pub'), 'ops-1', null), trustedKeyOf(file('ops-2.pub'), 'ops-2', WALL_MS - 1)]
const KEYS = commandKeys({ signer: signerNamed('judge'), trusted: TRUSTED, strict: false })

function stored(
  command: Command,
  name: string | null,
  place: { topic: string; environment: string } = PLACE,
  key = command.model,
): LogRecord {
  const value = encodeCommand(command)
  const signer = name === null ? null : signerNamed(name)
  const header = signer === null ? null : signatureOf(signer, { topic: place.topic, key, environment: place.environment, value })
  const headers = header === null ? [] : [[SIGNATURE_HEADER, Buffer.from(header)] as const]
  return { offset: 0, timestampMs: 0, key: Buffer.from(key), value, headers }
}

const at = (epoch: number, share = 20): Command => commandOf(share, { epoch, sequence: epoch })

function found(records: readonly LogRecord[], known: Command | null = null, keys = KEYS): string {
  const commands = foundCommands(records, known === null ? [] : [known], keys, PLACE, () => assert.fail('all can be read'))
  const { adopted, refused }: Found = commands.get('fraud') ?? { adopted: null, refused: null }
  return `${adopted?.epoch ?? 'nothing'}${refused === null ? '' : `, not ${refused.epoch}: ${refused.why}`}`
}

test('the newest command that a trusted key has signed is adopted, its own keys or a person’s; what stands above it is refused', () => {
  assert.equal(found([stored(at(3), 'judge'), stored(at(4), 'ops-1')]), '4')
  assert.equal(found([stored(at(3), 'judge'), stored(at(5), null), stored(at(4), 'ops-1')]), '4, not 5: it is not signed')
  assert.equal(found([stored(at(3), 'judge'), stored(at(4), 'before')]), '3, not 4: it is signed by a key that is not trusted')
  assert.equal(found([stored(at(4), 'ops-2')]), 'nothing, not 4: the time of key ops-2 is over')
  assert.match(found([stored(at(4), 'ops-1', { topic: 'control', environment: 'staging' })]), /^nothing, not 4: its signature is not that/)
  assert.match(found([stored(at(4), 'ops-1', { topic: 'requests', environment: 'test' })]), /^nothing, not 4: its signature is not that/)
})

test('of several that are refused the highest is told; what lies below the adopted one moves nobody and is not told', () => {
  assert.equal(found([stored(at(9), null), stored(at(7), null), stored(at(2), null), stored(at(3), 'judge')]), '3, not 9: it is not signed')
  assert.equal(found([stored(at(2), null), stored(at(3), 'judge')]), '3')
})

test('the command that the state knows was its own, signed or not: keys that are new accuse nobody', () => {
  assert.equal(found([stored(at(2), null), stored(at(3), null)], at(3)), '3')
  assert.equal(found([stored(at(3), 'before'), stored(at(3), 'judge')], null), '3', 'one value under two keys is one command')
  assert.equal(
    found([stored(at(3), null), stored(at(3, 100), null)], at(3)),
    '3, not 3: it is not signed',
    'the same numbers, another value',
  )
})

test('a flood of forged commands ends the search, and a heartbeat repeated ten thousand times is one command', () => {
  const flood = Array.from({ length: 1200 }, (_, index) => stored(at(10 + index), null))
  assert.equal(found([stored(at(3), 'judge'), ...flood]), 'nothing, not 1209: it is not signed')
  const heartbeat = stored(at(9), null)
  assert.equal(found([stored(at(3), 'judge'), ...Array.from({ length: 10_000 }, () => heartbeat)]), '3, not 9: it is not signed')
})

test('keys are asked for where the daemon signs, or where the policy is strict; else everything is believed', () => {
  const quiet = { signer: null, trusted: TRUSTED, strict: false }
  assert.equal(commandKeys(quiet), null)
  assert.equal(found([stored(at(3), 'judge'), stored(at(4), null)], null, commandKeys(quiet)), '4')
  assert.deepEqual(commandKeys({ ...quiet, strict: true }), TRUSTED)
  assert.deepEqual(
    KEYS!.map(({ keyId }) => keyId),
    ['judge', 'ops-1', 'ops-2'],
  )
})
