/**
 * Which panes count. Every source writes one chain of panes per (model, chain name); the judge holds how far each has come and takes
 * what begins there or later. A member thrown out of its group can still write, so records carry (epoch, sequence, base):
 * lower epochs are refused; a higher one takes back what was not decided yet and lies beyond the checkpoint it resumed from.
 * What was decided on stays decided. Plain JSON data; one state serves one model or a whole judge partition, as the caller likes.
 */
import type { ChainName, Pane, Pulse, Stamp, StreamTimeMs } from '../../domain.ts'

/** A pane taken but not yet part of a closed stratum. */
export interface OpenLink {
  readonly stamp: Stamp
  readonly to: number
}

export interface ChainState {
  readonly model: string
  readonly chain: ChainName
  /** Everything before this offset is decided. */
  readonly decided: number
  /** Taken and undecided, in order. */
  readonly open: readonly OpenLink[]
}

export interface SourceState {
  readonly epoch: number
  readonly stamp: Stamp
  /** End of the last slice a pulse closed; -1 before the first pulse. */
  readonly sliceEndMs: StreamTimeMs
  /** Clocks of the last pulse; -1 before the first. */
  readonly exposureClockMs: StreamTimeMs
  readonly outcomeClockMs: StreamTimeMs
  readonly describedClockMs: StreamTimeMs
  readonly idle: boolean
  readonly ended: boolean
  readonly lagRecords: number
  /** By `<model>|<chain>`. */
  readonly chains: Readonly<Record<string, ChainState>>
}

export interface ChainsState {
  readonly sources: Readonly<Record<string, SourceState>>
  /** Panes dropped because their offsets were taken before; panes and pulses dropped for a lower epoch; gaps met. */
  readonly overlaps: number
  readonly stale: number
  readonly gaps: number
}

/** A source's undecided panes stamped after `base` are void: hand this to `forgetUndecided` for the evidence of every model. */
export interface Rewind {
  readonly source: string
  readonly base: Stamp
  /** How far each chain still reaches, by `<model>|<chain>`: panes that end later are to be forgotten. */
  readonly through: Readonly<Record<string, number>>
}

/** Up to where a chain of a source is decided; `observePane` returns these, `settle` notes them. */
export interface Decided {
  readonly source: string
  readonly chain: ChainName
  readonly to: number
}

export interface PaneAccepted {
  readonly state: ChainsState
  readonly take: boolean
  readonly refused: 'stale-epoch' | 'overlap' | null
  /** Offsets [through, from) of the chain never came; the pane is taken all the same. */
  readonly gap: { readonly through: number; readonly from: number } | null
  readonly rewind: Rewind | null
}

export interface PulseAccepted {
  readonly state: ChainsState
  readonly refused: 'stale-epoch' | null
  readonly rewind: Rewind | null
  /** Models named by the pulse whose exposure pane of that slice has not come (also those of other judge partitions). */
  readonly behind: readonly string[]
}

export function emptyChains(): ChainsState {
  return { sources: {}, overlaps: 0, stale: 0, gaps: 0 }
}

export function acceptPane(state: ChainsState, pane: Pane): PaneAccepted {
  const known = state.sources[pane.source]
  if (known && pane.stamp.epoch < known.epoch) {
    return { state: { ...state, stale: state.stale + 1 }, take: false, refused: 'stale-epoch', gap: null, rewind: null }
  }
  const { source, rewind } = admit(known, pane)
  const key = `${pane.model}|${pane.chain}`
  const chain = source.chains[key] ?? { model: pane.model, chain: pane.chain, decided: 0, open: [] }
  const through = throughOf(chain)
  if (pane.from < through || pane.to <= through) {
    const dropped = { ...withSource(state, pane.source, source), overlaps: state.overlaps + 1 }
    return { state: dropped, take: false, refused: 'overlap', gap: null, rewind }
  }
  const gap = pane.previousTo > through ? { through, from: pane.previousTo } : null
  const longer = { ...chain, open: [...chain.open, { stamp: pane.stamp, to: pane.to }] }
  const taken = withSource(state, pane.source, { ...source, chains: { ...source.chains, [key]: longer } })
  return { state: gap ? { ...taken, gaps: taken.gaps + 1 } : taken, take: true, refused: null, gap, rewind }
}

