/** Checks of what a policy says of resources: under the model, where they lie in the records, and in the guardrails that judge them. */
import type { Findings, KeyPath } from './faults.ts'
import type { Policy, PolicyGuardrail, PolicyGuardrailEntry, PolicyModel } from './policy.ts'
import { RESOURCE_KINDS, resourceName, resourceNames } from './resources.ts'

/** Every one is counted for every request, and has a part in the budget. */
const RESOURCES_MAX = 8

export function checkResources(policy: Policy, model: PolicyModel, path: KeyPath, found: Findings): void {
  const names = resourceNames(model)
  const mapped = policy.inputs.predictions.resources
  if (names.length > RESOURCES_MAX) found.fault([...path, 'resources'], `must name at most ${RESOURCES_MAX}`)
  for (const name of names) {
    const at = [...path, 'resources', name]
    const { low, high } = model.resources![name]!.bounds
    if (low >= high) found.fault([...at, 'bounds', 'high'], `must be above low (${low})`)
    if (mapped !== undefined && !Object.hasOwn(mapped, name)) found.fault(at, 'is not mapped under inputs.predictions.resources')
    if (!isJudged(name, model)) found.warn(at, 'no guardrail judges it: it is counted only')
  }
}

/** Without guardrails of the policy's own, tails are judged. */
function isJudged(name: string, model: PolicyModel): boolean {
  const judges = (guardrail: PolicyGuardrailEntry) => {
    const isOfResources = (RESOURCE_KINDS as readonly string[]).includes(guardrail.kind) || guardrail.of === 'resource'
    return isOfResources && (guardrail.resource ?? resourceNames(model)[0]) === name
  }
  return model.guardrails?.some(judges) ?? true
}

/** The resource a guardrail names must exist, and its margin be one that can be exceeded. */
export function checkResourceOf(model: PolicyModel, guardrail: PolicyGuardrail, path: KeyPath, found: Findings): void {
  const { kind, resource, margin } = guardrail
  if (!RESOURCE_KINDS.includes(kind)) {
    if (resource !== undefined) found.fault([...path, 'resource'], `${kind} reads no resource`)
    return
  }
  const names = resourceNames(model)
  if (names.length === 0) found.fault([...path, 'kind'], 'needs resources under the model')
  else if (resource === undefined && names.length > 1) found.fault(path, `must name its resource: ${names.join(' | ')}`)
  else if (resource !== undefined && !names.includes(resource)) found.fault([...path, 'resource'], `must be ${names.join(' | ')}`)
  else if (kind === 'resource' && margin !== undefined) {
    const { low, high } = model.resources![resourceName(guardrail, model)!]!.bounds
    if (margin >= high - low) found.fault([...path, 'margin'], `must be below ${high - low}, the width of the bounds: no harm is larger`)
  }
}
