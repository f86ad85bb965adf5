/**
 * What the owners of a source wrote, and when: that nothing was lost which they took for written, and, where offsets are in no pane that
 * counts, who wrote what around them. The first says why there is a hole, the second where to look when it does not.
 */
import type { Case, Placed } from './case.ts'
import type { WireCheckpoint, WirePane, WirePulse, WireStamp } from './wire.ts'

type Written = Placed<WirePane | WirePulse>

/** So many of each kind are named, the first ones. */
const NAMED_MAX = 4

interface Owner {
  readonly source: string
  readonly epoch: number
}

/**
 * A pulse goes to every partition of `panes`; and when a checkpoint is written, everything that its owner wrote before has been
 * acknowledged. So a pulse that is in one partition and not in another, with a later checkpoint behind it, was acknowledged and lost.
 */
export function checkAcknowledged({ all, world, report }: Case): void {
  if (world.panesLost === true) return
  const pulses = all.panes.filter(({ value }) => value.kind === 'pulse') as Placed<WirePulse>[]
  const partitions = new Set(all.panes.map(({ partition }) => partition))
  const covered = lastCheckpoints(all.checkpoints)
  const seen = new Map<string, { readonly pulse: WirePulse; readonly in: Set<number> }>()
  for (const { partition, value } of pulses) {
    const name = `${value.source} ${words(value.stamp)}`
    const known = seen.get(name) ?? { pulse: value, in: new Set<number>() }
    seen.set(name, known)
    known.in.add(partition)
  }
  for (const [name, { pulse, in: found }] of seen) {
    const { source, stamp } = pulse
    const checkpoint = covered.get(ownerKey({ source, epoch: stamp.epoch })) ?? -1
    const missing = [...partitions].filter((partition) => !found.has(partition))
    if (stamp.sequence >= checkpoint || missing.length === 0) continue
    const there = [...found].map((partition) => `panes/${partition}`).join(', ')
    report('acknowledged', missing.map((partition) => `panes/${partition}`).join(', '), lost(name, there, checkpoint))
  }
}

const lost = (pulse: string, there: string, checkpoint: number): string =>
  `the pulse of ${pulse} is not there but in ${there}, though checkpoint ${checkpoint} of its owner says that all before it was acknowledged`

/** The highest sequence of a checkpoint, by owner. */
function lastCheckpoints(checkpoints: readonly Placed<WireCheckpoint>[]): Map<string, number> {
  const last = new Map<string, number>()
  for (const { value } of checkpoints) {
    if (value.kind !== 'checkpoint') continue
    const key = ownerKey(value)
    last.set(key, Math.max(last.get(key) ?? -1, value.sequence))
  }
  return last
}

const ownerKey = ({ source, epoch }: Owner): string => `${source}|${epoch}`

interface Hole {
  readonly source: string
  readonly chain: string
  readonly model: string
  readonly from: number
  readonly to: number
}

/** In one line of bounded length: what touches a run that no pane covers, its neighbours in the chain, and who owned the source. */
export function aroundHole({ all }: Pick<Case, 'all'>, { source, chain, model, from, to }: Hole): string {
  const ofSource = all.panes.filter(({ value }) => value.source === source)
  const panes = ofSource.filter(({ value }) => value.kind === 'pane' && value.chain === chain && value.model === model)
  const touching = panes.filter(({ value }) => value.from < to && value.to > from)
  const before = panes.filter(({ value }) => value.to <= from).sort((a, b) => a.value.to - b.value.to)
  const behind = panes.filter(({ value }) => value.from >= to).sort((a, b) => a.value.from - b.value.from)
  const closings = ofSource.filter(({ value }) => value.kind === 'pulse' && value.from < to && value.to > from)
  return [
    `panes there: ${listed(touching)}`,
    `before: ${listed(before.slice(-1))}`,
    `behind: ${listed(behind.slice(0, 1))}`,
    `slice closed by: ${listed(closings)}`,
    `owners: ${owners(all.checkpoints, source, [...before.slice(-1), ...touching, ...closings, ...behind.slice(0, 1)])}`,
  ].join('; ')
}

function listed(written: readonly Written[]): string {
  if (written.length === 0) return 'none'
  const names = written.slice(0, NAMED_MAX).map(({ partition, offset, value }) => {
    const base = value.base.epoch < 0 ? 'nothing' : words(value.base)
    return `[${value.from}, ${value.to}) by ${words(value.stamp)} upon ${base} at ${partition}/${offset}`
  })
  return names.join(', ') + (written.length > NAMED_MAX ? ` and ${written.length - NAMED_MAX} more` : '')
}

/** Claims from the first epoch that wrote around the hole to the one after the last, each with its last checkpoint. */
function owners(checkpoints: readonly Placed<WireCheckpoint>[], source: string, around: readonly Written[]): string {
  const claims = checkpoints.filter(({ value }) => value.kind === 'claim' && value.source === source).map(({ offset }) => offset)
  const epochs = around.map(({ value }) => value.stamp.epoch)
  const covered = lastCheckpoints(checkpoints)
  const concerned = claims.filter(
    (claim) => claim >= Math.min(...epochs) && (claims.findLast((each) => each < claim) ?? -1) <= Math.max(...epochs),
  )
  const names = concerned.map((epoch) => `${epoch} (last checkpoint ${covered.get(ownerKey({ source, epoch })) ?? 'none'})`)
  if (names.length === 0) return `no claim around it, ${claims.length} in all`
  return names.slice(0, NAMED_MAX).join(', ') + (names.length > NAMED_MAX ? ` and ${names.length - NAMED_MAX} more` : '')
}

const words = ({ epoch, sequence }: WireStamp): string => `${epoch}.${sequence}`
