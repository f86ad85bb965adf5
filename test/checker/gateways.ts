/** What the gateways said they did: nobody goes back, and whoever is up at the end holds the last command. */
import { type Case, type CommandBytes, grouped, type Placed } from './case.ts'

export function checkGateways(case_: Case): void {
  const { all, world, report } = case_
  const last = new Map<string, Placed<CommandBytes>>()
  for (const published of all.commands) last.set(published.value.command.model, published)
  checkApplied(case_)
  for (const [key, acks] of grouped(all.acks, ({ value }) => `${value.gateway} of ${value.model}`)) {
    const { timestampMs: saidAtMs } = acks.at(-1)!
    let before = acks[0]!.value
    for (const { value: ack } of acks) {
      const back = ack.epoch < before.epoch || (ack.epoch === before.epoch && ack.sequence < before.sequence)
      if (back && ack.countersSinceMs === before.countersSinceMs) {
        report('gateways', key, `went back from ${before.epoch}/${before.sequence} to ${ack.epoch}/${ack.sequence}`)
      }
      before = ack
    }
    if (!world.settled || !world.gateways?.includes(before.gateway)) continue
    const published = last.get(before.model)
    if (published === undefined) continue
    const { command } = published.value
    if (before.epoch !== command.epoch || before.sequence !== command.sequence) {
      report(
        'gateways',
        key,
        `holds ${before.epoch}/${before.sequence} at the end, the last command is ${command.epoch}/${command.sequence}`,
      )
    }
    if (before.leaseExpired && !mayHaveRunOut(case_, published, saidAtMs)) {
      report('heartbeat', key, 'its lease has run out while a judge was there')
    }
  }
}

/**
 * Heartbeats end with the judges. A lease runs out when it says, counted from the last of them, and not while a judge is there; and a judge
 * is never quiet for two heartbeats. Only a take-over may last longer: for it there are leases.
 */
function mayHaveRunOut({ all, world }: Case, { partition, offset, timestampMs, value }: Placed<CommandBytes>, saidAtMs: number): boolean {
  const { judgedUntilMs, layout } = world
  const runsOutAtMs = timestampMs + value.command.leaseMs
  if (judgedUntilMs === undefined || runsOutAtMs <= judgedUntilMs || saidAtMs < runsOutAtMs) return false
  if (all.controlBarriers.some((barrier) => barrier.partition === partition && barrier.offset > offset)) return true
  const heartbeatMs = layout.models.find(({ name }) => name === value.command.model)?.plan.heartbeatMs ?? 0
  return judgedUntilMs - timestampMs < 2 * heartbeatMs
}

/** What took effect at a gateway was commanded. */
function checkApplied({ all, report }: Case): void {
  const commanded = new Set(all.commands.map(({ value: { command } }) => nameOf(command.model, command.id, command)))
  for (const { value: ack } of all.acks) {
    if (ack.kind !== 'applied' || commanded.has(nameOf(ack.model, ack.commandId, ack))) continue
    report('gateways', `${ack.gateway} of ${ack.model}`, `applied ${ack.epoch}/${ack.sequence} (${ack.commandId}), which nobody commanded`)
  }
}

const nameOf = (model: string, id: string, { epoch, sequence }: { readonly epoch: number; readonly sequence: number }): string =>
  `${model} ${id} ${epoch}/${sequence}`
