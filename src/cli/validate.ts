/** `flyball validate FILE`: is this policy one that the daemon would take? `--schema` prints its JSON Schema instead. */
import type { Command } from 'commander'
import { PolicyFaults } from '../policy/faults.ts'
import { type LoadedPolicy, loadPolicy } from '../policy/load.ts'
import { paneBound } from '../policy/pane-size.ts'
import { policyJsonSchema } from '../policy/schema.ts'
import { printJson, printLine, table, tell } from './output.ts'
import { stageNames } from './rollout-view.ts'

export function register(program: Command): void {
  program
    .command('validate')
    .description('check a policy file and say what it compiles to')
    .argument('[file]', 'the policy', 'flyball.yaml')
    .option('--json', 'the result as JSON on stdout')
    .option('--schema', 'print the JSON Schema (draft-07) of policy files and end')
    .action((file: string, options: { json?: true; schema?: true }) => {
      if (options.schema) printJson(policyJsonSchema())
      else if (options.json) validateAsJson(file)
      else validateForPeople(loadPolicy(file), file)
    })
}

function validateForPeople(loaded: LoadedPolicy, file: string): void {
  for (const warning of loaded.warnings) tell(`warning ${warning}`)
  const { layout } = loaded
  printLine(`${file} is valid: policy ${layout.policyDigest}, environment ${layout.environment}`)
  const rows = summaryOf(loaded).models.map((model) => [
    model.model,
    `${model.control} → ${model.candidate}`,
    model.mode,
    model.stages.join(' → '),
    String(model.scopes),
    model.guardrails.join(', '),
    `${(model.paneBytesMax / 1_000).toFixed(1)} kB`,
  ])
  printLine(table(['MODEL', 'VERSIONS', 'MODE', 'STAGES', 'SCOPES', 'GUARDRAILS', 'LARGEST PANE'], rows))
}

/** Faults are data here: they go to stdout too, and the exit code still says that the policy is refused. */
function validateAsJson(file: string): void {
  try {
    const loaded = loadPolicy(file)
    printJson({ valid: true, ...summaryOf(loaded), warnings: loaded.warnings })
  } catch (error) {
    if (!(error instanceof PolicyFaults)) throw error
    printJson({ valid: false, faults: error.faults })
    process.exitCode = error.spec.exit
  }
}

function summaryOf({ layout }: LoadedPolicy) {
  const models = layout.models.map((model) => ({
    model: model.name,
    control: model.versions[model.control],
    candidate: model.versions[model.candidate],
    mode: model.plan.mode,
    weights: model.plan.weights,
    ladder: model.plan.ladder,
    stages: stageNames(model.plan),
    scopes: model.scopes.length,
    guardrails: [...model.plan.guardrails, ...(model.plan.steady ?? [])].map((guardrail) => guardrail.name),
    paneBytesMax: paneBound(model).bytes,
  }))
  return { policyDigest: layout.policyDigest, environment: layout.environment, models }
}
