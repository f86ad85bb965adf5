/** `flyball init`: writes a commented policy that is valid as it stands and commands nothing (mode observe). */
import { existsSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { FlyballError } from '../kit/errors.ts'
import { printJson, printLine, tell } from './output.ts'
import { POLICY_TEMPLATE } from './policy-template.ts'

export function register(program: Command): void {
  program
    .command('init')
    .description('write a commented policy file to start from')
    .argument('[file]', 'where to write it', 'flyball.yaml')
    .option('--force', 'overwrite a file that exists')
    .option('--json', 'the result as JSON on stdout')
    .action((file: string, options: { force?: true; json?: true }) => {
      if (existsSync(file) && !options.force) throw new FlyballError('FLY-CLI-001', { file })
      write(file)
      if (options.json) printJson({ file })
      else printLine(file)
      tell(`Set topics, fields and versions in it, then: flyball validate ${file}`)
    })
}

function write(file: string): void {
  try {
    writeFileSync(file, POLICY_TEMPLATE)
  } catch (error) {
    throw new FlyballError('FLY-CLI-002', { file, problem: (error as Error).message }, { cause: error })
  }
}
