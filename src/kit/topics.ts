/** The topics Flyball owns: their names under a prefix, and how each must be made. ARCHITECTURE: everything keyed by model shares one partition count. */
export interface TopicNames {
  readonly panes: string
  readonly checkpoints: string
  readonly decisions: string
  readonly state: string
  readonly control: string
  readonly acks: string
  readonly requests: string
  readonly alerts: string
  readonly deliveries: string
  readonly deadletter: string
  /** What users publish about versions of their models. */
  readonly versions: string
}

export function topicNames(prefix: string): TopicNames {
  return {
    panes: `${prefix}panes`,
    checkpoints: `${prefix}checkpoints`,
    decisions: `${prefix}decisions`,
    state: `${prefix}state`,
    control: `${prefix}control`,
    acks: `${prefix}acks`,
    requests: `${prefix}requests`,
    alerts: `${prefix}alerts`,
    deliveries: `${prefix}deliveries`,
    deadletter: `${prefix}deadletter`,
    versions: `${prefix}versions`,
  }
}

/** Where inputs that are not partitioned by prediction id are written anew, and how far that has come. */
export function rekeyedTopics(prefix: string): { readonly predictions: string; readonly outcomes: string; readonly positions: string } {
  return { predictions: `${prefix}rekeyed.predictions`, outcomes: `${prefix}rekeyed.outcomes`, positions: `${prefix}rekey` }
}

export interface OwnTopic {
  readonly topic: string
  readonly partitions: number
  readonly config: Readonly<Record<string, string>>
}

const DAY_MS = 24 * 60 * 60 * 1000
/** Whatever record can be read (64 MiB) can be written anew: whether it is too large to be used is for ingest to say, and to count. */
const REKEYED_BYTES_MAX = 65 << 20
const COMPACTED = { 'cleanup.policy': 'compact' }
const keepDays = (days: number) => ({ 'cleanup.policy': 'delete', 'retention.ms': String(days * DAY_MS) })

/** How each topic is made: `judgePartitions` for those keyed by model. Checkpoints have one partition per input partition, at most 16. */
export function ownTopics(prefix: string, judgePartitions: number, inputPartitions: number): readonly OwnTopic[] {
  const names = topicNames(prefix)
  const byModel = (topic: string, config: Readonly<Record<string, string>>): OwnTopic => ({ topic, partitions: judgePartitions, config })
  return [
    byModel(names.panes, keepDays(7)),
    { topic: names.checkpoints, partitions: Math.min(16, inputPartitions), config: COMPACTED },
    byModel(names.decisions, keepDays(3650)),
    byModel(names.state, COMPACTED),
    byModel(names.control, COMPACTED),
    byModel(names.acks, keepDays(7)),
    byModel(names.requests, keepDays(365)),
    byModel(names.alerts, keepDays(30)),
    { topic: names.deliveries, partitions: judgePartitions, config: COMPACTED },
    { topic: names.deadletter, partitions: 1, config: keepDays(30) },
    byModel(names.versions, keepDays(3650)),
  ]
}

/**
 * The topics of a policy that rekeys its inputs, with as many partitions as the larger of the user's topics has. Records keep their times:
 * `recorded` ones of last year would be old enough to be deleted as soon as they are written, so they are kept until somebody deletes them.
 */
export function rekeyTopics(prefix: string, inputPartitions: number, recorded = false): readonly OwnTopic[] {
  const { predictions, outcomes, positions } = rekeyedTopics(prefix)
  const kept = recorded ? { 'cleanup.policy': 'delete', 'retention.ms': '-1' } : keepDays(7)
  const config = { ...kept, 'message.timestamp.type': 'CreateTime', 'max.message.bytes': String(REKEYED_BYTES_MAX) }
  return [
    { topic: predictions, partitions: inputPartitions, config },
    { topic: outcomes, partitions: inputPartitions, config },
    { topic: positions, partitions: 1, config: COMPACTED },
  ]
}
