/** What the keys of a policy's `rollout` must agree on. */
import type { Findings, KeyPath } from './faults.ts'
import type { PolicyModel } from './policy.ts'
import type { PolicyRollout, PolicyStage } from './rollout-schema.ts'

export function checkRollout(model: PolicyModel, path: KeyPath, found: Findings): void {
  const { rollout } = model
  if (rollout === undefined) return
  const at = [...path, 'rollout']
  if (rollout.stages !== undefined && model.ladder.steps !== undefined)
    found.fault([...path, 'ladder', 'steps'], 'rollout.stages names the steps already: leave one of the two out')
  if (rollout.stages !== undefined) checkStages(rollout.stages, model, [...at, 'stages'], found)
  checkWindows(rollout, at, found)
  const versions = [model.control, model.candidate, ...model.versions]
  for (const version of Object.keys(rollout.artifacts))
    if (!versions.includes(version)) found.fault([...at, 'artifacts', version], 'the model has no such version')
  if (rollout.isolate !== undefined && !Object.hasOwn(model.segments, rollout.isolate))
    found.fault([...at, 'isolate'], `the model has no dimension ${rollout.isolate} under segments`)
  checkApart(rollout, model, at, found)
  if (rollout.stages?.some(isOffline) && rollout.artifacts[model.candidate] === undefined)
    found.fault([...at, 'artifacts'], `must name the artifact of ${model.candidate}: a gate is passed by an artifact, not by a name`)
}

/** offline, then shadow, then weights, each higher than the one before and the last one 100. */
function checkStages(stages: readonly PolicyStage[], model: PolicyModel, path: KeyPath, found: Findings): void {
  const ranks = stages.map((stage) => rankOf(kindOf(stage)))
  stages.forEach((stage, index) => {
    const before = stages[index - 1]
    if (before !== undefined && !follows(stage, before, ranks, index))
      found.fault([...path, index], `cannot come after ${String(kindOf(before))}: offline, shadow, then weights, each above the one before`)
    if (typeof stage === 'object' && stage.cohort !== undefined) checkCohort(stage.cohort, kindOf(stage), model, [...path, index], found)
  })
  if (kindOf(stages.at(-1)!) !== 100) found.fault([...path, stages.length - 1], 'must be 100: the last stage is the whole traffic')
}

function follows(stage: PolicyStage, before: PolicyStage, ranks: readonly number[], index: number): boolean {
  const [kind, kindBefore] = [kindOf(stage), kindOf(before)]
  if (typeof kind !== 'number' || typeof kindBefore !== 'number') return ranks[index]! > ranks[index - 1]!
  const cohorts = typeof before === 'object' && before.cohort !== undefined
  // After a cohort the same weight may follow for everybody: it is more traffic all the same.
  return kind > kindBefore || (kind === kindBefore && cohorts && cohortOf(stage) !== cohortOf(before))
}

/** Half of the values at most are kept out, and who lies in both a region and a platform nobody counts. */
function checkApart({ isolate, stages = [] }: PolicyRollout, model: PolicyModel, path: KeyPath, found: Findings): void {
  if (isolate === undefined) return
  const values = model.segments[isolate]
  if (values !== undefined && values.length < 2)
    found.fault(
      [...path, 'isolate'],
      `needs at least two values of ${isolate} under segments: the candidate is kept out of half of them at most`,
    )
  stages.forEach((stage, index) => {
    if (cohortOf(stage) !== '' && !cohortOf(stage).startsWith(`${isolate}=`))
      found.fault([...path, 'stages', index, 'cohort'], `must be of the dimension ${isolate}, by which the candidate is isolated`)
  })
}

function checkCohort(cohort: string, kind: unknown, model: PolicyModel, path: KeyPath, found: Findings): void {
  const [dimension = '', ...value] = cohort.split('=')
  const values = model.segments[dimension]
  if (typeof kind !== 'number') found.fault([...path, 'cohort'], 'is for stages with a weight')
  else if (kind === 100) found.fault([...path, 'cohort'], 'the last stage is for everybody')
  else if (values === undefined) found.fault([...path, 'cohort'], `the model has no dimension ${dimension} under segments`)
  else if (!values.map(String).includes(value.join('=')))
    found.fault([...path, 'cohort'], `${dimension} has no value ${value.join('=')} under segments`)
}

function checkWindows({ freezeWindows }: PolicyRollout, path: KeyPath, found: Findings): void {
  freezeWindows.forEach((window, index) => {
    if ('begin' in window && Date.parse(window.end) <= Date.parse(window.begin))
      found.fault([...path, 'freezeWindows', index, 'end'], 'must be after begin')
  })
}

function kindOf(stage: PolicyStage) {
  return typeof stage === 'object' ? stage.stage : stage
}

function cohortOf(stage: PolicyStage): string {
  return typeof stage === 'object' ? (stage.cohort ?? '') : ''
}

function rankOf(kind: ReturnType<typeof kindOf>): number {
  return kind === 'offline' ? 0 : kind === 'shadow' ? 1 : 2
}

function isOffline(stage: PolicyStage): boolean {
  return kindOf(stage) === 'offline'
}
