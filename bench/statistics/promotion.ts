/** STATISTICS §11.5: how soon an equal candidate is at 100 %, beside other designs, and how often a harmful one gets there. */
import { spread } from './pool.ts'
import { EQUAL_SLICES_MAX, type EqualTask, HARMS, type HarmTask, LADDER_COMPARED, PROFILES_TRIED } from './promotion-runs.ts'
import type { RolloutResult } from './rollout.ts'
import type { Section, SectionOptions } from './section.ts'
import { allowedOf, boundOf, median, percent, span, table } from './verdicts.ts'

/** Level of each proof; a candidate exactly at the margin passes the last one at most so often. */
const PROMOTION_ALPHA = 0.05
/** Over all harmful rollouts together. */
const HARMFUL_ALPHA = 0.01

/** The riskiest: what does not reach 100 % there does not elsewhere. */
const SMALL_PROFILES = PROFILES_TRIED.slice(0, 1)

const MODULE = new URL('./promotion-runs.ts', import.meta.url).href

export async function promotion(options: SectionOptions): Promise<Section> {
  const equal = await equalCandidates(options)
  const cells = await harmfulCandidates(options)
  const harmful = cells.filter(({ task }) => task.times > 0)
  const rollouts = harmful.reduce((sum, cell) => sum + cell.results.length, 0)
  const promoted = harmful.reduce((sum, cell) => sum + promotedOf(cell), 0)
  const markdown = [equalText(equal), '', harmfulText(cells, rollouts, promoted)].join('\n')
  return {
    title: 'Time to promote, and what must not arrive',
    markdown,
    json: {
      promoteMinutes: Object.fromEntries(equal.map(({ name, minutes }) => [name, median(minutes)])),
      harmfulPromoted: promoted,
      harmfulRollouts: rollouts,
      harmful: Object.fromEntries(
        harmful.map((cell) => [
          cell.name,
          {
            rollouts: cell.results.length,
            promoted: promotedOf(cell),
            rolledBack: cell.results.filter((result) => result.rolledBack).length,
          },
        ]),
      ),
    },
    plots: [],
    broken: brokenOf(harmful, rollouts, promoted),
  }
}

interface Design {
  readonly name: string
  readonly what: string
  /** Stream time to 100 %; infinite: not in the time it was watched. */
  readonly minutes: readonly number[]
}

async function equalCandidates({ seed, small, workers, log }: SectionOptions): Promise<Design[]> {
  const count = small ? 3 : 20
  const run = async (design: EqualTask['design'], what: string): Promise<Design> => {
    const task: EqualTask = { seed, design }
    const minutes = await spread<number | null>({ module: MODULE, task: 'minutesToPromote', argument: task, count, workers })
    const found = minutes.map((each) => each ?? Number.POSITIVE_INFINITY)
    log(`equal candidate, ${design}: median ${median(found).toFixed(0)} minutes`)
    return { name: design, what, minutes: found }
  }
  const designs: Design[] = []
  for (const profile of small ? SMALL_PROFILES : PROFILES_TRIED) designs.push(await run(profile, `the product, profile ${profile}`))
  designs.push(await run('budget', 'the risk budget of the standard profile alone: no dwell, no least rows'))
  if (small) return designs
  designs.push(await run('fixed-margin', 'the same intervals, the whole margin asked for at every step'))
  designs.push(await run('fixed-horizon', 'one test a step, at the sample size planned for 90 % power'))
  return designs
}

interface Cell {
  readonly name: string
  readonly task: HarmTask
  readonly results: readonly RolloutResult[]
}

async function harmfulCandidates({ seed, small, workers, log }: SectionOptions): Promise<Cell[]> {
  const cells: Cell[] = []
  for (const profile of small ? SMALL_PROFILES : PROFILES_TRIED) {
    for (const harm of HARMS) {
      for (const times of [0, 1, 2, 4] as const) {
        const count = small ? 1 : times === 0 ? 5 : harm.startsWith('sticky') ? 15 : 20
        const task: HarmTask = { seed, profile, harm, times }
        const results = await spread<RolloutResult>({ module: MODULE, task: 'harmfulRollout', argument: task, count, workers })
        const cell = { name: `${profile}/${harm}/${times}x`, task, results }
        log(`${cell.name}: ${promotedOf(cell)} of ${count} at 100 %, ${results.filter((result) => result.rolledBack).length} rolled back`)
        cells.push(cell)
      }
    }
  }
  return cells
}

function promotedOf(cell: Cell): number {
  return cell.results.filter((result) => result.promoted).length
}

function equalText(designs: readonly Design[]): string {
  const rows = designs.map(({ name, what, minutes }) => {
    const sorted = [...minutes].sort((one, other) => one - other)
    return [name, what, minutes.length, span(median(minutes) * 60_000), `${span(sorted[0]! * 60_000)} – ${span(sorted.at(-1)! * 60_000)}`]
  })
  return [
    `An equal candidate: 2 % errors, margin half a point, 40 requests a second, ladder ${LADDER_COMPARED.join('–')}. All designs see the same traffic; watched for at most ${span(EQUAL_SLICES_MAX * 5_000)}.`,
    'The product waits at least the dwell of its profile on each step (30 s, 2 min, 15 min); the other designs wait for nothing but their numbers.',
    '',
    table(['design', 'what it asks for', 'rollouts', 'median', 'fastest – slowest'], rows),
  ].join('\n')
}

function harmfulText(cells: readonly Cell[], rollouts: number, promoted: number): string {
  const profiles = PROFILES_TRIED.filter((profile) => cells.some(({ task }) => task.profile === profile))
  const rows = profiles.flatMap((profile) =>
    HARMS.map((harm) => {
      const mine = cells.filter(({ task }) => task.profile === profile && task.harm === harm)
      const shown = mine.map((cell) => {
        const back = cell.results.filter((result) => result.rolledBack)
        const after = back.length === 0 ? '' : ` after ${span(median(back.map((result) => result.rolledBackAfterMs)))}`
        return `${promotedOf(cell)} of ${cell.results.length}; ${back.length} back${after}`
      })
      return [profile, harm, ...shown]
    }),
  )
  return [
    'An equal candidate for comparison, and one that is worse by the margin, twice and four times the margin (half a point of errors, two points of wrong outcomes; sticky: two and four points, 20,000 users that differ and come again):',
    'how many reached 100 %, how many were rolled back and after what stream time. Who did neither was still held when the watch ended, after three hours (conservative: six).',
    '',
    table(['profile', 'harm', 'equal', '1 × margin', '2 × margin', '4 × margin'], rows),
    '',
    `In all ${promoted} of ${rollouts.toLocaleString('en-US')} reached 100 % (${percent(promoted / rollouts)}; promised is ${percent(HARMFUL_ALPHA, 0)}, bound ${percent(boundOf(HARMFUL_ALPHA, rollouts))}; in each cell at most ${percent(PROMOTION_ALPHA, 0)}, the level of one proof).`,
  ].join('\n')
}

function brokenOf(cells: readonly Cell[], rollouts: number, promoted: number): string[] {
  const inCells = cells
    .filter((cell) => promotedOf(cell) > allowedOf(PROMOTION_ALPHA, cell.results.length))
    .map((cell) => `${cell.name}: ${promotedOf(cell)} of ${cell.results.length} harmful candidates reached 100 %`)
  const inAll = promoted > allowedOf(HARMFUL_ALPHA, rollouts) ? [`${promoted} of ${rollouts} harmful candidates reached 100 %`] : []
  return [...inAll, ...inCells]
}
