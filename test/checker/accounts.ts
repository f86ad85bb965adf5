/** Where every input record went: dead letters for what could not be used, and the counters of the last checkpoint of each source. */
import { type Case, grouped } from './case.ts'
import type { SourceTruth } from './inputs.ts'

interface InputAccount {
  readonly position: number
  readonly counters: { readonly read: number; readonly used: number; readonly dropped: Readonly<Record<string, number>> }
}

interface CheckpointBody {
  readonly predictions: InputAccount
  readonly outcomes: InputAccount
}

export function checkAccounts(case_: Case, truths: readonly SourceTruth[]): void {
  checkLetters(case_, truths)
  if (!case_.world.settled) return
  for (const truth of truths) checkCounters(case_, truth)
}

/** What is unusable has a letter with its reason, and nothing has a letter without one. */
function checkLetters({ all, world, report }: Case, truths: readonly SourceTruth[]): void {
  const { predictions, outcomes } = world.layout
  const letters = grouped(all.deadLetters, ({ value }) => `${value.topic}/${value.partition}@${value.offset}`)
  const due = new Map<string, string>()
  for (const truth of truths) {
    const { computed } = truth
    const broken = (topic: string, events: SourceTruth['predictions']) => {
      for (const event of events) if (event.broken !== undefined) due.set(`${topic}/${truth.partition}@${event.offset}`, event.broken)
    }
    broken(predictions.topic, truth.predictions)
    if (outcomes !== null) broken(outcomes.topic, truth.outcomes)
    for (const offset of computed.duplicates) due.set(`${predictions.topic}/${truth.partition}@${offset}`, 'duplicate-id')
    for (const offset of computed.contradictions) due.set(`${outcomes!.topic}/${truth.partition}@${offset}`, 'contradicting-outcome')
  }
  for (const [place, found] of letters) {
    const reason = due.get(place)
    const other = found.find(({ value }) => value.reason !== reason)
    if (other !== undefined) report('dead-letters', place, `a letter says ${other.value.reason}, the record is ${reason ?? 'sound'}`)
  }
  if (!world.settled) return
  for (const [place, reason] of due) if (!letters.has(place)) report('dead-letters', place, `no letter says ${reason}`)
}

function checkCounters({ all, report }: Case, truth: SourceTruth): void {
  const checkpoints = all.checkpoints
    .map(({ value }) => value)
    .filter(({ kind, source }) => kind === 'checkpoint' && source === truth.source)
  const last = checkpoints.reduce<(typeof checkpoints)[number] | null>(
    (best, one) => (best === null || one.epoch > best.epoch || (one.epoch === best.epoch && one.sequence > best.sequence) ? one : best),
    null,
  )
  if (last === null) {
    if (truth.predictions.length > 0) report('accounts', truth.source, 'no checkpoint')
    return
  }
  const body = JSON.parse(last.body.toString()) as CheckpointBody
  const { drops, used } = truth.computed
  compare(report, `${truth.source} predictions`, body.predictions, truth.predictions.length, used.predictions, drops.predictions)
  if (truth.outcomes.length === 0) return
  const { read, dropped } = body.outcomes.counters
  if (read !== truth.outcomes.length) report('accounts', `${truth.source} outcomes`, `${read} read of ${truth.outcomes.length}`)
  const settled = body.outcomes.counters.used + Object.values(dropped).reduce((sum, count) => sum + count, 0)
  if (settled > read) report('accounts', `${truth.source} outcomes`, `${settled} settled of ${read} read`)
  for (const [reason, count] of Object.entries(dropped)) {
    const most = drops.outcomes[reason] ?? 0
    if (count > most) report('accounts', `${truth.source} outcomes`, `${count} dropped as ${reason}, the records say ${most}`)
  }
  if (body.outcomes.counters.used > used.outcomes)
    report('accounts', `${truth.source} outcomes`, `${body.outcomes.counters.used} used, the records say ${used.outcomes}`)
}

function compare(
  report: Case['report'],
  where: string,
  account: InputAccount,
  records: number,
  used: number,
  drops: Readonly<Record<string, number>>,
): void {
  const { counters } = account
  if (counters.read !== records) report('accounts', where, `${counters.read} read of ${records}`)
  if (counters.used !== used) report('accounts', where, `${counters.used} used, the records say ${used}`)
  for (const reason of new Set([...Object.keys(drops), ...Object.keys(counters.dropped)])) {
    const [one, other] = [counters.dropped[reason] ?? 0, drops[reason] ?? 0]
    if (one !== other) report('accounts', where, `${one} dropped as ${reason}, the records say ${other}`)
  }
}
