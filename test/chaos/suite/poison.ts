/** Records that no serving platform should write, and that some day one does. */
import type { OutgoingRecord } from '../../../src/domain.ts'
import type { Random } from '../../../src/kit/random.ts'
import { MODELS, RECORD_BYTES_MAX } from './policy.ts'

export interface PoisonedRecord {
  readonly topic: 'predictions' | 'outcomes' | 'acks' | 'requests'
  readonly record: OutgoingRecord
}

const MINUTE_MS = 60_000

/** A burst: one of each kind, in an order of its own. */
export function poison(random: Random, nowMs: number): PoisonedRecord[] {
  const number = Math.floor(random() * 1e9)
  const good = (changes: Record<string, unknown> = {}) => ({
    id: `poison-${number}-${Math.floor(random() * 1e9)}`,
    time: nowMs,
    model: MODELS[number % MODELS.length],
    version: 'v1',
    unit: `p${number % 100}`,
    region: 'eu',
    score: 0.5,
    error: false,
    features: { age: 5 },
    ...changes,
  })
  const predictions: (OutgoingRecord | Buffer | string | object)[] = [
    '{"id":"broken","model":"healthy","ver',
    '[1,2,3]',
    'null',
    '"text"',
    '{}',
    Buffer.from([0, 0, 0, 0, 7, 2, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1]),
    Buffer.from([0xff, 0xfe, 0x7b, 0x22, 0xc3, 0x28, 0x22, 0x7d]),
    Buffer.alloc(0),
    { ...good(), padding: 'x'.repeat(RECORD_BYTES_MAX * 3) },
    '['.repeat(20_000),
    { key: 'tombstone', value: null },
    { key: null, value: Buffer.from(JSON.stringify(good())) },
    good({ id: undefined }),
    good({ id: 17 }),
    good({ model: 'nobody' }),
    good({ version: 'v99' }),
    good({ version: null }),
    good({ time: -5 }),
    good({ time: 1e300 }),
    good({ time: 'yesterday' }),
    good({ score: 'high' }),
    good({ score: 1e308 }),
    good({ features: { age: 'old' } }),
    good({ features: { age: -1e12 } }),
    good({ region: '__all__' }),
    good({ unit: '' }),
    { key: 'late', value: Buffer.from(JSON.stringify(good())), timestampMs: nowMs - 40 * MINUTE_MS },
    { key: 'ahead', value: Buffer.from(JSON.stringify(good())), timestampMs: nowMs + 50 * MINUTE_MS },
  ]
  const outcomes: (OutgoingRecord | Buffer | string | object)[] = [
    '{"id":',
    { id: 'nobody-asked', time: nowMs, label: 1 },
    { id: `poison-${number}`, time: nowMs, label: 'perhaps' },
    { time: nowMs, label: 1 },
    { key: 'tombstone', value: null },
    { id: 'x', label: 1, padding: 'x'.repeat(RECORD_BYTES_MAX * 2) },
    Buffer.from([0, 0, 0, 0, 1, 0x80]),
    { key: 'ahead', value: Buffer.from(JSON.stringify({ id: 'ahead', time: nowMs, label: 0 })), timestampMs: nowMs + 50 * MINUTE_MS },
  ]
  const foreign = [Buffer.from([0, 0, 0, 0, 9]), Buffer.from('{"not":"avro"}'), Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])]
  const all = [
    ...predictions.map((each) => ({ topic: 'predictions' as const, record: recordOf(each) })),
    ...outcomes.map((each) => ({ topic: 'outcomes' as const, record: recordOf(each) })),
    ...foreign.map((value) => ({ topic: 'acks' as const, record: { key: MODELS[0], value } })),
    ...foreign.map((value) => ({ topic: 'requests' as const, record: { key: MODELS[0], value } })),
  ]
  return shuffled(all, random)
}

function recordOf(each: OutgoingRecord | Buffer | string | object): OutgoingRecord {
  if (typeof each === 'string') return { key: 'poison', value: Buffer.from(each) }
  if (Buffer.isBuffer(each)) return { key: 'poison', value: each }
  return 'value' in each && 'key' in each ? (each as OutgoingRecord) : { key: 'poison', value: Buffer.from(JSON.stringify(each)) }
}

function shuffled<T>(list: readonly T[], random: Random): T[] {
  return list
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
}
