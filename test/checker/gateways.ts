/** What the gateways said they did: nobody goes back, and whoever is up at the end holds the last command. */
import { type Case, grouped } from './case.ts'
import type { WireCommand } from './wire.ts'

export function checkGateways({ all, world, report }: Case): void {
  const last = new Map<string, WireCommand>()
  for (const { value } of all.commands) last.set(value.command.model, value.command)
  for (const [key, acks] of grouped(all.acks, ({ value }) => `${value.gateway} of ${value.model}`)) {
    let before = acks[0]!.value
    for (const { value: ack } of acks) {
      const back = ack.epoch < before.epoch || (ack.epoch === before.epoch && ack.sequence < before.sequence)
      if (back && ack.countersSinceMs === before.countersSinceMs) {
        report('gateways', key, `went back from ${before.epoch}/${before.sequence} to ${ack.epoch}/${ack.sequence}`)
      }
      before = ack
    }
    if (!world.settled || !world.gateways?.includes(before.gateway)) continue
    const command = last.get(before.model)
    if (command === undefined) continue
    if (before.epoch !== command.epoch || before.sequence !== command.sequence) {
      report(
        'gateways',
        key,
        `holds ${before.epoch}/${before.sequence} at the end, the last command is ${command.epoch}/${command.sequence}`,
      )
    }
    if (before.leaseExpired) report('heartbeat', key, 'its lease has run out while a judge was there')
  }
}
