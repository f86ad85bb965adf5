/** Requests are answered once; incidents fire once and end once. */
import { type Case, grouped } from './case.ts'

/** An acknowledged request is a record on `requests`; its answer is one decision that names its id, who asked and why. */
export function checkRequests({ all, world, report }: Case): void {
  const answers = all.decisions
    .map(({ value }) => value.decision)
    .filter(({ verdict: { kind, rule } }) => kind === 'refused' || kind === 'recorded' || (kind === 'override' && rule === 'operator'))
  for (const [id, copies] of grouped(all.requests, ({ value }) => value.id)) {
    const { model, who, reason, verb } = copies[0]!.value
    if (!world.layout.models.some((one) => one.name === model)) continue
    const mine = answers.filter(
      ({ model: of, verdict }) => of === model && verdict.note.includes(who) && verdict.note.endsWith(`: ${reason}`),
    )
    const answered = mine.length
    const where = `requests ${model} ${verb} ${id}, written ${copies.length} times`
    for (const { number, requestId } of mine) {
      if (requestId !== id) report('requests', where, `decision ${number} answers it and names ${requestId}`)
    }
    if (answered > 1) report('requests', where, `answered ${answered} times`)
    if (answered === 0 && world.settled) report('requests', where, 'never answered')
  }
}

export function checkAlerts({ all, report }: Case): void {
  const decisions = new Set(all.decisions.map(({ value }) => value.decision.id))
  for (const [incident, alerts] of grouped(all.alerts, ({ key }) => key)) {
    let open = ''
    for (const { value, partition, offset } of alerts) {
      const where = `alerts ${incident} at ${partition}/${offset}`
      if (value.incident !== incident) report('alerts', where, `its key is not its incident ${value.incident}`)
      if (value.decisionId !== '' && !decisions.has(value.decisionId)) report('alerts', where, 'raised by a decision that does not exist')
      // What a model in mode observe would have done is told once each time, and is no incident.
      if (value.cause.startsWith('would-')) continue
      if (value.status === 'resolved') {
        if (open === '') report('alerts', where, 'resolved, and was not firing')
        open = ''
        continue
      }
      if (open === value.severity) report('alerts', where, `fires again as ${open} while it fires`)
      open = value.severity
    }
  }
}
