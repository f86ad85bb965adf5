/** Weights inside segments: where a request goes, what is counted, and what a command may say. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { inForce, NOTHING_HELD, receive } from '../../src/subscriber/held.ts'
import { segmentOf, segmentsProblem, unitPoint, versionAt } from '../../src/subscriber/route.ts'
import { createGovernor } from '../../src/subscriber/subscriber.ts'
import { decodeAck } from '../../src/wire/acks.ts'
import { encodeCommand } from '../../src/wire/control.ts'
import { commandOf, handClock } from './commands.ts'

const APART = [
  { segment: 'region=eu', weights: { v1: 100, v2: 0 } },
  { segment: 'platform=ios', weights: { v1: 20, v2: 80 } },
]
const UNITS = Array.from({ length: 400 }, (_, unit) => `customer-${unit}`)

test('the first segment that a request lies in counts; without the attribute it lies in none; values are compared as text', () => {
  assert.equal(segmentOf(APART, { region: 'eu', platform: 'ios' })?.segment, 'region=eu')
  assert.equal(segmentOf(APART, { region: 'us', platform: 'ios' })?.segment, 'platform=ios')
  for (const attributes of [{}, { region: 'EU' }, { region: null }, { region: undefined }, { platform: 'web' }])
    assert.equal(segmentOf(APART, attributes), null)
  assert.equal(segmentOf([{ segment: 'tier=1', weights: {} }], { tier: 1 })?.segment, 'tier=1')
  assert.equal(segmentOf([{ segment: 'url=a=b', weights: {} }], { url: 'a=b' })?.segment, 'url=a=b')
})

test('a segment without a dimension, or with weights that do not sum to 100, is not obeyed', () => {
  assert.equal(segmentsProblem(APART), '')
  assert.equal(segmentsProblem([{ segment: 'eu', weights: { v1: 100 } }]), 'eu is no segment')
  assert.equal(segmentsProblem([{ segment: 'region=eu', weights: { v1: 90 } }]), 'in region=eu weights sum to 90, not 100')
})

test('a command that would raise the candidate in a segment alone is too late when its lease had run out', () => {
  const { held } = receive(NOTHING_HELD, commandOf(10, { segments: [APART[0]!] }), 0, 0)
  const rejoin = commandOf(10, { sequence: 2 })
  assert.equal(receive(held, rejoin, 0, rejoin.leaseMs).outcome, 'too-late')
  const kept = commandOf(10, { sequence: 2, segments: [APART[0]!, { segment: 'region=us', weights: { v1: 100, v2: 0 } }] })
  assert.equal(receive(held, kept, 0, kept.leaseMs).outcome, 'applied')
})

test('a lease that ran out keeps segments apart, and baseline sends everybody to the control', () => {
  const { held } = receive(NOTHING_HELD, commandOf(10, { segments: APART }), 0, 0)
  assert.deepEqual(inForce(held, 'v1', 'keep', 1e9).segments, APART)
  assert.deepEqual(inForce(held, 'v1', 'baseline', 1e9), { weights: { v1: 100 }, segments: [] })
})

test('units stay where they are: a segment changes the weights, not the point; the governor counts it and says what it can', async () => {
  const clock = handClock()
  const memory = new MemoryBroker(clock)
  for (const topic of ['flyball.control', 'flyball.acks']) memory.create({ topic, partitions: 1, config: {} })
  const send = (segments: typeof APART, sequence: number) =>
    memory.append('flyball.control', 0, [{ key: 'fraud', value: encodeCommand(commandOf(40, { segments, sequence })) }], null)
  send([], 1)
  const problems: string[] = []
  const governor = createGovernor({
    ...{ log: new MemoryLog(memory), gateway: 'g1', clock, onProblem: (problem: Error) => problems.push(problem.message) },
    models: { fraud: { control: 'v1', dimensions: ['region', 'platform'] } },
  })
  const until = async (met: () => boolean) => {
    for (let turn = 0; !met(); turn++) {
      assert.ok(turn < 2_000)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }
  try {
    await governor.ready()
    const everywhere = UNITS.map((unit) => governor.route('fraud', unit, { region: 'eu' }))
    assert.deepEqual(governor.state('fraud').routedBySegment, {}, 'nothing is counted apart while nobody is')
    send(APART, 2)
    await until(() => governor.state('fraud').command?.sequence === 2)
    const asia = UNITS.map((unit) => governor.route('fraud', unit, { region: 'asia', platform: 'web' }))
    const eu = UNITS.map((unit) => governor.route('fraud', unit, { region: 'eu', platform: 'ios' }))
    const ios = UNITS.map((unit) => governor.route('fraud', unit, { platform: 'ios' }))
    assert.deepEqual(asia, everywhere)
    assert.deepEqual(
      UNITS.map((unit) => governor.route('fraud', unit)),
      everywhere,
      'as a gateway that passes none',
    )
    assert.ok(eu.every((version) => version === 'v1'))
    assert.deepEqual(
      ios,
      UNITS.map((unit) => versionAt(unitPoint('fraud', 'v2', unit), { v1: 20, v2: 80 }, 'v1', 'v2')),
    )
    assert.ok(
      ios.every((version, unit) => version === 'v2' || everywhere[unit] === 'v1'),
      'more of the segment, and nobody out of it',
    )
    const { routed, routedBySegment, segments } = governor.state('fraud')
    const v2 = ios.filter((version) => version === 'v2').length
    assert.deepEqual(routedBySegment, { 'region=eu': { v1: 400 }, 'platform=ios': { v1: 400 - v2, v2 } })
    assert.equal(routed['v1']! + routed['v2']!, 5 * 400)
    assert.deepEqual(segments, APART)
    send([{ segment: 'region=eu', weights: { v1: 50, v2: 40 } }], 3)
    await until(() => problems.length > 0)
    assert.match(problems[0]!, /in region=eu weights sum to 90/)
    const records = memory.topics.get('flyball.acks')![0]!.records
    assert.ok(records.every(({ headers }) => headers.some(([name, value]) => name === 'schema' && value.toString() === '2')))
    assert.deepEqual(decodeAck(records.at(-1)!.value!).features, ['segments:region', 'segments:platform'])
  } finally {
    await governor.stop()
  }
})
