/** `flyball act`: tells people of incidents, and does nothing else. `flyball run` does the same beside judging; where both run, one acts. */
import { type Command, Option } from 'commander'
import { systemClock } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import { actWorkerOf } from '../shell/act-start.ts'
import type { Emit } from '../telemetry/events.ts'
import { createLogger, logLines, standardError } from '../telemetry/log-lines.ts'
import { type ConnectionOptions, connected, withConnectionOptions } from './connected.ts'

interface Options extends ConnectionOptions {
  readonly logLevel: string
}

export function register(program: Command): void {
  withConnectionOptions(program.command('act'))
    .description('tell people of incidents, as the policy’s alerts say, until stopped')
    .addOption(
      new Option('--log-level <level>', 'how much is logged').choices(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
    )
    .action(act)
}

async function act(options: Options): Promise<void> {
  const logger = createLogger(options.logLevel, standardError())
  const emit: Emit = logLines(logger)
  await connected(options, async ({ loaded: { layout, policy }, log, topics }) => {
    let fail: (error: unknown) => void = () => undefined
    let end: () => void = () => undefined
    const ended = new Promise<void>((resolve, reject) => {
      end = resolve
      fail = reject
    })
    const write = (line: Readonly<Record<string, unknown>>): void => logger.warn(line, 'alert')
    const worker = actWorkerOf({ log, layout, topics, prefix: policy.kafka.prefix, clock: systemClock, emit, write }, fail)
    if (worker === null) throw new FlyballError('FLY-CLI-032', {})
    process.once('SIGINT', end).once('SIGTERM', end)
    worker.start(fail)
    try {
      await ended
    } finally {
      process.off('SIGINT', end).off('SIGTERM', end)
      await worker.stop()
    }
  })
}
