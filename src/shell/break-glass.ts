/**
 * A person takes the wheel: the command goes to `control` under the judge's own transactional id.
 *
 * Opening that id fences the judge and aborts what it had open, so nothing of it can follow. The judge takes over anew, finds the
 * command on `control`, adopts it and publishes none of its own.
 */
import type { Command, LogRecord } from '../domain.ts'
import { isSurpassable, sequenceAfter } from '../judge/unbelieved.ts'
import type { EventLog } from '../kafka/contract.ts'
import type { Clock } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import { partitionOf } from '../kit/hash.ts'
import type { Signer } from '../kit/signing.ts'
import { topicNames } from '../kit/topics.ts'
import type { Layout, ModelLayout } from '../policy/layout.ts'
import { controlHeaders, encodeCommand } from '../wire/control.ts'
import { modelKey } from '../wire/keys.ts'
import { withSignature } from './signatures.ts'
import { type Tenure, takeOver } from './tenure.ts'
import { lastCommands } from './topic-reads.ts'

export interface BreakGlass {
  readonly log: EventLog
  readonly layout: Layout
  readonly prefix: string
  readonly model: ModelLayout
  readonly who: string
  readonly reason: string
  readonly clock: Clock
  /** Left out: the command is not signed. */
  readonly signer?: Signer | null
}

/** Sends all traffic of the model to its control version. Returns the command once it is committed. */
export async function breakGlass(options: BreakGlass): Promise<Command> {
  const { log, prefix, model } = options
  const topics = topicNames(prefix)
  const partitions = (await log.admin.topics([topics.control])).get(topics.control)
  if (partitions === undefined) throw new FlyballError('FLY-KAFKA-005', { topic: topics.control, partition: 0 })
  const partition = partitionOf(Buffer.from(model.name), partitions)
  const reader = log.reader()
  let tenure: Tenure | null = null
  try {
    tenure = await takeOver(log, reader, `${prefix}judge-${partition}`, partition, topics, () => true)
    const command = commandOver(options, tenure!.epoch, tenure!.control)
    const record = {
      key: modelKey(model.name),
      value: encodeCommand(command),
      headers: controlHeaders(command, model.plan.rollout.revertFlag),
    }
    const sent = withSignature(options.signer ?? null, topics.control, command.environment, record)
    await tenure!.commit([{ topic: topics.control, record: sent }])
    return command
  } finally {
    await tenure?.close()
    await reader.close()
  }
}

function commandOver({ layout, model, who, reason, clock }: BreakGlass, epoch: number, control: readonly LogRecord[]): Command {
  const last = lastCommands(control, () => {}, isSurpassable).get(model.name)
  const controlVersion = model.versions[model.control]!
  const candidate = model.versions[model.candidate]!
  const sequence = sequenceAfter(last?.sequence ?? 0) + 1
  const id = `break-glass-${model.name}-${epoch}-${sequence}`
  return {
    id,
    environment: layout.environment,
    model: model.name,
    epoch: Math.max(epoch, (last?.epoch ?? -1) + 1),
    sequence,
    issuedAtMs: Math.max(clock.nowMs(), last?.issuedAtMs ?? 0),
    kind: 'override',
    control: controlVersion,
    candidate,
    weights: { [controlVersion]: 100, [candidate]: 0 },
    segments: [],
    leaseMs: model.plan.leaseMs,
    onSilence: model.plan.onSilence,
    policyDigest: layout.policyDigest,
    rule: 'break-glass',
    reason: `${who}: ${reason}`,
    decisionId: id,
  }
}
