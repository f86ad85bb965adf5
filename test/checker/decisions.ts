/** The audit log: numbered without gap, each naming the hash of the one before, weights handed on unbroken. */
import { type Case, grouped } from './case.ts'

export function checkDecisions({ all, report }: Case): void {
  const ids = new Set<string>()
  for (const [model, decisions] of grouped(all.decisions, ({ value }) => value.decision.model)) {
    let before: (typeof decisions)[number] | null = null
    for (const placed of decisions) {
      const { decision } = placed.value
      const where = `decisions ${model} number ${decision.number} at ${placed.partition}/${placed.offset}`
      if (placed.key !== model) report('chain', where, `its key is ${placed.key}`)
      if (ids.has(decision.id)) report('chain', where, `the id ${decision.id} stands there twice`)
      ids.add(decision.id)
      const expected = (before?.value.decision.number ?? 0) + 1
      if (decision.number !== expected) report('chain', where, `number ${expected} was due`)
      const hash = before?.value.hash ?? ''
      if (decision.previousHash !== hash) report('chain', where, `names another record than the one before it as previous`)
      const weights = before?.value.decision.weightsAfter
      if (weights !== undefined && !sameWeights(weights, decision.weightsBefore)) {
        report('chain', where, `begins with ${said(decision.weightsBefore)}, the one before it left ${said(weights)}`)
      }
      if (before !== null && decision.epoch < before.value.decision.epoch) report('epochs', where, 'the epoch went down')
      if (before !== null && decision.judgeTimeMs < before.value.decision.judgeTimeMs) report('time', where, 'judge time went backwards')
      before = placed
    }
  }
}

export function sameWeights(one: Readonly<Record<string, number>>, other: Readonly<Record<string, number>>): boolean {
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].every(
    (version) => Math.abs((one[version] ?? 0) - (other[version] ?? 0)) < 1e-9,
  )
}

export const said = (weights: Readonly<Record<string, number>>): string => JSON.stringify(weights)
