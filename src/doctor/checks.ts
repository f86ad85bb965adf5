/** Every check, in the order in which it is told of: a line here, a function beside. Facts in, findings out. */
import { brokerFindings, retentionFindings, rightFindings, topicFindings } from './check-broker.ts'
import { fieldFindings } from './check-fields.ts'
import { chainFindings, gatewayFindings, secretFindings, sinkFindings } from './check-people.ts'
import { clockFindings, partitioningFindings, recordFindings, schemaFindings } from './check-records.ts'
import type { Facts } from './facts.ts'
import type { Finding, Level } from './findings.ts'

interface Check {
  readonly name: string
  /** What is said where nothing was found. */
  readonly fine: string
  /** Null: there was nothing to look at, and nothing is said. */
  readonly of: (facts: Facts) => readonly Finding[] | null
}

export const CHECKS: readonly Check[] = [
  { name: 'broker', fine: 'a broker answers', of: brokerFindings },
  { name: 'rights', fine: 'what could be tried is granted', of: rightFindings },
  { name: 'topics', fine: 'all of them are there, with the partitions they need', of: topicFindings },
  { name: 'retention', fine: 'kept long enough, and in the right way', of: retentionFindings },
  { name: 'schemas', fine: 'each can be had, and used', of: schemaFindings },
  { name: 'clocks', fine: 'record times agree with this machine and with each other', of: clockFindings },
  { name: 'records', fine: 'the newest can be read and used', of: recordFindings },
  { name: 'co-partitioning', fine: 'outcomes lie where their predictions lie', of: partitioningFindings },
  { name: 'fields', fine: 'what the policy goes by is in the records', of: fieldFindings },
  { name: 'gateways', fine: 'present, and able to do what may be asked', of: gatewayFindings },
  { name: 'audit', fine: 'state vouches for the last decision of every model', of: chainFindings },
  { name: 'secrets', fine: 'every file can be read by us, and not by everybody', of: secretFindings },
  { name: 'sinks', fine: 'each took the test message', of: sinkFindings },
]

/** The gravest first within each check; `fine` of those that found nothing to complain of. */
export function diagnose(facts: Facts): readonly Finding[] {
  return CHECKS.flatMap(({ name, fine, of }) => {
    const findings = of(facts)
    if (findings === null) return []
    const worst = [...findings].sort((one, other) => RANK[other.level] - RANK[one.level])
    if (worst.some(({ level }) => level !== 'ok')) return worst
    return [{ check: name, id: 'fine', level: 'ok', what: fine, why: '', fix: '' }, ...worst]
  })
}

const RANK: Readonly<Record<Level, number>> = { fault: 2, warning: 1, ok: 0 }
