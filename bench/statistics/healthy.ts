/** STATISTICS §11.1: how often a healthy candidate is taken back or throttled, in every setting that has fooled somebody. */
import { spread } from './pool.ts'
import type { RolloutResult } from './rollout.ts'
import type { Section, SectionOptions } from './section.ts'
import { HEALTHY, type RolloutTask, type Setting } from './settings.ts'
import { allowedOf, boundOf, median, percent, span, table } from './verdicts.ts'

export const ROLLBACK_ALPHA = 0.01
export const THROTTLE_ALPHA = 0.05

export interface Tally {
  readonly setting: Setting
  readonly rollouts: number
  readonly falseRollbacks: number
  readonly falseThrottles: number
  readonly promoted: number
  /** Over those that arrived. */
  readonly promotedAfterMs: number
  readonly strata: number
  /** Median of the highest share ever commanded, in percent. */
  readonly shareReached: number
  /** What was blamed, by how many. */
  readonly blamed: ReadonlyMap<string, number>
}

export async function healthy(options: SectionOptions): Promise<Section> {
  const tallies = await talliesOf(HEALTHY, options)
  const isKept = (tally: Tally) =>
    tally.falseRollbacks <= allowedOf(ROLLBACK_ALPHA, tally.rollouts) && tally.falseThrottles <= allowedOf(THROTTLE_ALPHA, tally.rollouts)
  const markdown = [
    'Each row is a setting in which candidate and control are equally good. A rollout is the whole product from the pane on: the judge climbs 1–5–25–50–100 %',
    'by its own rules, looks after every stratum and every slice, and two gateways follow a moment later. Traffic has a season, a ramp and bursts.',
    'Guardrails have no margin (but the log score, which needs one), so an equal candidate stands on the very edge of what counts as harm; margins make false alarms rarer still.',
    `Each harm has two guardrails, one that rolls back (budget ${percent(ROLLBACK_ALPHA, 0)}) and one that throttles (budget ${percent(THROTTLE_ALPHA, 0)}). The bound is the budget plus three standard errors.`,
    'The scopes and the sticky settings are watched for as many slices as four rungs take, and end before the last.',
    '',
    ...tallyLines(tallies, isKept),
  ].join('\n')
  const json = { healthy: jsonOf(tallies) }
  return { title: 'Healthy rollouts', markdown, json, plots: [], broken: brokenOf(tallies, isKept) }
}

export async function talliesOf(settings: readonly Setting[], options: SectionOptions): Promise<Tally[]> {
  const tallies: Tally[] = []
  for (const setting of settings) tallies.push(await tallyOf(setting, options))
  return tallies
}

export async function tallyOf(setting: Setting, { seed, small, workers, log }: SectionOptions): Promise<Tally> {
  const rollouts = small ? setting.rolloutsSmall : setting.rollouts
  const task: RolloutTask = { seed, small, setting: setting.name }
  const startedMs = performance.now()
  const results = await spread<RolloutResult>({
    module: new URL('./settings.ts', import.meta.url).href,
    task: 'rolloutOf',
    argument: task,
    count: rollouts,
    workers,
  })
  const tally = summed(setting, results)
  const seconds = (performance.now() - startedMs) / 1_000
  log(
    `${setting.name}: ${tally.falseRollbacks} of ${rollouts} rolled back, ${tally.falseThrottles} throttled, ${tally.promoted} at 100 %, ${seconds.toFixed(1)} s`,
  )
  return tally
}

function summed(setting: Setting, results: readonly RolloutResult[]): Tally {
  const blamed = new Map<string, number>()
  for (const result of results) {
    for (const words of [
      result.rolledBack ? `rollback: ${result.reason}` : '',
      result.throttles > 0 ? `throttle: ${result.throttledBy}` : '',
    ]) {
      if (words !== '') blamed.set(words, (blamed.get(words) ?? 0) + 1)
    }
  }
  const arrived = results.filter((result) => result.promoted)
  const mean = (value: (result: RolloutResult) => number) => results.reduce((sum, result) => sum + value(result), 0) / results.length
  return {
    setting,
    rollouts: results.length,
    falseRollbacks: results.filter((result) => result.rolledBack).length,
    falseThrottles: results.filter((result) => result.throttles > 0).length,
    promoted: arrived.length,
    promotedAfterMs: median(arrived.map((result) => result.promotedAfterMs)),
    strata: mean((result) => result.strata),
    shareReached: median(results.map((result) => result.shareMax)),
    blamed,
  }
}

/** The figures of every setting, what happens in each, and what was blamed. */
export function tallyLines(tallies: readonly Tally[], isKept: (tally: Tally) => boolean): string[] {
  const settings = tallies.map(({ setting }) => [setting.name, setting.what])
  return [tallyTable(tallies, isKept), '', table(['setting', 'what happens'], settings), '', ...blameLines(tallies)]
}

function tallyTable(tallies: readonly Tally[], isKept: (tally: Tally) => boolean): string {
  const head = [
    'setting',
    'rollouts',
    'strata each',
    'false rollbacks',
    'bound',
    'false throttles',
    'bound',
    'at 100 %',
    'after (median)',
    'kept',
  ]
  return table(
    head,
    tallies.map((tally) => [
      tally.setting.name,
      tally.rollouts.toLocaleString('en-US'),
      Math.round(tally.strata),
      `${tally.falseRollbacks} (${percent(tally.falseRollbacks / tally.rollouts)})`,
      percent(boundOf(ROLLBACK_ALPHA, tally.rollouts)),
      `${tally.falseThrottles} (${percent(tally.falseThrottles / tally.rollouts)})`,
      percent(boundOf(THROTTLE_ALPHA, tally.rollouts)),
      `${tally.shareReached} %`,
      percent(tally.promoted / tally.rollouts, 0),
      span(tally.promotedAfterMs),
      isKept(tally) ? 'yes' : '**no**',
    ]),
  )
}

function blameLines(tallies: readonly Tally[]): string[] {
  const blamed = tallies.filter((tally) => tally.blamed.size > 0)
  if (blamed.length === 0) return []
  const words = (tally: Tally) => [...tally.blamed].sort(([, one], [, other]) => other - one).map(([what, count]) => `${what} (${count})`)
  return ['What was blamed:', '', ...blamed.map((tally) => `- ${tally.setting.name}: ${words(tally).join(', ')}`), '']
}

export function jsonOf(tallies: readonly Tally[]) {
  return Object.fromEntries(
    tallies.map(({ setting, rollouts, falseRollbacks, falseThrottles, promoted, promotedAfterMs }) => [
      setting.name,
      {
        rollouts,
        falseRollbacks,
        falseThrottles,
        promoted,
        medianMinutes: Number.isNaN(promotedAfterMs) ? null : promotedAfterMs / 60_000,
        ...(setting.knownWeakness === undefined ? {} : { knownWeakness: true }),
      },
    ]),
  )
}

export function brokenOf(tallies: readonly Tally[], isKept: (tally: Tally) => boolean): string[] {
  return tallies
    .filter((tally) => !isKept(tally) && tally.setting.knownWeakness === undefined)
    .map(
      (tally) =>
        `${tally.setting.name}: ${tally.falseRollbacks} false rollbacks and ${tally.falseThrottles} false throttles of ${tally.rollouts}`,
    )
}
