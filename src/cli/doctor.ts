/** `flyball doctor`: what would fail at night, found by day. It reads, and writes to no topic; with --send, destinations of alerts get a test message. */
import { type Command, Option } from 'commander'
import { diagnose } from '../doctor/checks.ts'
import type { Finding, Level } from '../doctor/findings.ts'
import type { EventLog } from '../kafka/contract.ts'
import { systemClock } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import { ROLES, type Role } from '../kit/rights.ts'
import { brokersOf, type Connection, connectionOf } from '../policy/connection.ts'
import type { LoadedPolicy } from '../policy/load.ts'
import { examine } from '../shell/doctor.ts'
import { positiveNumber } from './arguments.ts'
import { type ConnectionOptions, loadedPolicy, openLog, withConnectionOptions } from './connected.ts'
import { cell, jsonText, oneLine, paint, printJson, printLine, tell } from './output.ts'

interface Options extends ConnectionOptions {
  readonly as: Role
  readonly records: number
  readonly send?: true
  readonly json?: true
}

const RECORDS = 2_000

export function register(program: Command): void {
  withConnectionOptions(program.command('doctor'))
    .description('find what would fail at night: broker, rights, topics, records, gateways, secrets; exit code 3 when anything would')
    .addOption(new Option('--as <role>', 'whose rights are tried').choices(ROLES).default('daemon'))
    .option('--records <count>', 'at most so many of the newest records of each partition are looked at', positiveNumber, RECORDS)
    .option('--send', 'send a test message to everybody who is told of alerts')
    .option('--json', 'as JSON on stdout')
    .action(doctor)
}

async function doctor(options: Options): Promise<void> {
  const loaded = loadedPolicy(options)
  const log = await opened(loaded, options)
  try {
    const findings = await findingsOf(loaded, log, options)
    if (options.json) printJson({ healthy: !findings.some(isFault), findings })
    else for (const finding of findings) show(finding)
    const faults = findings.filter(isFault)
    if (faults.length > 0) throw new FlyballError('FLY-DOCTOR-001', { count: faults.length, first: cell(faults[0]!.what) })
    if (!options.json) tell(paint('green', goodNews(findings), process.stderr))
  } finally {
    if (!('problem' in log)) await log.close()
  }
}

function goodNews(findings: readonly Finding[]): string {
  const warnings = findings.filter(({ level }) => level === 'warning').length
  const beside = warnings === 0 ? '' : warnings === 1 ? ', but see the warning' : `, but see the ${warnings} warnings`
  return `nothing would fail at night, as far as can be seen from here${beside}`
}

const isFault = ({ level }: Finding): boolean => level === 'fault'

/** What does not need a broker is looked at without one. */
async function opened(loaded: LoadedPolicy, options: Options): Promise<EventLog | { readonly problem: string }> {
  try {
    return await openLog(loaded, options)
  } catch (error) {
    if (error instanceof FlyballError) return { problem: error.message }
    throw error
  }
}

async function findingsOf(loaded: LoadedPolicy, log: Awaited<ReturnType<typeof opened>>, options: Options): Promise<readonly Finding[]> {
  const { principalOf } = await import('../kafka/credentials.ts')
  const connection = connectionMade(loaded, options)
  const facts = await examine({
    ...{ loaded, log, connection, policyFile: options.policy, role: options.as, recordsMax: options.records },
    bootstrap: brokersOf(loaded.policy, { brokers: options.brokers, environment: process.env }),
    principal: principalOf(connection ?? {}),
    send: options.send === true,
    ...{ clock: systemClock, fetch },
    write: (line) => tell(jsonText(line)),
  })
  return diagnose(facts)
}

/** Null: a file of it cannot be read, which the broker's finding says. */
function connectionMade({ policy }: LoadedPolicy, { brokers, policy: file }: Options): Connection | null {
  try {
    return connectionOf(policy, file, { brokers, environment: process.env })
  } catch (error) {
    if (error instanceof FlyballError) return null
    throw error
  }
}

const COLOURS = { ok: 'green', warning: 'yellow', fault: 'red' } as const
const WIDTH = Math.max(...(['ok', 'warning', 'fault'] satisfies readonly Level[]).map(({ length }) => length))
const CHECK_WIDTH = 'co-partitioning'.length

/** One line for what is well; what is not has its reason and its remedy below it, never cut: a command is to be copied. */
function show({ level, check, what, why, fix, id }: Finding): void {
  printLine(`${paint(COLOURS[level], level.padEnd(WIDTH))}  ${check.padEnd(CHECK_WIDTH)}  ${oneLine(what)}`)
  if (why === '') return
  const indent = ' '.repeat(WIDTH + CHECK_WIDTH + 4)
  printLine(`${indent}${paint('dim', `${oneLine(why)} (${id})`)}`)
  for (const line of fix.split('\n')) printLine(`${indent}→ ${oneLine(line)}`)
}
