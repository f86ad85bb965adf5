/** `flyball init`: writes a commented policy that is valid as it stands and commands nothing (mode observe); with `--plan` what a release begins with. */
import { existsSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { FlyballError } from '../kit/errors.ts'
import { printJson, printLine, tell } from './output.ts'
import { type PlanFile, planFiles } from './plan-template.ts'
import { POLICY_TEMPLATE } from './policy-template.ts'

interface Options {
  /** True: of a model not named yet. */
  readonly plan?: string | true
  readonly force?: true
  readonly json?: true
}

export function register(program: Command): void {
  program
    .command('init')
    .description('write a commented policy file to start from')
    .argument('[file]', 'where to write it', 'flyball.yaml')
    .option('--plan [model]', 'the plan of a rollout, a checklist and a review to fill in, instead of a policy')
    .option('--force', 'overwrite a file that exists')
    .option('--json', 'the result as JSON on stdout')
    .action((file: string, options: Options) => {
      const { plan } = options
      if (plan !== undefined) return writePlan(plan === true ? 'MODEL' : plan, options)
      writeAll([{ name: file, text: POLICY_TEMPLATE }], options)
      if (options.json) printJson({ file })
      else printLine(file)
      tell(`Set topics, fields and versions in it, then: flyball validate ${file}`)
    })
}

function writePlan(model: string, options: Options): void {
  const files = planFiles(model)
  writeAll(files, options)
  if (options.json) printJson({ files: files.map(({ name }) => name) })
  else for (const { name } of files) printLine(name)
  tell(`Fill in the plan and paste it below models.${model}, then: flyball validate`)
}

/** All of them, or none: what exists is found before anything is written. */
function writeAll(files: readonly PlanFile[], { force }: Options): void {
  const existing = files.find(({ name }) => existsSync(name))
  if (existing !== undefined && !force) throw new FlyballError('FLY-CLI-001', { file: existing.name })
  for (const { name, text } of files) write(name, text)
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text)
  } catch (error) {
    throw new FlyballError('FLY-CLI-002', { file, problem: (error as Error).message }, { cause: error })
  }
}
