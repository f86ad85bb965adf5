/** Checked policy → Layout: names become small numbers, defaults are written out, blocks get their slots and hashes. Pure. */

import { resolve } from 'node:path'
import { alertingOf } from './alerting.ts'
import { blocksOf, type Inputs } from './blocks.ts'
import { digestOf } from './canonical.ts'
import { drillPlanOf, drillTiming, withDrillModels } from './drill-models.ts'
import { compileGuardrail, defaultGuardrails, guardrailBlocks, guardrailDimensions } from './guardrails.ts'
import { describedLayout, dimensionValues, outcomesLayout, predictionsLayout, slotIndex } from './inputs.ts'
import { ALL_SCOPE, type Layout, type ModelLayout, type Plan, type Privacy, type Scope, type Security, type Traces } from './layout.ts'
import { PAIRED } from './paired.ts'
import { planOf } from './plan.ts'
import type { Policy, PolicyModel } from './policy.ts'
import { compileSteady, isCompared } from './steady.ts'
import type { TracesKeys } from './telemetry-keys.ts'
import { unitBlocksOf } from './unit-blocks.ts'

/** `folder`: where the policy file lies; paths of schema files are relative to it. */
export function compile(written: Policy, folder = '.'): Layout {
  const policy = withDrillModels(written)
  const inputs: Inputs = {
    predictions: predictionsLayout(policy, folder),
    outcomes: outcomesLayout(policy, folder),
    described: describedLayout(policy, folder),
  }
  const { timing, limits } = policy
  const models = Object.entries(policy.models).map(([name, model], index) => {
    const isShadow = !Object.hasOwn(written.models, name)
    const compiled = compileModel(name, index, model, isShadow ? drillTiming(policy) : policy, inputs, folder)
    return isShadow ? { ...compiled, shadow: true as const } : compiled
  })
  return deepFreeze({
    policyDigest: policyDigest(written),
    environment: policy.environment,
    sliceMs: timing.slice,
    maxClockSkewMs: timing.maxClockSkew,
    idleAfterMs: timing.idleAfter,
    alignWithinMs: timing.alignWithin ?? 4 * timing.slice,
    alignPatienceMs: timing.alignPatience,
    maxStratumAgeMs: timing.maxStratumAge,
    maxPending: limits.maxPending,
    maxHorizonMs: Math.max(0, ...models.flatMap((model) => model.horizons.map((horizon) => horizon.horizonMs))),
    maxEarlyMs: limits.maxEarly,
    recordBytesMax: limits.recordBytes,
    ...inputs,
    models,
    ...(policy.inputs.changes === undefined ? {} : { changesTopic: policy.inputs.changes.topic }),
    ...(policy.privacy === undefined ? {} : { privacy: privacyOf(policy.privacy, folder) }),
    ...(policy.security === undefined ? {} : { security: securityOf(policy.security, folder) }),
    ...(policy.alerts === undefined ? {} : { alerting: alertingOf(policy.alerts, folder) }),
    ...(policy.telemetry?.traces === undefined ? {} : { traces: tracesOf(policy.telemetry.traces, folder) }),
  })
}

/** Where units are hashed, dead letters must not tell them. */
function privacyOf({ units, deadLetters, keyFile }: NonNullable<Policy['privacy']>, folder: string): Privacy {
  return {
    units,
    deadLetters: deadLetters ?? (units === 'hash' ? 'hash' : 'full'),
    keyFile: keyFile === undefined ? null : resolve(folder, keyFile),
  }
}

function securityOf({ signing, trusted, strict }: NonNullable<Policy['security']>, folder: string): Security {
  return {
    signing: signing === undefined ? null : { keyFile: resolve(folder, signing.keyFile), keyId: signing.keyId },
    trusted: trusted.map(({ keyId, file, notAfter }) => ({
      keyId,
      file: resolve(folder, file),
      notAfterMs: notAfter === undefined ? null : Date.parse(notAfter),
    })),
    strict,
  }
}

function tracesOf({ endpoint, headersFile, sampling }: TracesKeys, folder: string): Traces {
  return { endpoint, headersFile: headersFile === undefined ? null : resolve(folder, headersFile), sampling }
}

