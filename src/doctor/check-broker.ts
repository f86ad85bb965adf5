/** The broker and what stands on it: whether it answers, what we may do there, which topics there are and how they are kept. */
import { ruleCommand } from '../kit/rights.ts'
import type { OwnTopic } from '../kit/topics.ts'
import { type InputLayout, inputTopics } from '../policy/layout.ts'
import { durationText } from '../policy/units.ts'
import type { About, Facts } from './facts.ts'
import { type Finding, finding } from './findings.ts'
import { upon } from './words.ts'

const names = ({ policy, bootstrap }: About) => ({ policy, bootstrap })

export function brokerFindings({ about, broker }: Facts): readonly Finding[] {
  return 'known' in broker ? [] : [finding('broker', 'broker-away', { ...names(about), problem: broker.problem })]
}

export function rightFindings({ about, rights }: Facts): readonly Finding[] | null {
  const { principal, role, policy, bootstrap } = about
  return upon('rights', [rights], (tried) => {
    const missing = tried.filter(({ verdict }) => verdict === 'missing')
    const unproven = tried.filter(({ verdict }) => verdict === 'unproven').map(({ rule }) => `${rule.operation} ${rule.name}`)
    return [
      ...missing.map(({ rule, role: needs }) => {
        const { operation, resource, name } = rule
        const command = ruleCommand(rule, principal, bootstrap)
        return finding('rights', 'right-missing', { operation, resource, name, principal, role: needs, command })
      }),
      ...(unproven.length === 0
        ? []
        : [finding('rights', 'rights-unproven', { role, policy, count: unproven.length, rules: unproven.join(', ') })]),
    ]
  })
}

// ── topics ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The user's own: rekeyed inputs are looked at where the user writes them. */
export function inputsOf({ layout }: About): readonly InputLayout[] {
  return [layout.predictions, layout.outcomes, layout.described].filter((input) => input !== null)
}

export const userTopic = ({ rekeyedFrom, topic }: InputLayout): string => rekeyedFrom ?? topic

export function topicFindings(facts: Facts): readonly Finding[] | null {
  const { about } = facts
  return upon('topics', [facts.topics], (topics) => [
    ...about.ownTopics.flatMap((own) => ownTopic(own, topics, about)),
    ...inputsOf(about).flatMap((input) => missingInput(userTopic(input), topics, about)),
    ...(about.layout.changesTopic === undefined ? [] : missingInput(about.layout.changesTopic, topics, about)),
    ...unequalInputs(topics, about),
  ])
}

function ownTopic({ topic }: OwnTopic, topics: ReadonlyMap<string, number | null>, about: About): readonly Finding[] {
  const found = topics.get(topic)
  if (found === undefined) return [absent(topic, about)]
  const wanted = topics.get(about.names.panes) ?? null
  if (found === null || wanted === null || found === wanted || !sharesPartitions(topic, about)) return []
  return [finding('topics', 'partitions-differ', { ...names(about), topic, panes: about.names.panes, found, wanted })]
}

/** A daemon does without those that only people's commands use. */
function absent(topic: string, about: About): Finding {
  const { versions, deliveries } = about.names
  if (topic === versions) return finding('topics', 'topic-unused', { ...names(about), topic, users: 'flyball lineage' })
  const isTold = about.layout.alerting !== undefined
  if (topic === deliveries && !isTold)
    return finding('topics', 'topic-unused', { ...names(about), topic, users: 'flyball act, silence and alerts' })
  return finding('topics', 'topic-missing', { ...names(about), topic })
}

/** Keyed by model, and read together. */
function sharesPartitions(topic: string, { names: { state, control, decisions, alerts, acks, requests } }: About): boolean {
  return [state, control, decisions, alerts, acks, requests].includes(topic)
}

function missingInput(topic: string, topics: ReadonlyMap<string, number | null>, about: About): readonly Finding[] {
  return topics.has(topic) ? [] : [finding('topics', 'input-missing', { ...names(about), topic, partitions: about.partitions })]
}

/** Those that are joined, as they are read: where inputs are written anew, what they are written into. */
function unequalInputs(topics: ReadonlyMap<string, number | null>, about: About): readonly Finding[] {
  const counts = inputTopics(about.layout).flatMap((topic) => {
    const partitions = topics.get(topic)
    return typeof partitions === 'number' ? [{ topic, partitions }] : []
  })
  if (counts.every(({ partitions }) => partitions === counts[0]!.partitions)) return []
  const words = counts.map(({ topic, partitions }) => `${topic} ${partitions}`).join(', ')
  return [finding('topics', 'inputs-differ', { ...names(about), counts: words })]
}

