/**
 * The least that Kafka's rules must grant to each role. `flyball topics --acls` prints it; a test takes every line away in turn, on a real
 * broker, and the role must fail and say what is missing. READ and WRITE include DESCRIBE.
 */
import { rekeyedTopics, topicNames } from './topics.ts'

export type Operation = 'READ' | 'WRITE' | 'CREATE' | 'DESCRIBE' | 'DESCRIBE_CONFIGS'

export interface Rule {
  readonly operation: Operation
  readonly resource: 'topic' | 'group' | 'transactional-id'
  readonly name: string
  /** Everything that begins with the name. */
  readonly prefixed: boolean
}

/** In the order in which they are met. */
export const ROLES = [
  'setup',
  'daemon',
  'gateway',
  'producer',
  'operator',
  'break-glass',
  'watch',
  'auditor',
  'publisher',
  'act',
  'on-call',
] as const
export type Role = (typeof ROLES)[number]

export const ROLE_WORDS: Readonly<Record<Role, string>> = {
  setup: 'flyball topics --create, once',
  daemon: 'flyball run',
  gateway: 'obeys commands: the subscriber SDK',
  producer: 'writes predictions and outcomes: your services',
  operator: 'flyball status, explain, rollout, rollback, throttle, freeze, quarantine, approve, mode',
  'break-glass': 'flyball rollback --break-glass: fences the judge; for emergencies',
  watch: 'flyball watch --panes',
  auditor: 'flyball audit, changelog, lineage: reads what was decided, commanded, alerted and published; writes nothing',
  publisher: 'flyball lineage --publish: tells of a version, as a training pipeline does',
  act: 'flyball act, and flyball run beside `daemon` where the policy has alerts: tells people of incidents',
  'on-call': 'flyball alerts, silence: sees incidents, takes them and silences them',
}

export interface RightsSubject {
  readonly prefix: string
  /** Topics of the user's. */
  readonly inputs: readonly string[]
  /** Topic of change records: read by the judge, written by whoever changes something. */
  readonly changes?: string | undefined
  /** Inputs are written anew by prediction id. */
  readonly rekeys?: boolean
}

export function rulesOf(role: Role, subject: RightsSubject): readonly Rule[] {
  const { prefix, inputs } = subject
  const names = topicNames(prefix)
  const judgeIds: Rule = { operation: 'WRITE', resource: 'transactional-id', name: `${prefix}judge-`, prefixed: true }
  switch (role) {
    case 'setup':
      return [...ownTopicRules(subject), ...on([...inputs, ...changesOf(subject)], 'DESCRIBE')]
    case 'daemon':
      return [...measureRules(subject), ...judgeRules(prefix), judgeIds, ...on(changesOf(subject), 'READ')]
    case 'gateway':
      return [...on([names.control], 'READ'), ...on([names.acks], 'WRITE')]
    case 'producer':
      return on(inputs, 'WRITE')
    case 'operator':
      return [...on([names.decisions, names.control, names.acks], 'READ'), ...on([names.requests], 'WRITE')]
    case 'break-glass':
      return [...on([names.state, names.control], 'READ', 'WRITE'), judgeIds]
    case 'watch':
      return [...on([names.panes, names.alerts], 'READ'), ...on([names.alerts], 'WRITE')]
    case 'auditor':
      return on([names.decisions, names.state, names.control, names.alerts, names.requests, names.acks, names.versions], 'READ')
    case 'publisher':
      return on([names.versions], 'WRITE')
    case 'act':
      return [
        ...on([names.alerts, names.decisions, names.control, names.acks], 'READ'),
        ...on([names.deliveries], 'READ', 'WRITE'),
        group(`${prefix}act`),
        { operation: 'WRITE', resource: 'transactional-id', name: `${prefix}act-`, prefixed: true },
      ]
    case 'on-call':
      return [...on([names.alerts, names.decisions], 'READ'), ...on([names.deliveries], 'READ', 'WRITE')]
  }
}

function changesOf({ changes }: RightsSubject): readonly string[] {
  return changes === undefined ? [] : [changes]
}

/** Without a prefix every topic of the cluster begins with it: each of ours is named then. */
function ownTopicRules({ prefix, rekeys = false }: RightsSubject): readonly Rule[] {
  const names = [...Object.values(topicNames(prefix)), ...(rekeys ? Object.values(rekeyedTopics(prefix)) : [])]
  if (prefix === '') return on(names, 'CREATE', 'DESCRIBE')
  return (['CREATE', 'DESCRIBE'] as const).map((operation) => ({ operation, resource: 'topic', name: prefix, prefixed: true }))
}

function measureRules({ prefix, inputs, rekeys = false }: RightsSubject): readonly Rule[] {
  const names = topicNames(prefix)
  return [
    ...on(inputs, 'READ'),
    group(`${prefix}measure`),
    ...on([names.panes, names.deadletter], 'WRITE'),
    ...on([names.checkpoints], 'READ', 'WRITE'),
    ...(rekeys ? rekeyRules(prefix) : []),
  ]
}

function rekeyRules(prefix: string): readonly Rule[] {
  const { predictions, outcomes, positions } = rekeyedTopics(prefix)
  return [
    ...on([predictions, outcomes, positions], 'READ', 'WRITE'),
    group(`${prefix}rekey`),
    { operation: 'WRITE', resource: 'transactional-id', name: `${prefix}rekey`, prefixed: false },
  ]
}

function judgeRules(prefix: string): readonly Rule[] {
  const names = topicNames(prefix)
  return [
    ...on([names.panes, names.acks, names.requests], 'READ'),
    group(`${prefix}judge`),
    ...on([names.state, names.control], 'READ', 'WRITE'),
    ...on([names.decisions, names.alerts], 'WRITE'),
  ]
}

function on(topics: readonly string[], ...operations: readonly Operation[]): readonly Rule[] {
  return topics.flatMap((name) => operations.map((operation): Rule => ({ operation, resource: 'topic', name, prefixed: false })))
}

const group = (name: string): Rule => ({ operation: 'READ', resource: 'group', name, prefixed: false })

/** One line of Kafka's own tool, to be run by whoever may change rules. */
export function ruleCommand({ operation, resource, name, prefixed }: Rule, principal: string, bootstrap: string): string {
  const pattern = prefixed ? ' --resource-pattern-type prefixed' : ''
  return `kafka-acls.sh --bootstrap-server ${bootstrap} --add --allow-principal '${principal}' --operation ${operation} --${resource} '${name}'${pattern}`
}
