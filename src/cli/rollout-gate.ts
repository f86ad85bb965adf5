/** `flyball rollout gate MODEL --passed|--failed`: records what an offline validation said of an artifact, for people and pipelines. */
import type { Command } from 'commander'
import { artifactOf } from '../policy/layout.ts'
import { digest, said } from './arguments.ts'
import { type AskOptions, ask, confirm, report, withAskOptions } from './asking.ts'
import { type Connected, modelNamed } from './connected.ts'
import { connectedToAsk } from './sign.ts'

interface Options extends AskOptions {
  readonly artifact?: string
  readonly passed?: true
  readonly failed?: true
  readonly report: string
}

export function registerGate(command: Command): void {
  withAskOptions(command)
    .description('record that an artifact has passed, or failed, its offline validation')
    .option('--artifact <digest>', "algorithm:digest of the artifact; left out: the candidate's, as the policy names it", digest)
    .option('--passed', 'it may be shown traffic')
    .option('--failed', 'it may not')
    .requiredOption('--report <text>', 'what was found, or where that is to be read', said)
    .action((name: string, options: Options) => {
      if ((options.passed === true) === (options.failed === true)) command.error('error: say either --passed or --failed')
      return connectedToAsk(options, (connection) => gate(connection, name, options))
    })
}

async function gate(connection: Connected, name: string, options: Options): Promise<void> {
  const model = modelNamed(connection.loaded, name)
  const passed = options.passed === true
  // Null: the policy names none either, and the judge says so.
  const digest = options.artifact ?? (artifactOf(model) || null)
  const effect = `record a ${passed ? 'passed' : 'failed'} gate of ${digest ?? 'the candidate'}`
  if (options.dryRun) return report(options, { done: false, effect }, `Would ${effect}.`)
  await confirm(name, effect, options)
  const about = { subject: digest, body: JSON.stringify({ passed, report: options.report }) }
  return ask(connection, model, 'gate', effect, options, about)
}
