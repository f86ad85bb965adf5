/**
 * Delay (STATISTICS §11.3): how long a harm of known size stays unfound, beside an oracle that knows both rates, the split and the onset.
 *
 * Three bounds are asked for: 1.6 × the oracle with one scope, 2.5 × with 420, 3.5 × after 500 healthy strata. Two ratios are shown. The
 * first counts requests, the oracle looking after each. The second lets both look at the same moments, where strata close: a stratum
 * holds at least 200 requests, so where the oracle needs fewer than some hundred no test that reads strata can be near the first.
 */
import { logStartWeight } from '../../detectors/math/start-mixture.ts'
import { tilted } from '../../detectors/math/traffic.ts'
import { DEFAULT_GRID } from '../../detectors/two-arm.ts'
import { type DelaySetting, type Delays, type DelayTask, manyScopes, ONE_SCOPE, type ScopeBudget, STRATUM_REQUESTS } from './delay-runs.ts'
import { oracleBets } from './peers/oracle.ts'
import { type Chart, chartSvg } from './plots.ts'
import { spread } from './pool.ts'
import type { Plot, Section, SectionOptions } from './section.ts'
import { table } from './verdicts.ts'

const ALPHA = 0.01
const CANDIDATE_SHARE = 0.1
const PARTS = 4

/** One of the three tables, with the bound it is held against. */
interface Family {
  readonly key: string
  readonly title: string
  readonly bound: number
  readonly budget: ScopeBudget
  readonly onsetStrata: number
  readonly strataMax: number
  readonly rollouts: number
}

interface Grid {
  readonly baseRates: readonly number[]
  readonly odds: readonly number[]
  readonly requestsPerPane: readonly number[]
}

const WHOLE: Grid = { baseRates: [0.001, 0.01, 0.02, 0.1, 0.3, 0.5], odds: [1.5, 2, 3, 5], requestsPerPane: [200, 2, 0.1] }
const SMALL: Grid = { baseRates: [0.02, 0.3], odds: [2, 5], requestsPerPane: [200, 2, 0.1] }

function familiesOf(small: boolean): readonly Family[] {
  const rollouts = (whole: number, few: number) => (small ? few : whole)
  return [
    {
      key: '1 scope, onset 0',
      title: 'One scope, harm from the beginning',
      bound: 1.6,
      budget: ONE_SCOPE,
      onsetStrata: 0,
      strataMax: 20_000,
      rollouts: rollouts(200, 40),
    },
    {
      key: '420 scopes, onset 0',
      title: '420 scopes, harm from the beginning, at most 300 strata',
      bound: 2.5,
      budget: manyScopes(),
      onsetStrata: 0,
      strataMax: 300,
      rollouts: rollouts(100, 6),
    },
    {
      key: '1 scope, onset 500',
      title: 'One scope, harm after 500 healthy strata',
      bound: 3.5,
      budget: ONE_SCOPE,
      onsetStrata: 500,
      strataMax: 20_000,
      rollouts: rollouts(100, 10),
    },
  ]
}

/** One setting, summed up. */
export interface DelayRow {
  readonly family: string
  readonly baseRate: number
  readonly odds: number
  readonly requestsPerPane: number
  readonly rollouts: number
  /** Runs found before they were given up, and the oracle's. */
  readonly found: number
  readonly oracleFound: number
  /** Means over all runs; medians where a few were given up; NaN where half were. */
  readonly requests: number
  readonly panes: number
  readonly strata: number
  readonly oracleRequests: number
  readonly oracleReadRequests: number
  readonly oracleStrata: number
  /** Flyball over the oracle: after each request, and where strata close. */
  readonly ratio: number
  readonly ratioAtClose: number
  /** What looking only where strata close costs the oracle itself. */
  readonly ratioOfClosing: number
}

