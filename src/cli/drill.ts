/** `flyball drill MODEL --scenario S`: rehearses harm on the model's shadow and times the loop; `drill schedule` asks who has not. */
import { type Command, Option } from 'commander'
import { type DrillOptions, runDrill } from '../drill/drill.ts'
import { type DrillReport, missedWords, rowsOf } from '../drill/report.ts'
import { SCENARIO_WORDS, SCENARIOS, type Scenario } from '../drill/scenario.ts'
import { systemClock } from '../kit/clock.ts'
import { drillName } from '../kit/drill-name.ts'
import { FlyballError } from '../kit/errors.ts'
import { seededRandom } from '../kit/random.ts'
import type { DrillPlan, ModelLayout } from '../policy/layout.ts'
import { duration, positiveNumber, said } from './arguments.ts'
import { asker, confirm, report } from './asking.ts'
import { type Connected, type ConnectionOptions, modelNamed, withConnectionOptions } from './connected.ts'
import { registerSchedule } from './drill-schedule.ts'
import { printJson, printLine, table, tell } from './output.ts'
import { connectedToAsk, type SigningOptions, signerFor } from './sign.ts'

interface Options extends ConnectionOptions, SigningOptions {
  readonly scenario: Scenario
  readonly reason: string
  readonly perSecond: number
  readonly timeout: number
  readonly externalGateway?: true
  readonly confirm?: string
  readonly input: boolean
  readonly dryRun?: true
  readonly json?: true
}

const TIMEOUT_MS = 300_000

export function register(program: Command): void {
  const drill = withConnectionOptions(program.command('drill'))
    .description('rehearse harm on the shadow of a model, through the real topics and the running daemon, and time the loop')
    .argument('<model>')
    .addOption(new Option('--scenario <name>', 'what goes wrong').choices([...SCENARIOS]))
    .option('--reason <text>', 'why; written into the audit log', said)
    .option('--external-gateway', 'no gateway of its own: traffic follows what your gateways ack (drills: true)')
    .option('--per-second <number>', 'synthetic requests per second', positiveNumber, 100)
    .addOption(
      new Option('--timeout <duration>', 'how long it may take in all, giving back not counted')
        .argParser(duration)
        .default(TIMEOUT_MS, '5m'),
    )
    .option('--confirm <model>', 'the model again, where nobody can be asked; for kill-judge')
    .option('--sign-key <file>', "sign with this private key; default: the policy's security.signing")
    .option('--key-id <id>', 'its id; default: the name of the file')
    .option('--no-input', 'never ask')
    .option('--dry-run', 'say what would be done')
    .option('--json', 'the result as JSON on stdout')
    .action((name: string, given: Partial<Options>, command: Command) => {
      const options = demanded(given, command)
      return connectedToAsk(options, (connection) => drillCommand(connection, name, options))
    })
  registerSchedule(drill)
}

/** Commander would ask for them of `schedule` as well. */
function demanded(options: Partial<Options>, command: Command): Options {
  const lacking = (['scenario', 'reason'] as const).find((name) => options[name] === undefined)
  if (lacking !== undefined) command.error(`error: required option '--${lacking}' not specified`)
  return options as Options
}

async function drillCommand(connection: Connected, name: string, options: Options): Promise<void> {
  const model = modelNamed(connection.loaded, name)
  const { shadow, plan } = drilled(connection, model)
  const effect = `drill ${shadow.name}: ${SCENARIO_WORDS[options.scenario]}; ${name} itself is not touched`
  if (options.dryRun) return report(options, { done: false, effect }, `Would ${effect}.`)
  // Others are judged on the same partition: they wait for the take-over as well.
  if (options.scenario === 'kill-judge') await confirm(name, effect, options)
  let stopped = false
  const stop = () => {
    stopped = true
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  const result = await runDrill({ ...settingsOf(connection, options), model, shadow, plan, stopped: () => stopped })
  show(result, options)
  if (!result.passed) throw new FlyballError('FLY-DRILL-001', { model: name, scenario: result.scenario, missed: missedWords(result.steps) })
}

function drilled({ loaded }: Connected, model: ModelLayout): { readonly shadow: ModelLayout; readonly plan: DrillPlan } {
  const plan = model.plan.drill
  const shadow = loaded.layout.models.find(({ name }) => name === drillName(model.name))
  if (plan === undefined || shadow === undefined)
    throw new FlyballError('FLY-DRILL-003', { model: model.name, problem: 'the policy has no `drill` under this model' })
  return { plan, shadow }
}

function settingsOf({ loaded, log }: Connected, options: Options): Omit<DrillOptions, 'model' | 'shadow' | 'plan' | 'stopped'> {
  const { layout, policy } = loaded
  return {
    log,
    layout,
    prefix: policy.kafka.prefix,
    scenario: options.scenario,
    perSecond: options.perSecond,
    timeoutMs: options.timeout,
    externalGateway: options.externalGateway === true,
    asker: asker(policy, options),
    reason: options.reason,
    signer: signerFor(layout, options),
    clock: systemClock,
    random: seededRandom(systemClock.nowMs()),
    tell,
  }
}

function show(result: DrillReport, { json }: Options): void {
  if (json) return printJson(result)
  printLine(table(['STEP', 'OBJECTIVE', 'MEASURED', 'OK'], rowsOf(result.steps)))
  for (const note of result.notes) printLine(`note  ${note}`)
}
