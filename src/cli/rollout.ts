/** `flyball rollout start|gate|hold|resume|promote|abort|release|status MODEL`: what people do with a rollout, and where it stands. */
import type { Command } from 'commander'
import { isoTime } from '../kit/iso-time.ts'
import { newestDecisions } from '../shell/newest-decisions.ts'
import { readCommands } from '../shell/topic-reads.ts'
import { segment } from './arguments.ts'
import { asking, withUntil } from './asking.ts'
import { type Connected, type ConnectionOptions, connected, modelNamed, withConnectionOptions } from './connected.ts'
import { brief } from './explain-words.ts'
import { printJson, printLine, table, weightsText } from './output.ts'
import { registerGate } from './rollout-gate.ts'
import { historyOf, type RolloutView, rolloutView, tellsWhy } from './rollout-view.ts'

interface Options extends ConnectionOptions {
  readonly history?: true
  readonly json?: true
}

export function register(program: Command): void {
  const rollout = program.command('rollout').description('start, hold, resume, promote or abort a rollout, and see where it stands')
  asking(rollout.command('start'), 'start').description(
    'begin a rollout that waits for a person, if the pre-flight checks of its plan hold',
  )
  registerGate(rollout.command('gate'))
  withUntil(asking(rollout.command('hold'), 'hold')).description(
    'raise nothing of this rollout until it is resumed; harm still takes it back',
  )
  asking(rollout.command('resume'), 'resume').description('end a hold, or begin a rolled-back rollout anew at its first stage')
  asking(rollout.command('promote'), 'promote').description('one step up without waiting for the dwell, if all else is proven')
  asking(rollout.command('abort'), 'abort').description('end the rollout: the candidate gets no traffic, and is not quarantined')
  asking(
    rollout.command('release').requiredOption('--segment <dimension=value>', 'the segment that the candidate is kept out of', segment),
    'release',
  ).description('let the candidate into a segment again that it was kept out of')
  withConnectionOptions(rollout.command('status'))
    .description('stage, weights, holds and freezes, and what it waits for')
    .argument('<model>')
    .option('--history', 'every decision that moved or held, with its reason')
    .option('--json', 'as JSON on stdout')
    .action((name: string, options: Options) => connected(options, (connection) => status(connection, name, options)))
}

async function status({ loaded, log, topics }: Connected, name: string, options: Options): Promise<void> {
  const model = modelNamed(loaded, name)
  const commands = await readCommands(log, topics.control)
  // The whole of the log is read for the history alone.
  const decisions = await newestDecisions(log, topics.decisions, name, options.history ? () => false : tellsWhy)
  const view = rolloutView(decisions, commands.get(name) ?? null, model)
  const history = options.history ? historyOf(decisions) : null
  if (options.json) return printJson({ ...view, ...(history === null ? {} : { history }) })
  for (const line of linesOf(view)) printLine(line)
  if (history === null) return
  const rows = history.map(({ number, judgeTimeMs, verdict, rule, stage, weightsAfter, reason }) => [
    `#${number}`,
    isoTime(judgeTimeMs),
    verdict,
    rule,
    stage || '–',
    weightsText(weightsAfter),
    reason,
  ])
  printLine('')
  printLine(table(['DECISION', 'TIME', 'VERDICT', 'RULE', 'STAGE', 'WEIGHTS', 'REASON'], rows))
}

function linesOf(view: RolloutView): readonly string[] {
  const { command, last } = view
  return [
    `model      ${view.model}, mode ${view.mode}`,
    `stage      ${view.phase}, ${view.candidate} at ${view.percent} %`,
    `stages     ${view.stages.map(({ name, isNow }) => (isNow ? `[${name}]` : name)).join(' → ')}`,
    `weights    ${weightsText(last?.weightsAfter ?? { [view.control]: 100, [view.candidate]: 0 })}`,
    ...view.segments.map((apart) => `in segment ${apart.segment}: ${weightsText(apart.weights)}`),
    `command    ${command === null ? 'none' : `${command.epoch}.${command.sequence} (${command.kind})`}`,
    ...view.restraints.map(
      ({ kind, who, reason, untilMs }) => `${kind.padEnd(10)} by ${who}${untilMs === null ? '' : ` until ${isoTime(untilMs)}`}: ${reason}`,
    ),
    ...view.approvals.map(({ who, stage }) => `approval   of stage ${stage} by ${who}`),
    ...disagreementLine(view),
    ...view.waitsFor.map((words) => `waits for  ${words}`),
    ...whyLine(view),
    `last       ${last === null ? 'nothing decided yet' : `#${last.number} ${last.summary}`}`,
  ]
}

/** What it waits for says it too; and so does what was decided last, save of a command. */
function whyLine({ why, last, waitsFor }: RolloutView): readonly string[] {
  return why === null || why.number === last?.number || waitsFor.length > 0 ? [] : [`why        #${why.number} ${why.summary}`]
}

function disagreementLine({ disagreement }: RolloutView): readonly string[] {
  if (disagreement === null) return []
  const { number, reading } = disagreement
  const [rate, low, high] = [reading.estimate, reading.intervalLow, reading.intervalHigh].map((share) => `${brief(100 * share)} %`)
  return [`disagree   ${rate} (${low} … ${high}) of ${reading.candidateRows} pairs in the shadow, as of decision #${number}`]
}