// ── how they are kept ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** A daemon that stood still is given so long to be noticed, mended and to read on. */
export const CATCH_UP_MS = 3_600_000

export function retentionFindings(facts: Facts): readonly Finding[] | null {
  const { about } = facts
  return upon('retention', [facts.configs], (configs) => {
    const hidden = [...configs].filter(([, config]) => config === null).map(([topic]) => topic)
    const own = about.ownTopics.flatMap((one) => ownKept(one, configs.get(one.topic) ?? null, about))
    const inputs = inputsOf(about).flatMap((input) => inputKept(input, configs.get(userTopic(input)) ?? null, about))
    return [...(hidden.length === 0 ? [] : [unseen(hidden, about)]), ...own, ...inputs]
  })
}

function unseen(topics: readonly string[], { principal, bootstrap }: About): Finding {
  const rule = (name: string) => ({ operation: 'DESCRIBE_CONFIGS', resource: 'topic', name, prefixed: false }) as const
  const command = topics.map((topic) => ruleCommand(rule(topic), principal, bootstrap)).join('\n')
  return finding('retention', 'configs-hidden', { principal, topics: topics.join(', '), command })
}

function ownKept({ topic, config }: OwnTopic, found: ReadonlyMap<string, string> | null, about: About): readonly Finding[] {
  if (found === null) return []
  const differs = (key: string) => config[key] !== undefined && found.get(key) !== config[key]
  const said = (key: string) => ({ ...names(about), topic, found: found.get(key) ?? 'nothing', wanted: config[key]! })
  const [foundMs, wantedMs] = [keptMs(found), Number(config['retention.ms'] ?? 0)]
  return [
    ...(differs('cleanup.policy') ? [finding('retention', 'cleanup-differs', said('cleanup.policy'))] : []),
    ...(differs('message.timestamp.type') ? [finding('retention', 'timestamps-differ', said('message.timestamp.type'))] : []),
    ...(foundMs < (wantedMs < 0 ? Infinity : wantedMs) ? [short('retention-short', topic, foundMs, wantedMs, about)] : []),
  ]
}

function inputKept({ fields, ...input }: InputLayout, found: ReadonlyMap<string, string> | null, about: About): readonly Finding[] {
  if (found === null) return []
  const topic = userTopic({ fields, ...input })
  // What is written anew waits in the topic that it is written into.
  const waits = input.topic === about.layout.predictions.topic && input.rekeyedFrom === undefined ? about.layout.maxHorizonMs : 0
  const [foundMs, wantedMs, cleanup] = [keptMs(found), waits + CATCH_UP_MS, found.get('cleanup.policy') ?? '']
  const bytes = found.get('retention.bytes') ?? '-1'
  const isCompacted = cleanup.includes('compact')
  return [
    ...(foundMs < wantedMs ? [short('input-retention-short', topic, foundMs, wantedMs, about, waits)] : []),
    ...(Number(bytes) >= 0 ? [finding('retention', 'input-retention-bytes', { ...names(about), topic, found: bytes })] : []),
    ...(isCompacted ? [finding('retention', 'input-compacted', { ...names(about), topic, found: cleanup })] : []),
  ]
}

/** Infinity: until somebody deletes them. */
function keptMs(config: ReadonlyMap<string, string>): number {
  const isDeleted = (config.get('cleanup.policy') ?? 'delete').includes('delete')
  const ms = Number(config.get('retention.ms') ?? -1)
  return isDeleted && ms >= 0 ? ms : Number.POSITIVE_INFINITY
}

function short(
  id: 'retention-short' | 'input-retention-short',
  topic: string,
  foundMs: number,
  wantedMs: number,
  about: About,
  horizonMs = 0,
): Finding {
  const [found, wanted] = [durationText(foundMs), wantedMs < 0 ? 'no end' : durationText(wantedMs)]
  const detail = { topic, found, wanted, wantedMs, horizon: durationText(horizonMs), catchUp: durationText(CATCH_UP_MS) }
  return finding('retention', id, { ...names(about), ...detail })
}
