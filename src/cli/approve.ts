/** `flyball approve MODEL`: a person agrees that the rollout leaves its stage. */
import type { Command } from 'commander'
import { type AskOptions, askFor, withAskOptions } from './asking.ts'

interface Options extends AskOptions {
  readonly stage?: string
}

export function register(program: Command): void {
  withAskOptions(program.command('approve'))
    .description('agree that a rollout leaves a stage whose plan asks for it')
    .option('--stage <name>', 'the stage to be left, like "5 %": refused when it stands on another by now')
    .action((name: string, { stage, ...options }: Options) =>
      askFor('approve', name, { ...options, ...(stage === undefined ? {} : { subject: stage }) }),
    )
}