export async function delay(options: SectionOptions): Promise<Section> {
  const grid = options.small ? SMALL : WHOLE
  const families = familiesOf(options.small)
  const settings = families.flatMap((family) => settingsOf(family, grid))
  const task: DelayTask = { seed: options.seed, settings, parts: PARTS }
  const parts = await spread<Delays[]>({
    module: new URL('./delay-runs.ts', import.meta.url).href,
    task: 'delayRuns',
    argument: task,
    count: settings.length * PARTS,
    workers: options.workers,
    chunk: 1,
    progress: (done, count) => {
      if (done % Math.ceil(count / 10) === 0) options.log(`delay: ${done} of ${count} parts`)
    },
  })
  const rows = settings.map((each, index) => summedUp(each, parts.slice(index * PARTS, (index + 1) * PARTS).flat()))
  const usable = rows.filter((row) => Number.isFinite(row.ratio))
  return {
    title: 'Delay beside the oracle',
    markdown: markdownOf(families, rows),
    json: {
      delayOverOracle: Object.fromEntries(usable.map((row) => [nameOf(row), rounded(row.ratio)])),
      delayAtClose: worstAtClose(usable),
    },
    plots: plotsOf(families, rows),
  }
}

/**
 * Whether the oracle alone, by Wald's approximation, needs more strata than a run is given: nothing would be found, and nothing learnt.
 */
export function isOutOfReach({ baseRate, odds, candidateShare, alpha, strataMax }: DelaySetting): boolean {
  const { growth } = oracleBets(baseRate, tilted(baseRate, odds), candidateShare)
  return -Math.log(alpha) / growth / STRATUM_REQUESTS > strataMax
}

type Named = DelayTask['settings'][number] & { readonly family: string }

function settingsOf(family: Family, grid: Grid): readonly Named[] {
  return grid.requestsPerPane.flatMap((requestsPerPane) =>
    grid.baseRates.flatMap((baseRate) =>
      grid.odds.map((odds) => {
        const { budget, onsetStrata, strataMax, rollouts } = family
        const setting: DelaySetting = {
          baseRate,
          odds,
          requestsPerPane,
          candidateShare: CANDIDATE_SHARE,
          onsetStrata,
          strataMax,
          alpha: ALPHA,
          budget,
        }
        const name = nameOf({ family: family.key, baseRate, odds, requestsPerPane })
        return { name, family: family.key, rollouts: isOutOfReach(setting) ? 0 : rollouts, setting }
      }),
    ),
  )
}

function nameOf(row: Pick<DelayRow, 'family' | 'baseRate' | 'odds' | 'requestsPerPane'>): string {
  return `${row.family}, base ${percent(row.baseRate)}, odds × ${row.odds}, ${row.requestsPerPane} a pane`
}

export function summedUp({ family, rollouts, setting }: Named, runs: readonly Delays[]): DelayRow {
  const { baseRate, odds, requestsPerPane } = setting
  const of = (field: keyof Delays) => typical(runs.map((run) => run[field]))
  const requests = of('requests')
  const oracleRequests = of('oracleRequests')
  const oracleReadRequests = of('oracleReadRequests')
  return {
    family,
    baseRate,
    odds,
    requestsPerPane,
    rollouts,
    found: runs.filter((run) => isFound(run.requests)).length,
    oracleFound: runs.filter((run) => isFound(run.oracleRequests)).length,
    requests,
    panes: of('panes'),
    strata: of('strata'),
    oracleRequests,
    oracleReadRequests,
    oracleStrata: of('oracleStrata'),
    ratio: requests / oracleRequests,
    ratioAtClose: requests / oracleReadRequests,
    ratioOfClosing: oracleReadRequests / oracleRequests,
  }
}

/** ∞ comes back from another process as null. */
function isFound(value: number | null): value is number {
  return value !== null && Number.isFinite(value)
}

/** The mean when every run was found; the median when most were; NaN otherwise. */
export function typical(values: readonly (number | null)[]): number {
  const found = values.filter(isFound)
  if (found.length === values.length && found.length > 0) return found.reduce((sum, value) => sum + value, 0) / found.length
  const ordered = values.map((value) => (isFound(value) ? value : Number.POSITIVE_INFINITY)).sort((one, other) => (one < other ? -1 : 1))
  const low = ordered[Math.floor((ordered.length - 1) / 2)] ?? Number.NaN
  const high = ordered[Math.ceil((ordered.length - 1) / 2)] ?? Number.NaN
  return Number.isFinite(low) && Number.isFinite(high) ? (low + high) / 2 : Number.NaN
}

// ── in words ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

