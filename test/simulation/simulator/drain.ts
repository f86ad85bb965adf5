/**
 * The promise of a drain: whoever reads the same records again, killed in between or not, reaches the same verdicts. The records that a
 * run left behind are drained twice under prefixes of their own: once undisturbed, once by daemons that are killed one after another.
 */
import { startDaemon } from '../../../src/daemon.ts'
import { ownTopics, topicNames } from '../../../src/kit/topics.ts'
import type { Violation } from '../../checker/checker.ts'
import { readDecision } from '../../checker/wire.ts'
import { simLog } from './sim-log.ts'
import { SimProcess } from './sim-process.ts'
import type { SimWorld } from './world.ts'

const CALM = 'drain-calm.'
const TORN = 'drain-torn.'

export async function drainTwice(world: SimWorld): Promise<Violation[]> {
  const { scheduler, cluster } = world
  cluster.count('drained-twice')
  await drain(world, CALM, 0)
  await drain(world, TORN, scheduler.between(1, 4))
  const [calm, torn] = [verdictsOf(world, CALM), verdictsOf(world, TORN)]
  const at = calm.findIndex((verdict, index) => verdict !== torn[index])
  if (at < 0 && calm.length === torn.length) return []
  const what = `undisturbed: ${calm[at] ?? calm[torn.length]}; with kills: ${torn[at] ?? torn[calm.length]}`
  return [{ promise: 'same-verdicts', where: `drain, decision ${at + 1} of ${calm.length}`, what }]
}

async function drain(world: SimWorld, prefix: string, kills: number): Promise<void> {
  const { scheduler, cluster, plan } = world
  for (const spec of ownTopics(prefix, plan.judgePartitions, plan.inputPartitions)) cluster.broker.create(spec)
  for (let left = kills; left >= 0; left--) {
    const process = new SimProcess(`drain ${prefix}${left}`, scheduler)
    const options = { layout: plan.layout, prefix, judgePartitions: plan.judgePartitions, clock: process.clock, version: 'simulated' }
    const log = simLog(cluster, process)
    const done = startDaemon({ ...options, log, emit: () => undefined, createTopics: false, drain: true }).then((daemon) => daemon.done)
    if (left === 0) {
      await scheduler.until(done, `${process.name} ends`, 600_000)
      continue
    }
    done.catch(() => undefined)
    await scheduler.advance(scheduler.between(1, 1500))
    process.kill()
    cluster.count('drain-killed')
    // What it had sent arrives, or not, before the next begins: a drain knows no groups.
    await scheduler.advance(1000)
  }
}

/** In the order of each model. */
function verdictsOf({ cluster }: SimWorld, prefix: string): string[] {
  const partitions = cluster.broker.topics.get(topicNames(prefix).decisions)!
  const records = partitions.flatMap((partition) => partition.records)
  return records.flatMap(({ value, headers, transaction }) => {
    const decision = value === null || transaction?.state !== 'committed' ? null : readDecision(value, headers)
    if (decision === null) return []
    const { model, number, judgeTimeMs, verdict, weightsAfter, panes, rows } = decision
    return [JSON.stringify({ model, number, judgeTimeMs, kind: verdict.kind, rule: verdict.rule, weightsAfter, panes, rows })]
  })
}