/** Names the rules, not the cluster they run on or who is told: other brokers, passwords, keys to sign with and channels leave it as it was. */
export function policyDigest({ security, alerts: _told, telemetry: _traced, ...policy }: Policy): string {
  const trust = security === undefined ? {} : { security: { trusted: security.trusted, strict: security.strict } }
  return digestOf({ ...policy, ...trust, kafka: { prefix: policy.kafka.prefix } })
}

function compileModel(name: string, index: number, model: PolicyModel, policy: Policy, inputs: Inputs, folder: string): ModelLayout {
  const scopes = scopesOf(model, inputs)
  const unplaced = blocksOf(model, inputs, () => false)
  const implied = model.guardrails === undefined
  const written = model.guardrails?.filter(isCompared) ?? defaultGuardrails(model, unplaced)
  const named = new Set(
    written.flatMap((guardrail) => (guardrailDimensions(guardrail, model).length > 0 ? guardrailBlocks(guardrail, model) : [])),
  )
  const isParted = partsPopulation(model)
  const inSegments = (id: string) => model.blocksInSegments || id === 'requests' || named.has(id)
  // Pairs are counted for the whole population only: 65 cells in every segment would hold little each. Repeated ids always are, and so
  // are answers to one request.
  const ofFeatures = (id: string) => (isParted ? id !== 'duplicate' : !id.startsWith('pair:') && inSegments(id))
  const counted = (id: string) => !id.startsWith(PAIRED) && ofFeatures(id)
  const blocks = blocksOf(model, inputs, (id) => scopes.length > 1 && counted(id))
  return {
    index,
    name,
    versions: [
      model.control,
      model.candidate,
      ...model.versions.filter((version) => version !== model.control && version !== model.candidate),
    ],
    control: 0,
    candidate: 1,
    hasUnits: inputs.predictions.fields.unit !== null,
    dimensionSlots: dimensionSlotsOf(model, inputs).map(({ slot }) => slot),
    scopes,
    ...blocks,
    ...(inputs.predictions.fields.unit === null
      ? {}
      : { unitBlocks: unitBlocksOf(blocks, inputs.predictions.fields.unit, inputs.described?.fields.unit ?? null) }),
    plan: {
      ...planOf(
        model,
        policy,
        written.map((guardrail) => ({ ...compileGuardrail(guardrail, model, blocks, scopes), ...(implied ? { implied } : {}) })),
      ),
      ...compileSteady(model, policy, blocks, scopes, (path) => resolve(folder, path)),
      ...drilled(model),
    },
  }
}

/** Everything is counted in segments where one may have to be taken out of the whole population, or to stand for it. */
function partsPopulation({ rollout, segments }: PolicyModel): boolean {
  const cohorts = rollout?.stages?.some((stage) => typeof stage === 'object' && stage.cohort !== undefined) ?? false
  return Object.keys(segments).length > 0 && (cohorts || rollout?.isolate !== undefined)
}

function drilled(model: PolicyModel): Pick<Plan, 'drill'> {
  const drill = drillPlanOf(model)
  return drill === null ? {} : { drill }
}

function dimensionSlotsOf(model: PolicyModel, inputs: Inputs) {
  return Object.entries(model.segments).map(([name, listed]) => {
    const values = dimensionValues(listed)
    return { name, values, slot: slotIndex(inputs.predictions.dimensions, { name, values }) }
  })
}

function scopesOf(model: PolicyModel, inputs: Inputs): Scope[] {
  const segments = dimensionSlotsOf(model, inputs).flatMap(({ name, values, slot }) =>
    values.map((value, index) => ({ name: `${name}=${value}`, dimensionSlot: slot, value: index })),
  )
  return [{ name: ALL_SCOPE, dimensionSlot: -1, value: 0 }, ...segments]
}

function deepFreeze<T>(value: T): T {
  if (value === null || typeof value !== 'object' || Object.isFrozen(value)) return value
  for (const member of Object.values(value)) deepFreeze(member)
  return Object.freeze(value)
}
