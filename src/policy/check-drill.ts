/** What a policy's `drill` must agree on with the rest: a shadow needs a name of its own, in records that can bear it. */
import { drillName } from '../kit/drill-name.ts'
import type { Findings, KeyPath } from './faults.ts'
import type { Policy, PolicyModel } from './policy.ts'
import { durationText } from './units.ts'

/** A model's own name has at most 200 characters, and so has its shadow's. */
const NAME_LENGTH_MAX = 194
const EVERY_MS_MIN = 60_000

export function checkDrill(policy: Policy, name: string, { drill }: PolicyModel, path: KeyPath, found: Findings): void {
  if (drill === undefined) return
  const at = [...path, 'drill']
  if (Object.hasOwn(policy.models, drillName(name)))
    found.fault(at, `needs the name ${drillName(name)} for itself: a model of the policy has it`)
  if (name.length > NAME_LENGTH_MAX) found.fault(at, `needs a model whose name has at most ${NAME_LENGTH_MAX} characters`)
  const { model } = policy.inputs.predictions.fields
  if (typeof model === 'object' && model?.value !== undefined)
    found.fault(at, 'needs records that name their model: inputs.predictions.fields.model is one value for all of them')
  if (drill.every !== undefined && drill.every < EVERY_MS_MIN)
    found.fault([...at, 'every'], `must be at least ${durationText(EVERY_MS_MIN)}`)
  for (const [key, ms] of Object.entries(drill.objective)) if (ms <= 0) found.fault([...at, 'objective', key], 'must be above 0')
}
