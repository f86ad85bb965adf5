/** Where a version came from and what became of it: what users published about it and its ancestors, decisions about it, and people. */
import type { Decision, OperatorRequest } from '../domain.ts'
import type { VersionRecord } from './version-record.ts'

export interface Lineage {
  readonly model: string
  readonly version: string
  /** Null: nothing was published about it. */
  readonly record: VersionRecord | null
  /** What the record does not say. */
  readonly missing: readonly string[]
  /** What decisions say that the record does not, or says otherwise. */
  readonly conflicts: readonly string[]
  /** The versions it was made from, the nearest first. Null at the end: published about by nobody. */
  readonly ancestors: readonly { readonly version: string; readonly record: VersionRecord | null }[]
  readonly decisions: readonly Decision[]
  readonly people: readonly Person[]
}

export interface Person {
  readonly who: string
  readonly did: string
  readonly atMs: number
}

export interface LineageSources {
  /** In the order of the log. */
  readonly records: readonly VersionRecord[]
  readonly decisions: readonly Decision[]
  readonly requests: readonly OperatorRequest[]
}

/** Models that have something to say of a version. */
export function modelsWith(version: string, { records, decisions }: LineageSources): readonly string[] {
  const published = records.filter((record) => record.version === version).map(({ model }) => model)
  const decided = decisions.filter((decision) => isAbout(decision, version)).map(({ model }) => model)
  return [...new Set([...published, ...decided])].sort()
}

export function lineageOf(model: string, version: string, { records, decisions, requests }: LineageSources): Lineage {
  const find = (wanted: string) => records.findLast((record) => record.model === model && record.version === wanted) ?? null
  const record = find(version)
  const mine = decisions.filter((decision) => decision.model === model && isAbout(decision, version))
  return {
    ...{ model, version, record },
    missing: missingIn(record),
    conflicts: conflictsWith(record, mine, version),
    ancestors: ancestorsOf(record, find),
    decisions: mine,
    people: peopleOf(record, mine, requests),
  }
}

/** Decisions before schema 3 name no versions beside their weights. */
function isAbout({ candidate, control, weightsBefore, weightsAfter }: Decision, version: string): boolean {
  return [candidate, control, ...Object.keys(weightsBefore), ...Object.keys(weightsAfter)].includes(version)
}

function missingIn(record: VersionRecord | null): readonly string[] {
  if (record === null) return ['a version record: nobody has published one']
  const { datasets, featureSet, trainingRun, artifact, plan, createdBy, createdAt } = record
  const parts: Readonly<Record<string, boolean>> = {
    data: datasets.length === 0,
    'feature set': featureSet === undefined,
    'training run': trainingRun === undefined,
    'artifact digest': artifact === undefined,
    plan: plan === undefined,
    'who made it': createdBy === undefined,
    'when it was made': createdAt === undefined,
  }
  return Object.keys(parts).filter((part) => parts[part])
}

function conflictsWith(record: VersionRecord | null, decisions: readonly Decision[], version: string): readonly string[] {
  const told = decisions.filter(({ candidate, artifact }) => candidate === version && artifact !== '').map(({ artifact }) => artifact)
  return [...new Set(told)]
    .filter((artifact) => artifact !== record?.artifact)
    .map((artifact) => `decisions were taken about artifact ${artifact}${record?.artifact === undefined ? ', which no record names' : ''}`)
}

/** A record that names a descendant as its parent ends the line. */
function ancestorsOf(record: VersionRecord | null, find: (version: string) => VersionRecord | null): Lineage['ancestors'] {
  const ancestors: { version: string; record: VersionRecord | null }[] = []
  const seen = new Set([record?.version])
  for (let parent = record?.parent; parent !== undefined && !seen.has(parent); parent = ancestors.at(-1)!.record?.parent) {
    seen.add(parent)
    ancestors.push({ version: parent, record: find(parent) })
  }
  return ancestors
}

/** Who made it, who approved a stage of it, and who asked for what was then decided. */
function peopleOf(record: VersionRecord | null, decisions: readonly Decision[], requests: readonly OperatorRequest[]): readonly Person[] {
  const made = record?.createdBy === undefined ? [] : [{ who: record.createdBy, did: 'made it', atMs: Date.parse(record.createdAt ?? '') }]
  const approved = decisions.flatMap(({ approvals }) =>
    approvals.map(({ who, stage, requestId, atMs }) => ({ who, did: `approved leaving ${stage} (request ${requestId})`, atMs })),
  )
  const asked = requests.flatMap((request) => {
    const answer = decisions.find(({ requestId, model }) => requestId === request.id && model === request.model)
    if (answer === undefined || request.verb === 'approve') return []
    const done = answer.verdict.kind === 'refused' ? 'refused' : 'done'
    return [{ who: request.who, did: `asked for ${request.verb} (${done} by #${answer.number}): ${request.reason}`, atMs: request.atMs }]
  })
  const all = [...made, ...approved, ...asked]
  const once = new Map(all.map((person) => [`${person.who}|${person.did}`, person]))
  return [...once.values()].sort((one, other) => (Number.isNaN(one.atMs) ? -1 : one.atMs - other.atMs))
}