function markdownOf(families: readonly Family[], rows: readonly DelayRow[]): string {
  const nats = Math.log(1 / ALPHA)
  return [
    `Requests until the evidence stands at 1/α (α = ${percent(ALPHA)}), ${percent(CANDIDATE_SHARE)} of the traffic on the candidate, over the size of the harm (odds of the event on the`,
    'candidate over the control’s), from the onset on. The oracle is Wald’s test with the same α on the same requests: it is told both rates,',
    `the split and the onset, and looks after every request. Panes merge into strata of at least ${STRATUM_REQUESTS} requests and both arms, the judge’s rule.`,
    'A cell reads: requests (panes) of Flyball · times the oracle’s requests · times the requests of the same oracle when it, too, looks only',
    'where a stratum closes. Means over the rollouts; medians (marked ~) where a few were not found within the strata allowed.',
    '',
    ...families.flatMap((family) =>
      familyTable(
        family,
        rows.filter((row) => row.family === family.key),
      ),
    ),
    `**Where the difference goes.** The oracle needs evidence to grow by ln(1/α) = ${nats.toFixed(2)} nats. Not knowing the size of the harm costs`,
    `${SIZE_NATS.map((each) => each.toFixed(1)).join(' to ')} (a mixture over ${DEFAULT_GRID.steps.length} sizes, the small ones with more capital); not knowing its onset ${START_NATS.toFixed(2)} where it is the beginning, and ${LATE_NATS.toFixed(1)} for one start near the 500th stratum, less what`,
    `its neighbours add; a quarter of the budget in place of all of it ln 4 = ${Math.log(4).toFixed(2)}. Without the help of neighbouring bets and starts that is a ratio of at least`,
    `${ratioOf(START_NATS)} for one scope, ${ratioOf(START_NATS + Math.log(4))} for 420 and ${ratioOf(LATE_NATS)} after 500 strata. No test that keeps its promise over 501 possible onsets can give each of them`,
    `more than 1/501 on average: ln 501 = ${Math.log(501).toFixed(1)} nats, a ratio of ${(1 + Math.log(501) / nats).toFixed(2)} for an onset that shares nothing with its neighbours, is the price of not being told when.`,
    'Smaller strata (`limits.stratumRequests`) bring the first look forward where harm is gross.',
    '',
  ].join('\n')
}

/** −ln of the weight that the start mixture puts on its first stratum, and on the 500th. */
const START_NATS = -logStartWeight(0)
const LATE_NATS = -logStartWeight(500)

/** −ln of the largest and the smallest weight of the grid. */
const SIZE_NATS = [-Math.log(Math.max(...DEFAULT_GRID.weights)), -Math.log(Math.min(...DEFAULT_GRID.weights))] as const

function ratioOf(nats: number): string {
  return (1 + (SIZE_NATS[0] + nats) / Math.log(1 / ALPHA)).toFixed(2)
}

function familyTable(family: Family, rows: readonly DelayRow[]): readonly string[] {
  const densities = [...new Set(rows.map((row) => row.requestsPerPane))]
  const pairs = [...new Map(rows.map((row) => [`${row.baseRate} ${row.odds}`, row])).values()]
  const head = ['base rate', 'odds', 'oracle: requests (strata)', ...densities.map((density) => `${density} a pane`), `≤ ${family.bound} ×`]
  const lines = pairs.map(({ baseRate, odds }) => {
    const mine = rows.filter((row) => row.baseRate === baseRate && row.odds === odds)
    const first = mine.at(1) ?? mine[0]!
    const oracle =
      first.rollouts === 0
        ? `more than ${family.strataMax} strata`
        : Number.isFinite(first.oracleRequests)
          ? `${whole(first.oracleRequests)} (${first.oracleStrata.toFixed(1)})`
          : `${first.oracleFound} of ${first.rollouts} found`
    return [percent(baseRate), `× ${odds}`, oracle, ...mine.map(cellOf), verdictOf(mine, family.bound)]
  })
  return [`### ${family.title} (${family.rollouts} rollouts each)`, '', table(head, lines), '', ...missesInWords(family, rows), '']
}

function cellOf(row: DelayRow): string {
  if (row.rollouts === 0) return 'not run'
  if (!Number.isFinite(row.requests)) return `${row.found} of ${row.rollouts} found`
  const about = row.found < row.rollouts ? '~' : ''
  const ratios = Number.isFinite(row.ratio) ? `${row.ratio.toFixed(2)} · ${row.ratioAtClose.toFixed(2)}` : '–'
  return `${about}${whole(row.requests)} (${whole(row.panes)}) · ${ratios}`
}

