/**
 * Writes `test/golden/topics/NAME.json.gz` anew: `npx tsx test/simulation/write-golden-topics.ts NAME`. Run it before a change of what
 * the daemon writes, under a name that says which version wrote it.
 */
import { partitionOf } from '../../src/kit/hash.ts'
import { requestRecord } from '../../src/wire/requests.ts'
import { GOLDEN_POLICY, writeGolden } from './golden-topics.ts'
import { MODEL, Stage } from './stage.ts'

const name = process.argv[2]
if (name === undefined) throw new Error('which name?')

const world = new Stage({ seed: 31, partitions: 2, policy: GOLDEN_POLICY, outcomes: true })
world.conduct.perSecond = 40
const life = await world.start()
await world.runUntilShare(20, 120)
for (const verb of ['hold', 'resume'] as const) {
  const said = { who: 'ann', knownBy: 'osUser', reason: 'a look at it', atMs: world.clock.nowMs() } as const
  const asked = { id: verb, model: MODEL, verb, ...said, ifSequence: null, expiresAtMs: null, untilMs: null, subject: null, body: '' }
  world.broker.append(world.topics.requests, partitionOf(Buffer.from(MODEL), 1), [requestRecord(asked)], null)
  await world.run(10)
}
await world.runUntilShare(50, 300)
await world.run(15)
await life.kill()
await world.run(1)
writeGolden(name, world.broker)
console.log(`${name}: ${(await world.verdicts()).join(' ')}`)
process.exit(0)
