/** `flyball rollback MODEL`: asks the judge to take the candidate back; `--break-glass` does it without the judge. */
import type { Command } from 'commander'
import { systemClock } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import type { ModelLayout } from '../policy/layout.ts'
import { breakGlass } from '../shell/break-glass.ts'
import { type AskOptions, ask, asker, confirm, report, withAskOptions } from './asking.ts'
import { type Connected, modelNamed } from './connected.ts'
import { effectOf } from './effects.ts'
import { connectedToAsk, signerFor, wouldBeBelieved } from './sign.ts'

interface Options extends AskOptions {
  readonly breakGlass?: true
}

export function register(program: Command): void {
  withAskOptions(program.command('rollback'))
    .description('send all traffic of a model back to its control version')
    .option('--break-glass', 'fence the judge and write the command directly')
    .action((name: string, options: Options) => connectedToAsk(options, (connection) => rollback(connection, name, options)))
}

async function rollback(connection: Connected, name: string, options: Options): Promise<void> {
  const model = modelNamed(connection.loaded, name)
  const effect = await effectOf('rollback', connection, model)
  if (options.dryRun) return report(options, { done: false, effect }, `Would ${effect}.`)
  await confirm(name, effect, options)
  if (options.breakGlass) return broken(connection, model, effect, options)
  return ask(connection, model, 'rollback', effect, options)
}

async function broken({ loaded, log }: Connected, model: ModelLayout, effect: string, options: Options): Promise<void> {
  const { layout, policy } = loaded
  const signer = signerFor(layout, options)
  if (!wouldBeBelieved(layout, signer, systemClock.nowMs())) throw new FlyballError('FLY-SIGN-001', { key: signer?.keyId ?? 'no key' })
  const { who, knownBy } = asker(policy, options)
  const command = await breakGlass({
    log,
    layout,
    prefix: policy.kafka.prefix,
    model,
    who: `${who} (${knownBy === 'principal' ? 'Kafka principal' : 'OS user'})`,
    reason: options.reason,
    clock: systemClock,
    signer,
  })
  const text = `Command ${command.epoch}.${command.sequence} was sent, to ${effect}. The judge was fenced and takes over from it.`
  report(options, { done: true, effect, command }, text)
}