/** Strictest first: after each request, where strata close, not at all. */
function verdictOf(rows: readonly DelayRow[], bound: number): string {
  const judged = rows.filter((row) => Number.isFinite(row.ratio))
  if (judged.length === 0) return 'out of reach'
  const where = judged.length < rows.length ? ', where found' : ''
  if (judged.every((row) => row.ratio <= bound)) return `met${where}`
  return judged.every((row) => row.ratioAtClose <= bound) ? `met where strata close${where}` : 'not met'
}

function missesInWords(family: Family, rows: readonly DelayRow[]): readonly string[] {
  const judged = rows.filter((row) => Number.isFinite(row.ratio))
  const unjudged = rows.length - judged.length
  const misses = judged.filter((row) => row.ratio > family.bound)
  const atClose = judged.filter((row) => row.ratioAtClose > family.bound)
  const worst = (values: readonly number[]) => Math.max(...values).toFixed(2)
  const lines = [
    `Of ${judged.length} cells ${judged.length - misses.length} meet ${family.bound} × with the oracle looking after every request, and ${judged.length - atClose.length} with both looking where strata close (largest: ${worst(judged.map((row) => row.ratioAtClose))} ×).`,
  ]
  if (misses.length > 0) {
    const closing = misses.map((row) => row.ratioOfClosing)
    const rest = misses.map((row) => row.ratioAtClose)
    lines.push(
      `In the ${misses.length} that miss, the oracle is sure within ${worst(misses.map((row) => row.oracleStrata))} strata on average at most. The ratio then has two factors: looking only where strata of ${STRATUM_REQUESTS} requests close costs the oracle itself ${Math.min(...closing).toFixed(2)}–${worst(closing)} ×, and so any test that reads strata, whatever else it knows; what Flyball pays for knowing neither rates nor size nor onset is ${Math.min(...rest).toFixed(2)}–${worst(rest)} ×.`,
    )
  }
  if (unjudged > 0) {
    lines.push(
      `${unjudged} cells have no ratio: ${rows.filter((row) => row.rollouts === 0).length} were not run, since the oracle itself needs more than ${family.strataMax} strata there (ln(1/α) over its growth a request), in the others fewer than half of the rollouts were found within them.`,
    )
  }
  return lines
}

function worstAtClose(rows: readonly DelayRow[]): Record<string, number> {
  const worst: Record<string, number> = {}
  for (const row of rows) worst[row.family] = Math.max(worst[row.family] ?? 0, rounded(row.ratioAtClose))
  return worst
}

function rounded(value: number): number {
  return Number(value.toFixed(3))
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

// ── drawn ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

const PLOTTED = [0.001, 0.02, 0.3]

function plotsOf(families: readonly Family[], rows: readonly DelayRow[]): readonly Plot[] {
  return families.map((family, index) => ({ name: `delay-${index + 1}`, svg: chartSvg(delayChart(family, rows)) }))
}

/** Delay against effect, at two requests a pane: panes of 200 or .1 give the same strata but for the size of the last pane. */
function delayChart(family: Family, rows: readonly DelayRow[]): Chart {
  const mine = rows.filter((row) => row.family === family.key && row.requestsPerPane === 2)
  const baseRates = PLOTTED.filter((baseRate) => mine.some((row) => row.baseRate === baseRate && Number.isFinite(row.requests)))
  const points = (baseRate: number, value: (row: DelayRow) => number) =>
    mine.filter((row) => row.baseRate === baseRate && Number.isFinite(value(row))).map((row) => [row.odds, value(row)] as const)
  return {
    title: family.title,
    x: {
      label: 'odds of the event on the candidate over the control’s (log)',
      scale: 'log',
      low: 1.4,
      high: 5.4,
      tick: (value) => String(value),
    },
    y: { label: 'requests from onset to decision (log)', scale: 'log' },
    limits: [{ y: STRATUM_REQUESTS, label: 'first look: one stratum' }],
    lines: baseRates.flatMap((baseRate, colour) => [
      { name: `Flyball, ${percent(baseRate)} base rate`, points: points(baseRate, (row) => row.requests), hasMarkers: true, colour },
      {
        name: `oracle, ${percent(baseRate)}`,
        points: points(baseRate, (row) => row.oracleRequests),
        isQuiet: true,
        hasMarkers: true,
      },
    ]),
  }
}
