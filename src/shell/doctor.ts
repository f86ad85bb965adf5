/** Looks at an installation from here: what the log, the files and the destinations of alerts say, as facts for `src/doctor/`. */
import { dirname, resolve } from 'node:path'
import type { Outside } from '../act/contract.ts'
import type { About, Facts } from '../doctor/facts.ts'
import type { EventLog } from '../kafka/contract.ts'
import type { Clock } from '../kit/clock.ts'
import type { Role } from '../kit/rights.ts'
import { ownTopics, rekeyTopics, topicNames } from '../kit/topics.ts'
import type { Connection } from '../policy/connection.ts'
import { inputTopics } from '../policy/layout.ts'
import type { LoadedPolicy } from '../policy/load.ts'
import { secret } from './act-start.ts'
import { schemaPlaces, secretFiles, testSinks } from './doctor-files.ts'
import { type LogFacts, readFacts } from './doctor-reads.ts'

export interface Examination {
  readonly loaded: LoadedPolicy
  /** Or why there is none. */
  readonly log: EventLog | { readonly problem: string }
  /** Null: it could not be made of the policy. */
  readonly connection: Connection | null
  readonly policyFile: string
  readonly bootstrap: readonly string[]
  readonly principal: string
  readonly role: Role
  readonly recordsMax: number
  /** Test messages are sent to whoever is told of alerts. */
  readonly send: boolean
  readonly clock: Clock
  readonly fetch: typeof fetch
  /** Where `log` destinations write. */
  readonly write: Outside['write']
}

export async function examine(examination: Examination): Promise<Facts> {
  const { loaded, log, connection, policyFile, clock, send, recordsMax } = examination
  const { layout, policy } = loaded
  const { alerting } = layout
  const outside: Outside = { fetch: examination.fetch, secret, nowMs: () => clock.nowMs(), write: examination.write }
  const about = aboutOf(examination, await inputPartitions(examination))
  const found: LogFacts =
    'problem' in log ? { broker: log } : await readFacts({ log, about, prefix: policy.kafka.prefix, clock, recordsMax })
  const inputs = [layout.predictions, layout.outcomes, layout.described].filter((input) => input !== null)
  return {
    about,
    ...found,
    schemas: await schemaPlaces(inputs, examination.fetch),
    secrets: secretFiles(policy, layout, connection, dirname(resolve(policyFile))),
    ...(send && alerting !== undefined ? { sent: await testSinks(alerting, layout.environment, outside) } : {}),
  }
}

function aboutOf(examination: Examination, inputCount: number): About {
  const { loaded, policyFile, bootstrap, principal, role, clock } = examination
  const { layout, policy } = loaded
  const { prefix, partitions } = policy.kafka
  const rekeyed = layout.predictions.rekeyedFrom === undefined ? [] : rekeyTopics(prefix, inputCount)
  const own = [...ownTopics(prefix, partitions, inputCount), ...rekeyed]
  return {
    ...{ policy: policyFile, bootstrap: bootstrap.join(','), principal, role, layout, partitions, nowMs: clock.nowMs() },
    ownTopics: own,
    names: topicNames(prefix),
  }
}

/** Of the largest input, as far as it can be seen: what topics are made with goes by it. */
async function inputPartitions({ log, loaded: { layout, policy } }: Examination): Promise<number> {
  if ('problem' in log) return policy.kafka.partitions
  const topics = await log.admin.topics().catch(() => new Map<string, number>())
  const inputs = [...inputTopics(layout), ...[layout.predictions, layout.outcomes].flatMap((input) => input?.rekeyedFrom ?? [])]
  const own = layout.predictions.rekeyedFrom === undefined ? [] : inputTopics(layout)
  const counts = inputs.filter((topic) => !own.includes(topic)).flatMap((topic) => topics.get(topic) ?? [])
  return counts.length === 0 ? policy.kafka.partitions : Math.max(...counts)
}
