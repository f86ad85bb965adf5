/** Text of a policy file → checked policy and compiled layout, or every fault in it with its place. */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type Document, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import { FlyballError } from '../kit/errors.ts'
import { derivedKey } from '../kit/secret-key.ts'
import { check } from './check.ts'
import { compile } from './compile.ts'
import { describeIssue, type Fault, type Finding, faultLine, findingsOf, locate, PolicyFaults } from './faults.ts'
import type { Layout } from './layout.ts'
import { PANE_BYTES_MAX, paneBound } from './pane-size.ts'
import { type Policy, policySchema } from './policy.ts'
import { withProfiles } from './profile.ts'
import { keysAt } from './schema.ts'

export interface LoadedPolicy {
  readonly policy: Policy
  readonly layout: Layout
  /** `file:line:col: path: message`, for people. */
  readonly warnings: readonly string[]
}

export function loadPolicy(file: string): LoadedPolicy {
  const loaded = loadPolicyAlone(file)
  const { keyFile = null } = loaded.layout.privacy ?? {}
  // Better now than when the first record comes.
  if (keyFile !== null) derivedKey(keyFile, 'flyball unit ids')
  return { ...loaded, layout: withProfiles(loaded.layout) }
}

/** Without the profiles it names: for whoever is about to write them. */
export function loadPolicyAlone(file: string): LoadedPolicy {
  return parsePolicy(readPolicy(file), file)
}

function readPolicy(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new FlyballError('FLY-POLICY-002', { file, problem: (error as Error).message }, { cause: error })
  }
}

/** Touches no disk: schema files and profiles are read by whoever needs them. Their paths are relative to the folder of `fileName`. */
export function parsePolicy(text: string, fileName: string): LoadedPolicy {
  if (text.length > TEXT_MAX) throw wholeFault(`is larger than ${TEXT_MAX / 1_000} kB`, fileName)
  const lines = new LineCounter()
  const document = parsedDocument(text, lines, fileName)
  const place = (finding: Finding) => locate(finding, document, lines, fileName)
  const syntax = [...shapeFaults(document), ...document.errors.map(({ message, pos }) => ({ message, offset: pos[0] }))]
  if (syntax.length > 0)
    throw new PolicyFaults(syntax.slice(0, FAULTS_MAX).map(({ message, offset }) => faultAt(message, offset, lines, fileName)))
  const placed = (findings: readonly Finding[]) => new PolicyFaults(findings.slice(0, FAULTS_MAX).map(place))
  const policy = checkedShape(plainValue(document, place), placed)
  const { faults, warnings } = check(policy)
  if (faults.length > 0) throw placed(faults)
  const layout = compile(policy, dirname(resolve(fileName)))
  const tooLarge = largePanes(layout)
  if (tooLarge.length > 0) throw new PolicyFaults(tooLarge.map(place))
  return { policy, layout, warnings: warnings.map((warning) => faultLine(place(warning))) }
}

function checkedShape(value: unknown, refusal: (findings: readonly Finding[]) => PolicyFaults): Policy {
  if (value === null || value === undefined) throw refusal([{ path: [], message: 'the file is empty' }])
  const checked = policySchema.safeParse(value, { error: describeIssue })
  if (!checked.success) throw refusal(findingsOf(checked.error.issues, [], keysAt))
  return checked.data
}

/** Aliases that would blow up in memory, or point nowhere, throw here. */
function plainValue(document: Document, place: (finding: Finding) => Fault): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    throw new PolicyFaults([place({ path: [], message: (error as Error).message })])
  }
}

function parsedDocument(text: string, lines: LineCounter, file: string): Document {
  try {
    // Holds every key against every other: shapeFaults finds keys that come twice without.
    return parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false, uniqueKeys: false })
  } catch (error) {
    throw wholeFault(`is no YAML: ${(error as Error).message}`, file)
  }
}

function wholeFault(message: string, file: string): PolicyFaults {
  return new PolicyFaults([{ file, line: 1, column: 1, path: '', message }])
}

/** Nobody reads more of them, and to find the place of one takes a walk through the keys beside it. */
const FAULTS_MAX = 500
const TEXT_MAX = 500_000
const DEPTH_MAX = 50

interface SyntaxFault {
  readonly message: string
  readonly offset: number
}

/** What YAML allows and no policy needs. Keys that are mappings are made text by escaping text, level by level: a hundred bytes take gigabytes. */
function shapeFaults(document: Document): SyntaxFault[] {
  const waiting: { readonly node: Node | null; readonly depth: number }[] = [{ node: document.contents, depth: 0 }]
  const faults: SyntaxFault[] = []
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { node, depth } = next
    const offset = node?.range?.[0] ?? 0
    if (depth > DEPTH_MAX) return [{ message: 'is nested too deeply', offset }]
    if (isSeq(node)) for (const item of node.items) waiting.push({ node: item as Node, depth: depth + 1 })
    if (!isMap(node)) continue
    const seen = new Set<unknown>()
    for (const { key, value } of node.items) {
      if (isScalar(key) && seen.has(key.value)) faults.push({ message: 'Map keys must be unique', offset: key.range?.[0] ?? offset })
      if (isScalar(key)) seen.add(key.value)
      if (!isScalar(key) || (typeof key.value === 'object' && key.value !== null))
        faults.push({ message: 'a key must be text', offset: (key as Node | null)?.range?.[0] ?? offset })
      waiting.push({ node: value as Node | null, depth: depth + 1 })
    }
  }
  return faults
}

function faultAt(message: string, offset: number, lines: LineCounter, file: string): Fault {
  const { line, col } = lines.linePos(offset)
  return { file, line, column: col, path: '', message }
}

function largePanes(layout: Layout): Finding[] {
  return layout.models.flatMap((model) => {
    const { bytes, chain, largest } = paneBound(model)
    if (bytes <= PANE_BYTES_MAX) return []
    const size = `the largest ${chain} pane could take ${Math.ceil(bytes / 1_000)} kB, above the ${PANE_BYTES_MAX / 1_000} kB of one record`
    return [{ path: ['models', model.name], message: `${size}: cut ${largest}` }]
  })
}