export function acceptPulse(state: ChainsState, pulse: Pulse): PulseAccepted {
  const known = state.sources[pulse.source]
  if (known && pulse.stamp.epoch < known.epoch) {
    return { state: { ...state, stale: state.stale + 1 }, refused: 'stale-epoch', rewind: null, behind: [] }
  }
  const { source, rewind } = admit(known, pulse)
  const next: SourceState = {
    ...source,
    sliceEndMs: Math.max(source.sliceEndMs, pulse.sliceEndMs),
    exposureClockMs: pulse.exposureClockMs,
    outcomeClockMs: pulse.outcomeClockMs,
    describedClockMs: pulse.describedClockMs,
    idle: pulse.idle,
    ended: pulse.ended,
    lagRecords: pulse.lagRecords,
  }
  const behind = pulse.models.filter((model) => through(next, model, 'exposure') < pulse.to)
  return { state: withSource(state, pulse.source, next), refused: null, rewind, behind }
}

/** Notes what `observePane` and `startStage` decided on: it will not be taken back. */
export function settle(state: ChainsState, model: string, decided: readonly Decided[]): ChainsState {
  let next = state
  for (const { source: name, chain: chainName, to } of decided) {
    const source = next.sources[name]
    const key = `${model}|${chainName}`
    const chain = source?.chains[key]
    if (!source || !chain || to <= chain.decided) continue
    const settled = { ...chain, decided: to, open: chain.open.filter((link) => link.to > to) }
    next = withSource(next, name, { ...source, chains: { ...source.chains, [key]: settled } })
  }
  return next
}

/**
 * The end of the last slice that every source has passed: over slices up to it, absence is a fact.
 * Idle and ended sources are not waited for, save idle ones that have fallen mute; -1 while a source is known that has not sent a pulse.
 */
export function passedMs(state: ChainsState, mute: readonly string[] = []): StreamTimeMs {
  const sources = Object.entries(state.sources)
  const awaited = sources.filter(([name, source]) => (!source.idle || mute.includes(name)) && !source.ended)
  if (awaited.length > 0) return Math.min(...awaited.map(([, source]) => source.sliceEndMs))
  return Math.max(-1, ...sources.map(([, source]) => source.sliceEndMs))
}

/** How far a chain of a source has come, undecided panes included; 0 for one never seen. */
export function through(source: SourceState, model: string, chainName: ChainName): number {
  const chain = source.chains[`${model}|${chainName}`]
  return chain ? throughOf(chain) : 0
}

function throughOf(chain: ChainState): number {
  return Math.max(chain.decided, chain.open.at(-1)?.to ?? 0)
}

/** The source as it stands after a record with this stamp: a higher epoch takes back what is undecided beyond its base. */
function admit(known: SourceState | undefined, record: Pane | Pulse): { source: SourceState; rewind: Rewind | null } {
  if (!known) return { source: firstSeen(record.stamp), rewind: null }
  if (record.stamp.epoch === known.epoch) return { source: { ...known, stamp: later(known.stamp, record.stamp) }, rewind: null }
  const chains: Record<string, ChainState> = {}
  const through: Record<string, number> = {}
  for (const [key, chain] of Object.entries(known.chains)) {
    const kept = { ...chain, open: chain.open.filter((link) => !isAfter(link.stamp, record.base)) }
    chains[key] = kept
    through[key] = throughOf(kept)
  }
  const source = { ...known, epoch: record.stamp.epoch, stamp: record.stamp, idle: false, ended: false, chains }
  return { source, rewind: { source: record.source, base: record.base, through } }
}

function firstSeen(stamp: Stamp): SourceState {
  const clocks = { sliceEndMs: -1, exposureClockMs: -1, outcomeClockMs: -1, describedClockMs: -1 }
  return { epoch: stamp.epoch, stamp, ...clocks, idle: false, ended: false, lagRecords: 0, chains: {} }
}

function withSource(state: ChainsState, name: string, source: SourceState): ChainsState {
  return { ...state, sources: { ...state.sources, [name]: source } }
}

export function isAfter(stamp: Stamp, base: Stamp): boolean {
  return stamp.epoch > base.epoch || (stamp.epoch === base.epoch && stamp.sequence > base.sequence)
}

function later(one: Stamp, other: Stamp): Stamp {
  return isAfter(other, one) ? other : one
}
