/** `flyball mode MODEL observe|enforce`: takes the judge's hand off the traffic of a model, and puts it on again. */
import { Argument, type Command } from 'commander'
import { type AskOptions, askFor, withAskOptions } from './asking.ts'

export function register(program: Command): void {
  withAskOptions(program.command('mode'))
    .description('stop commanding the traffic of a model while judging goes on, or command it again')
    .addArgument(new Argument('<mode>').choices(['observe', 'enforce']))
    .action((name: string, subject: string, options: AskOptions) => askFor('mode', name, { ...options, subject }))
}
