/** What goes wrong, and when: drawn from the seed before the run begins, each at its moment. */
import type { Scheduler } from './scheduler.ts'
import type { SimWorld } from './world.ts'

type Fault = (world: SimWorld) => void

const HOUR_MS = 3_600_000

const FAULTS: readonly (readonly [weight: number, fault: Fault])[] = [
  [3, killDaemon],
  [3, pauseDaemon],
  [4, loseCalls],
  [5, rebalance],
  [2, stopPartition],
  [1, jumpClock],
  [1, killGateway],
  [1, pauseGateway],
  [1, deleteSegments],
  [2, slowDown],
  [3, askForSomething],
  [2, stopTraffic],
  [2, addDaemon],
]

/** Between `fromMs` and `toMs` from now. */
export function planFaults(world: SimWorld, fromMs: number, toMs: number, rough: boolean): void {
  const { scheduler } = world
  if (world.plan.staged) passGates(world)
  // Where owners change all the time: what breaks at a take-over shows soon.
  for (const fault of rough ? [slowDown, ...Array<Fault>(10).fill(rebalance), ...Array<Fault>(8).fill(askForSomething), loseCalls] : []) {
    scheduler.after(scheduler.between(fromMs, toMs), () => fault(world))
  }
  const count = scheduler.between(5, 14)
  for (let index = 0; index < count; index++) {
    const fault = drawn(scheduler)
    scheduler.after(scheduler.between(fromMs, toMs), () => fault(world))
  }
}

function drawn(scheduler: Scheduler): Fault {
  let left = scheduler.random() * FAULTS.reduce((sum, [weight]) => sum + weight, 0)
  for (const [weight, fault] of FAULTS) if ((left -= weight) < 0) return fault
  return FAULTS[0]![1]
}

/** Every candidate passes its gate early on; of some another word comes later, and then the first one again. */
function passGates(world: SimWorld): void {
  const { scheduler, plan } = world
  for (const { name } of plan.models) {
    scheduler.after(scheduler.between(2000, 5000), () => askGate(world, name, true))
    if (!scheduler.chance(0.4)) continue
    const atMs = scheduler.between(4000, 20_000)
    scheduler.after(atMs, () => askGate(world, name, false))
    scheduler.after(atMs + scheduler.between(1000, 8000), () => askGate(world, name, true))
  }
}

function askGate(world: SimWorld, model: string, passed: boolean): void {
  world.cluster.count('gate-recorded')
  world.ask('gate', world.scheduler.between(1, 2), model, JSON.stringify({ passed, report: 'simulated' }))
}

function killDaemon(world: SimWorld): void {
  if (world.daemons.length === 0) return
  world.cluster.count('daemon-killed')
  world.killDaemon(world.scheduler.pick(world.daemons))
}

function pauseDaemon(world: SimWorld): void {
  const { scheduler, cluster } = world
  if (world.daemons.length === 0) return
  const { process } = scheduler.pick(world.daemons)
  if (process.paused) return
  cluster.count('daemon-paused')
  if (scheduler.chance(0.5)) process.slowWrites = scheduler.between(1, 4)
  scheduler.after(scheduler.between(0, 1500), () => process.pause())
  // Long enough to be thrown out, as often as not.
  scheduler.after(scheduler.between(2500, 24_000), () => process.resume())
}

function loseCalls({ cluster, scheduler }: SimWorld): void {
  cluster.trouble = scheduler.pick([0.02, 0.1, 0.3])
  scheduler.after(scheduler.between(1000, 8000), () => {
    cluster.trouble = 0
  })
}

function rebalance({ cluster, scheduler }: SimWorld): void {
  const { groups } = cluster
  if (groups.length > 0 && scheduler.pick(groups).throwOut()) cluster.count('member-thrown-out')
}

function stopPartition(world: SimWorld): void {
  const { scheduler, cluster, plan, topics } = world
  const own = [topics.panes, topics.state, topics.control, topics.decisions, topics.checkpoints, topics.acks]
  const topic = scheduler.pick(['predictions', 'outcomes', ...own])
  const partitions = cluster.broker.topics.get(topic)!.length
  cluster.makeUnavailable(topic, scheduler.between(0, partitions - 1), scheduler.between(500, plan.layout.alignPatienceMs * 2))
}

function jumpClock(world: SimWorld): void {
  const { scheduler, cluster } = world
  if (world.daemons.length === 0) return
  const { process } = scheduler.pick(world.daemons)
  cluster.count('clock-jumped')
  process.skewMs = scheduler.pick([-HOUR_MS, HOUR_MS])
  if (scheduler.chance(0.6)) {
    scheduler.after(scheduler.between(1000, 20_000), () => {
      process.skewMs = 0
    })
  }
}

function killGateway(world: SimWorld): void {
  if (world.gateways.length === 0) return
  world.cluster.count('gateway-killed')
  world.killGateway(world.scheduler.pick(world.gateways))
}

function pauseGateway(world: SimWorld): void {
  const { scheduler, cluster } = world
  if (world.gateways.length === 0) return
  const { process } = scheduler.pick(world.gateways)
  if (process.paused) return
  cluster.count('gateway-paused')
  process.pause()
  scheduler.after(scheduler.between(500, 20_000), () => process.resume())
}

/** Acks and requests are deleted under whoever reads them; it costs the judge a restart, and no decision. */
function deleteSegments(world: SimWorld): void {
  const { scheduler, cluster, topics } = world
  const topic = scheduler.pick([topics.acks, topics.deadletter])
  const partitions = cluster.broker.topics.get(topic)!
  const partition = scheduler.between(0, partitions.length - 1)
  const log = partitions[partition]!
  if (topic === topics.deadletter || log.end === log.start) return
  cluster.count('segments-deleted')
  cluster.broker.truncate(topic, partition, scheduler.between(log.start, log.lastStable))
}

/** What happens meanwhile takes long: members come and go, people ask. */
function slowDown(world: SimWorld): void {
  const { cluster, scheduler } = world
  cluster.count('log-slow')
  cluster.latencyMs = scheduler.pick([50, 200, 600])
  const forMs = scheduler.between(2000, 10_000)
  for (const fault of [rebalance, rebalance, askForSomething, addDaemon]) {
    if (scheduler.chance(0.5)) scheduler.after(scheduler.between(0, forMs), () => fault(world))
  }
  scheduler.after(forMs, () => {
    cluster.latencyMs = cluster.usualLatencyMs
  })
}

const VERBS = ['rollback', 'hold', 'resume', 'throttle', 'promote', 'abort', 'freeze', 'unfreeze', 'release'] as const

function askForSomething(world: SimWorld): void {
  const { scheduler } = world
  world.ask(scheduler.pick([...VERBS, 'resume', 'resume', 'resume']), scheduler.between(1, 3))
}

/** Partitions fall idle and are cut; whoever cut them may be gone before the traffic is back. */
function stopTraffic(world: SimWorld): void {
  const { traffic, cluster, scheduler } = world
  if (!traffic.running) return
  for (const fault of [killDaemon, rebalance]) {
    if (scheduler.chance(0.5)) scheduler.after(scheduler.between(3000, 6000), () => fault(world))
  }
  cluster.count('traffic-stopped')
  traffic.running = false
  scheduler.after(scheduler.between(2500, 7000), () => {
    traffic.running = true
  })
}

/** One more process joins; it is among those that may be killed. */
function addDaemon(world: SimWorld): void {
  if (world.daemons.length >= 4) return
  world.cluster.count('daemon-added')
  world.startDaemon()
}
