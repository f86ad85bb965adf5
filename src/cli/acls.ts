/** `flyball topics --acls`: who must be allowed what, in a form that can be applied. Nothing is applied here: whoever may change rules runs it. */
import { InvalidArgumentError } from 'commander'
import { ROLE_WORDS, ROLES, type Role, ruleCommand, rulesOf } from '../kit/rights.ts'
import { brokersOf } from '../policy/connection.ts'
import type { LoadedPolicy } from '../policy/load.ts'
import { printJson, printLine } from './output.ts'

/** By role; `all`: for every role that has none of its own. */
export type Principals = Readonly<Partial<Record<Role | 'all', string>>>

export interface PrincipalOptions {
  readonly role?: Role
  readonly principal: Principals
  readonly brokers?: string
  readonly json?: true
}

const PRINCIPAL = /^(?:([a-z-]+)=)?(User:[^'\p{Cc}]+)$/u

export function addPrincipal(text: string, before: Principals): Principals {
  const [, role = 'all', principal] = PRINCIPAL.exec(text) ?? []
  if (principal === undefined) throw new InvalidArgumentError('must be User:NAME or ROLE=User:NAME.')
  if (role !== 'all' && !(ROLES as readonly string[]).includes(role)) throw new InvalidArgumentError(`the roles are ${ROLES.join(', ')}.`)
  return { ...before, [role]: principal }
}

export function printRules(loaded: LoadedPolicy, { role, principal, brokers, json }: PrincipalOptions): void {
  const { kafka, inputs } = loaded.policy
  const subject = {
    prefix: kafka.prefix,
    inputs: [inputs.predictions.topic, ...[inputs.outcomes?.topic, inputs.described?.topic].filter((topic) => topic !== undefined)],
    changes: inputs.changes?.topic,
    rekeys: inputs.predictions.rekey,
  }
  const bootstrap = brokersOf(loaded.policy, { brokers, environment: process.env }).join(',')
  const roles = ROLES.filter((one) => role === undefined || one === role).map((one) => {
    const name = principal[one] ?? principal.all ?? `User:flyball-${one}`
    const rules = rulesOf(one, subject)
    return { role: one, for: ROLE_WORDS[one], principal: name, rules, commands: rules.map((rule) => ruleCommand(rule, name, bootstrap)) }
  })
  if (json) return printJson({ roles })
  for (const { role: name, for: words, commands } of roles) {
    printLine(`# ${name}: ${words}`)
    for (const command of commands) printLine(command)
    printLine('')
  }
}
