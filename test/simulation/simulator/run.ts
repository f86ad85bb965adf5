/** One run of a world from one seed: trouble, then calm, then the checker looks at everything. */
import { check, type Violation } from '../../checker/checker.ts'
import type { FaultCounts } from './cluster.ts'
import { drainTwice } from './drain.ts'
import { planFaults } from './faults.ts'
import { PREFIX } from './plan.ts'
import { NO_PLANT, type Plant } from './plants.ts'
import { Scheduler, withVirtualTimers } from './scheduler.ts'
import { SimWorld } from './world.ts'

export interface RunResult {
  readonly seed: number
  readonly violations: readonly Violation[]
  readonly faults: FaultCounts
  readonly steps: number
  readonly world: SimWorld
  /** What stands on the decisions topic, in hexadecimal. */
  readonly decisions: readonly string[]
}

/** Midnight comes in the middle of the trouble: the day is anchored then. */
const BEGIN_MS = 1_760_054_400_000 - 20_000
const TROUBLE_FROM_MS = 1_000
const TROUBLE_TO_MS = 30_000
const TRAFFIC_MS = 42_000
/** Sessions, leases and time-outs end, quiet partitions are cut, horizons pass. */
const CALM_MS = 24_000
/** So long of it writes may still be held up: the last one arrives 9 s later, and whoever waited for it has yet to see 3 s of quiet. */
const SLOW_WRITES_MS = 8_000
const LABELS_MS = 12_000
const PART_MS = 500
/** What the log and a request to it fail with. */
const OF_THE_LOG = /^(FLY-KAFKA-|timed out)/
/** Share of the runs whose records are drained too. */
const DRAINED = 0.15

/** `rough`: owners change all the time. `also`: more that goes wrong. */
export async function simulate(
  seed: number,
  plant: Plant = NO_PLANT,
  rough = plant !== NO_PLANT,
  also: (world: SimWorld) => void = () => undefined,
): Promise<RunResult> {
  const scheduler = new Scheduler(BEGIN_MS, seed)
  return withVirtualTimers(scheduler, async () => {
    const world = new SimWorld(scheduler, plant)
    world.start()
    planFaults(world, TROUBLE_FROM_MS, TROUBLE_TO_MS, rough)
    also(world)
    const problems: Violation[] = []
    try {
      await live(world)
    } catch (error) {
      problems.push({ promise: 'ends', where: 'world', what: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
    const violations = [...problems, ...ownWords(world), ...(await checked(world))]
    if (plant === NO_PLANT && scheduler.chance(DRAINED)) violations.push(...(await drainTwice(world)))
    return { seed, violations, faults: world.cluster.faults, steps: scheduler.steps, world, decisions: decisionsIn(world) }
  })
}

async function live(world: SimWorld): Promise<void> {
  const { scheduler, traffic } = world
  for (let ms = 0; ms < TRAFFIC_MS; ms += PART_MS) {
    traffic.serve()
    await scheduler.advance(PART_MS)
  }
  await scheduler.advance(SLOW_WRITES_MS)
  for (const { process } of world.daemons) process.slowWrites = 0
  await scheduler.advance(LABELS_MS - SLOW_WRITES_MS)
  traffic.close()
  await scheduler.advance(CALM_MS - LABELS_MS)
  await world.stopDaemons()
  await scheduler.advance(4_000)
}

async function checked(world: SimWorld): Promise<readonly Violation[]> {
  const { scheduler, plan, traffic, judgedUntilMs } = world
  const gateways = world.gateways.map(({ name }) => name)
  const all = { prefix: PREFIX, layout: plan.layout, settled: true, gateways, judgedUntilMs, inputs: traffic.records }
  const violations = await scheduler.until(check(world.outside(), all), 'checking', 3_600_000)
  for (const { governor } of world.gateways) await scheduler.until(governor.stop(), 'a gateway stops')
  return violations
}

function decisionsIn({ cluster, topics }: SimWorld): string[] {
  const records = cluster.broker.topics.get(topics.decisions)!.flatMap((partition) => partition.records)
  return records.flatMap(({ value }) => (value === null ? [] : [value.toString('hex')]))
}

/** What the daemons said themselves that must not be said. */
function ownWords(world: SimWorld): Violation[] {
  const said: Violation[] = []
  for (const { daemon, event } of world.events) {
    if (event.event === 'pane-gap') said.push({ promise: 'coverage', where: daemon, what: JSON.stringify(event) })
    if (event.event === 'pane-refused' && event.reason === 'undecodable')
      said.push({ promise: 'panes', where: daemon, what: JSON.stringify(event) })
    // A tenure ends by trouble with the log, never by what the judge itself made.
    if (event.event === 'judge-fenced' && !OF_THE_LOG.test(event.problem))
      said.push({ promise: 'ends', where: daemon, what: JSON.stringify(event) })
  }
  for (const { code, message } of world.ends) {
    if (code !== 'FLY-KAFKA-001' && code !== 'FLY-KAFKA-002') said.push({ promise: 'ends', where: 'a daemon', what: message })
  }
  return said
}
