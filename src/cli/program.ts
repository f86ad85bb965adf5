/** The command line as a whole: parses, runs one command, answers with an exit code. Usage errors are 2, as PRODUCT says. */
import { Command, CommanderError } from 'commander'
import { commandsFor } from './commands.ts'
import { reportFailure } from './output.ts'
import { packageVersion } from './version.ts'

const EXIT_USAGE = 2

/** 0 ok, 1 failure, 2 usage or configuration, 3 findings, 4 unreachable, 5 denied. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  const program = await buildProgram(argv)
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return typeof process.exitCode === 'number' ? process.exitCode : 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE
    return reportFailure(error)
  }
}

/** With the commands that `argv` needs; without one with all of them. */
export async function buildProgram(argv: readonly string[] = []): Promise<Command> {
  const program = new Command('flyball')
    .description('Governor for model rollouts on Kafka: judges a candidate beside its control and throttles or rolls it back.')
    .version(packageVersion())
    .exitOverride()
    .showHelpAfterError('(flyball --help lists commands and options)')
  for (const command of await commandsFor(argv)) command.register(program)
  for (const command of program.commands) manners(command)
  return program
}

/** Subcommands take over what their command had when they were made, so each is told where its own help is. */
function manners(command: Command, parents = 'flyball'): void {
  const path = `${parents} ${command.name()}`
  command
    .exitOverride()
    .showHelpAfterError(`(${path} --help lists ${command.commands.length > 0 ? 'commands and options' : 'the options'})`)
  for (const inner of command.commands) manners(inner, path)
}
