/** `flyball changelog MODEL`: its releases in order, by which steps, how each ended and why, and where people stepped in. */
import type { Command } from 'commander'
import { type Release, releases } from '../audit/changelog.ts'
import { timeText } from '../kit/iso-time.ts'
import { readDecisions } from '../shell/topic-reads.ts'
import { type ConnectionOptions, connected, modelNamed, withConnectionOptions } from './connected.ts'
import { oneLine, printJson, printLine } from './output.ts'

interface Options extends ConnectionOptions {
  readonly json?: true
}

const END_WORDS: Readonly<Record<Release['end'], string>> = {
  running: 'not ended',
  promoted: 'promoted',
  'rolled-back': 'rolled back',
  superseded: 'superseded',
}

export function register(program: Command): void {
  withConnectionOptions(program.command('changelog'))
    .description('the releases of a model in order: steps, times, how each ended and why')
    .argument('<model>', 'its name')
    .option('--json', 'as JSON on stdout')
    .action((model: string, options: Options) =>
      connected(options, async ({ loaded, log, topics }) => {
        const decisions = (await readDecisions(log, topics.decisions)).map(({ decision }) => decision)
        const found = releases(decisions.filter((decision) => decision.model === model))
        if (found.length === 0) modelNamed(loaded, model)
        if (options.json) printJson({ model, releases: found })
        else for (const line of lines(model, found)) printLine(oneLine(line))
      }),
    )
}

function lines(model: string, found: readonly Release[]): readonly string[] {
  if (found.length === 0) return [`${model}: no release yet`]
  return found.flatMap((release, index) => [...(index === 0 ? [] : ['']), ...block(release)])
}

function block(release: Release): readonly string[] {
  const { candidate, control, mode, startedMs, firstNumber, lastNumber, rungs, overrides, end, endedMs, because } = release
  return [
    `${candidate} against ${control}: ${END_WORDS[end]}`,
    `  started   ${timeText(startedMs)}  mode ${mode}, decisions ${firstNumber} to ${lastNumber}`,
    ...rungs.map(
      (rung) =>
        `  ${'share'.padEnd(8)}  ${timeText(rung.judgeTimeMs)}  ${rung.fromPercent} → ${rung.toPercent} %  ${rung.kind} (#${rung.number})`,
    ),
    ...overrides.map((override) => `  person    ${timeText(override.judgeTimeMs)}  ${override.note} (#${override.number})`),
    ...(endedMs === null ? [] : [`  ended     ${timeText(endedMs)}  ${because}`]),
  ]
}
