/** `flyball drill schedule`: when each model was last drilled, and whether that is recent enough for its policy. */
import type { Command } from 'commander'
import type { Decision } from '../domain.ts'
import { DRILL_RULE } from '../judge/drills.ts'
import { systemClock } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import { timeText } from '../kit/iso-time.ts'
import type { ModelLayout } from '../policy/layout.ts'
import { durationText } from '../policy/units.ts'
import { readDecisions } from '../shell/topic-reads.ts'
import { type ConnectionOptions, connected, withConnectionOptions } from './connected.ts'
import { cell, printJson, printLine, table } from './output.ts'

interface Options extends ConnectionOptions {
  readonly json?: true
}

export interface Scheduled {
  readonly model: string
  /** 0: on demand. */
  readonly everyMs: number
  /** Wall clock of the judge that recorded it; null: never. */
  readonly passedAtMs: number | null
  /** Scenarios whose last drill failed. */
  readonly failed: readonly string[]
  readonly overdue: boolean
}

export function registerSchedule(drill: Command): void {
  withConnectionOptions(drill.command('schedule'))
    .description('which models were drilled recently enough; exit 3 when one is overdue or has failed')
    .option('--json', 'as JSON on stdout')
    // Options that both have are taken by the command above.
    .action((_options: Options, command: Command) => schedule(command.optsWithGlobals<Options>()))
}

async function schedule(options: Options): Promise<void> {
  const scheduled = await connected(options, async ({ loaded, log, topics }) => {
    const decisions = (await readDecisions(log, topics.decisions)).map(({ decision }) => decision)
    return scheduleOf(loaded.layout.models, decisions, systemClock.nowMs())
  })
  if (options.json) printJson({ models: scheduled })
  else printLine(scheduled.length === 0 ? 'no model of the policy is drilled' : tableOf(scheduled))
  const wrong = scheduled.filter(({ overdue, failed }) => overdue || failed.length > 0)
  if (wrong.length > 0) throw new FlyballError('FLY-DRILL-004', { models: wrong.map(({ model }) => model).join(', ') })
}

/** Models with a drill, as the audit log tells of them. */
export function scheduleOf(models: readonly ModelLayout[], decisions: readonly Decision[], nowMs: number): readonly Scheduled[] {
  return models.flatMap(({ name, plan }) => {
    if (plan.drill === undefined) return []
    const { everyMs } = plan.drill
    const drills = decisions.filter(({ model, verdict }) => model === name && verdict.kind === 'recorded' && verdict.rule === DRILL_RULE)
    const results = drills.map(resultOf)
    const passedAtMs = results.findLast(({ passed }) => passed)?.atMs ?? null
    const last = new Map(results.map(({ scenario, passed }) => [scenario, passed]))
    const failed = [...last].flatMap(([scenario, passed]) => (passed ? [] : [scenario]))
    const overdue = everyMs > 0 && (passedAtMs === null || nowMs - passedAtMs > everyMs)
    return [{ model: name, everyMs, passedAtMs, failed, overdue }]
  })
}

interface Result {
  readonly scenario: string
  readonly passed: boolean
  readonly atMs: number
}

/** What a body does not tell, for it is no drill's, counts as a failure. */
function resultOf({ body, wallTimes, judgeTimeMs }: Decision): Result {
  const atMs = wallTimes['detected'] ?? judgeTimeMs
  try {
    const { scenario, passed } = JSON.parse(body) as { readonly scenario?: unknown; readonly passed?: unknown }
    return { scenario: typeof scenario === 'string' ? scenario : 'unknown', passed: passed === true, atMs }
  } catch {
    return { scenario: 'unknown', passed: false, atMs }
  }
}

function tableOf(scheduled: readonly Scheduled[]): string {
  const rows = scheduled.map(({ model, everyMs, passedAtMs, failed, overdue }) => [
    model,
    everyMs === 0 ? 'on demand' : durationText(everyMs),
    passedAtMs === null ? 'never' : timeText(passedAtMs),
    cell(failed.length === 0 ? '–' : failed.join(', ')),
    overdue ? 'OVERDUE' : failed.length > 0 ? 'FAILED' : 'ok',
  ])
  return table(['MODEL', 'EVERY', 'LAST PASSED', 'FAILED', 'STATE'], rows)
}
