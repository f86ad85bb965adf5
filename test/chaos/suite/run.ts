/** One chaos run, from the first broker to the last word of the checker. */
import { parsePolicy } from '../../../src/policy/load.ts'
import { check, type Violation } from '../../checker/checker.ts'
import { Faults } from './faults.ts'
import { type Figures, figuresOf } from './figures.ts'
import { temporaryFolder } from './folder.ts'
import { faultText, schedule } from './schedule.ts'
import { settle } from './settle.ts'
import { openStage, type Stage, UNWRITABLE } from './stage.ts'

export interface ChaosOptions {
  readonly seed: number
  readonly minutes: number
  readonly perSecond: number
  readonly tell: (line: string) => void
  /** Ends the run early; what was injected is healed and checked all the same. */
  readonly stopped?: () => boolean
  /** The product to run: this repository, or a copy of it with something broken. */
  readonly root?: string
  /** Logs, policy and dumps of the topics stay where they are, as they do when a promise was broken. */
  readonly keep?: boolean
}

export interface ChaosResult {
  readonly faults: Readonly<Record<string, number>>
  readonly violations: readonly Violation[]
  readonly figures: Figures
}

const READY_MS = 60_000

export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { seed, minutes, tell, perSecond, root } = options
  const temporary = temporaryFolder('flyball-chaos-', options.keep ?? false)
  const folder = temporary.path
  let stage: Stage | null = null
  try {
    const faults = schedule(seed, minutes)
    tell(`seed ${seed}, ${minutes} minutes, ${faults.length} faults:`)
    for (const fault of faults) tell(faultText(fault))
    stage = await openStage({ seed, folder, perSecond, ...(root === undefined ? {} : { root }) })
    tell(`three brokers behind proxies ${stage.cluster.bootstrap.join(', ')}; logs in ${folder}`)
    const injected = new Faults(stage, seed, tell)
    await begin(stage)
    tell('all are up')
    await injected.play(faults, options.stopped ?? (() => false))
    await injected.healed()
    tell('the last fault is healed; the input ends')
    const unsettled = await settle(stage)
    tell('checking')
    const violations = await checked(stage, unsettled)
    if (violations.length > 0) {
      temporary.keep()
      tell(`${violations.length} violations; logs and dumps of the topics stay in ${folder}`)
    }
    return { faults: { ...injected.counts, ...networkCounts(stage) }, violations, figures: figuresOf(stage) }
  } finally {
    await stage?.close()
    temporary.remove()
  }
}

async function begin({ daemons, gateways, events }: Stage): Promise<void> {
  for (const service of [...daemons.map((daemon) => daemon.service), ...gateways]) service.start()
  const deadlineMs = performance.now() + READY_MS
  while ((events.get('judge-took-over') ?? 0) < 1 || (events.get('source-started') ?? 0) < 1) {
    const ends = daemons.flatMap(({ service }) => service.ownEnds.map(({ words }) => words))
    if (performance.now() > deadlineMs || ends.length > 20) throw new Error(`the daemons do not get going: ${ends.at(-1) ?? ''}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

async function checked(stage: Stage, unsettled: string): Promise<readonly Violation[]> {
  const { layout } = parsePolicy(stage.policyText, 'policy.yaml')
  const found = await check(stage.archive.asLog(), {
    prefix: stage.prefix,
    layout,
    settled: true,
    gateways: stage.gateways.map(({ name }) => name),
  })
  const rest = unsettled === '' ? [] : [{ promise: 'settled', where: 'daemons', what: unsettled }]
  return [...crashes(stage), ...rest, ...found]
}

/** A daemon may end for want of its brokers and be started again; a mistake in the program is another matter. */
function crashes({ daemons, guest, events }: Stage): Violation[] {
  const ends = [...daemons, guest].flatMap(({ service }) => service.ownEnds)
  const broken = ends.filter(({ words }) => /\b(Type|Range|Reference|Syntax|Assertion)Error\b/.test(words))
  const unwritable = events.get(UNWRITABLE) ?? 0
  return [
    ...broken.map(({ name, words }) => ({ promise: 'crash', where: name, what: words })),
    ...(unwritable > 0 ? [{ promise: 'crash', where: 'daemons', what: `${unwritable} tenures ended by what could not be encoded` }] : []),
  ]
}

function networkCounts({ cluster }: Stage): Record<string, number> {
  return {
    'responses-lost': cluster.proxies.reduce((sum, proxy) => sum + proxy.lost, 0),
    'connections-cut': Math.round(cluster.proxies.reduce((sum, proxy) => sum + proxy.cuts, 0)),
  }
}
