/**
 * What a model's guardrails ask for, worked out once for its layout: where each is judged, with which share of the budget, and which
 * blocks are read in which scope. Layouts are frozen, and all of this is asked for in every scope of every stratum.
 */
import type { ChainName } from '../../domain.ts'
import { ALL_SCOPE, type Block, type Guardrail, type ModelLayout, type Plan } from '../../policy/layout.ts'
import { blocksRead, scopesOf } from './events.ts'
import { type Series, seriesKey } from './state.ts'
import { blocksOf, type Reads, type ScopeRead, slotsOf } from './strata.ts'

/** A guardrail in one scope. */
export interface Place {
  readonly scope: string
  /** Of its series. */
  readonly key: string
  /** Share of the action's budget, and the evidence at which it acts alone. */
  readonly weight: number
  readonly logLimit: number
  /** The series last asked about, plain and tempered, with their evidence: asked for far more often than it changes. */
  readonly told: readonly [Told, Told]
}

/** No result depends on it. */
export interface Told {
  series: Series | null
  logEvidence: number
}

interface Asked {
  readonly places: Map<Guardrail, readonly Place[]>
  readonly reads: Map<ChainName, Reads>
}

const ASKED = new WeakMap<ModelLayout, Asked>()

function askedOf(model: ModelLayout): Asked {
  const known = ASKED.get(model)
  if (known !== undefined) return known
  const asked: Asked = { places: new Map(), reads: new Map() }
  ASKED.set(model, asked)
  return asked
}

/** `__all__` first. */
export function placesOf(guardrail: Guardrail, model: ModelLayout): readonly Place[] {
  const { places } = askedOf(model)
  const known = places.get(guardrail)
  if (known !== undefined) return known
  const alpha = alphaOf(guardrail.action, model.plan)
  const found = scopesOf(guardrail).map((scope): Place => {
    const weight = weightOf(guardrail, scope, model.plan)
    return { ...placeIn(guardrail, scope), weight, logLimit: -Math.log(alpha * weight) }
  })
  places.set(guardrail, found)
  return found
}

/** Of any scope, listed or not. */
export function placeIn(guardrail: Guardrail, scope: string): Pick<Place, 'scope' | 'key' | 'told'> {
  return { scope, key: seriesKey(guardrail, scope), told: [notTold(), notTold()] }
}

function notTold(): Told {
  return { series: null, logEvidence: 0 }
}

/** Level of an action's whole budget. */
export function alphaOf(action: Guardrail['action'], plan: Plan): number {
  if (action === 'rollback') return plan.rollbackAlpha
  // A lift begins the evidence of throttles anew: their budget is shared by all the beginnings there may be.
  return action === 'throttle' ? plan.throttleAlpha / (plan.maxLifts + 1) : plan.throttleAlpha
}

/** Share of the action's budget that one guardrail has in one scope. */
export function weightOf(guardrail: Guardrail, scope: string, plan: Plan): number {
  const heft = (each: Guardrail) => (each.class === 'critical' ? 2 : 1)
  const rivals = plan.guardrails.filter((each) => each.action === guardrail.action)
  const mine = heft(guardrail) / rivals.reduce((sum, each) => sum + heft(each), 0)
  const segments = scopesOf(guardrail).length - 1
  if (segments === 0) return mine
  return scope === ALL_SCOPE ? mine / 2 : mine / 2 / segments
}

/**
 * Blocks by scope: of the whole population all of the chain's, of a segment those that some guardrail reads there. A scope that is not
 * listed is read by nobody.
 */
export function readsOf(model: ModelLayout, chain: ChainName): Reads {
  const { reads } = askedOf(model)
  const known = reads.get(chain)
  if (known !== undefined) return known
  const all = blocksOf(model, chain)
  const found = new Map<string, ScopeRead>([[ALL_SCOPE, scopeRead(all)]])
  const guardrails = model.plan.guardrails.filter((guardrail) => guardrail.chain === chain)
  const apart = apartScopes(model)
  for (const scope of new Set([...guardrails.flatMap(scopesOf), ...apart])) {
    if (scope === ALL_SCOPE) continue
    if (apart.has(scope)) {
      found.set(scope, scopeRead(all.filter((block) => block.inSegments)))
      continue
    }
    const mine = guardrails.filter((guardrail) => scopesOf(guardrail).includes(scope))
    const wanted = new Set(mine.flatMap((guardrail) => blocksRead(guardrail, model)))
    found.set(scope, scopeRead(all.filter((block) => wanted.has(block) || COUNTED_WITH_OTHERS.includes(block.kind))))
  }
  reads.set(chain, found)
  return found
}

/** Segments that may be taken out of the whole population, or stand for it: all that is read of everybody is read of them. */
function apartScopes(model: ModelLayout): ReadonlySet<string> {
  const { isolate, rungs } = model.plan.rollout
  const cohorts = rungs.flatMap(({ cohort }) => (cohort === '' ? [] : [cohort]))
  const values = model.scopes.filter(({ name }) => isolate !== '' && name.startsWith(`${isolate}=`))
  return new Set([...cohorts, ...values.map(({ name }) => name)])
}

/** Ids of the blocks read in a scope; null: all there are. */
export function wantedBlocks(model: ModelLayout, chain: ChainName, scope: string): ReadonlySet<string> | null {
  return scope === ALL_SCOPE ? null : (readsOf(model, chain).get(scope)?.ids ?? NOTHING)
}

const NOTHING: ReadonlySet<string> = new Set()

/** Blocks read of each segment by `<chain>|<scope>`, as open panes hold them. */
export function readNow(model: ModelLayout): Readonly<Record<string, readonly string[]>> {
  const chains = ['exposure', 'described', ...model.horizons.map((horizon) => horizon.chain)]
  const segments = chains.flatMap((chain) => [...readsOf(model, chain)].map(([scope, { blocks }]) => ({ chain, scope, blocks })))
  const listed = segments.filter(({ scope, blocks }) => scope !== ALL_SCOPE && blocks.length > 0)
  return Object.fromEntries(listed.map(({ chain, scope, blocks }) => [`${chain}|${scope}`, blocks.map((block) => block.id)]))
}

/** Rates of errors, stale events and repeated ids are taken of them, whatever a guardrail lists. */
const COUNTED_WITH_OTHERS: readonly Block['kind'][] = ['requests', 'errors']

function scopeRead(blocks: readonly Block[]): ScopeRead {
  return { blocks, ids: new Set(blocks.map((block) => block.id)), ...slotsOf(blocks) }
}
