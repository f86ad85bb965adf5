/**
 * What is wrong with a policy, and where: every fault with file, line, column and path, so that one run of the editor mends them all.
 */
import { type Document, isAlias, isMap, isNode, isPair, isScalar, type LineCounter, type Node } from 'yaml'
import type { z } from 'zod'
import { FlyballError } from '../kit/errors.ts'

export type KeyPath = readonly PropertyKey[]

/** What a check finds: a path into the policy and a sentence. */
export interface Finding {
  readonly path: KeyPath
  readonly message: string
}

/** Where checks put what they find. */
export interface Findings {
  fault(path: KeyPath, message: string): void
  warn(path: KeyPath, message: string): void
}

export function checkUnique(values: readonly unknown[], path: KeyPath, found: Findings): void {
  const seen = new Set<string>()
  values.map(String).forEach((text, index) => {
    if (seen.has(text)) found.fault([...path, index], `${text} is listed twice`)
    seen.add(text)
  })
}

/** A finding with its place in the file. */
export interface Fault {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly path: string
  readonly message: string
}

/** All faults of one file: FLY-POLICY-001, one fault a line. */
export class PolicyFaults extends FlyballError {
  readonly faults: readonly Fault[]

  constructor(unsorted: readonly Fault[]) {
    const faults = [...unsorted].sort((left, right) => left.line - right.line || left.column - right.column)
    super('FLY-POLICY-001', { faults: faults.map(faultLine).join('\n') })
    this.faults = faults
  }
}

export function faultLine(fault: Fault): string {
  return `${fault.file}:${fault.line}:${fault.column}: ${fault.path === '' ? '' : `${fault.path}: `}${fault.message}`
}

/** Finds the places of findings in a parsed document. */
export function locate(finding: Finding, document: Document, lines: LineCounter, file: string): Fault {
  const { line, col } = lines.linePos(offsetOf(document, finding.path))
  return { file, line: Math.max(1, line), column: Math.max(1, col), path: pathText(finding.path), message: finding.message }
}

/** Start of the key at the end of the path; of the nearest ancestor that is written down when the key is not. */
function offsetOf(document: Document, path: KeyPath): number {
  let node: Node | null = document.contents as Node | null
  let offset = node?.range?.[0] ?? 0
  for (const step of path) {
    const held: Node | null = isAlias(node) ? (node.resolve(document) as Node | null) : node
    const child = childOf(held, step)
    if (child === null) return offset
    offset = child.offset
    node = child.value
  }
  return offset
}

function childOf(node: Node | null, step: PropertyKey): { readonly offset: number; readonly value: Node | null } | null {
  if (isMap(node)) {
    const pair = node.items.find((item) => isPair(item) && String(isScalar(item.key) ? item.key.value : item.key) === String(step))
    if (pair === undefined || !isNode(pair.key)) return null
    return { offset: pair.key.range?.[0] ?? 0, value: isNode(pair.value) ? pair.value : null }
  }
  const item = node !== null && 'items' in node ? (node.items as unknown[])[Number(step)] : undefined
  return isNode(item) ? { offset: item.range?.[0] ?? 0, value: item } : null
}

export function pathText(path: KeyPath): string {
  return path.map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? String(step) : `.${String(step)}`)).join('')
}

// ── zod's issues in the words of somebody who writes a policy ──────────────────────────────────────────────────────────────

type Issue = z.core.$ZodIssue

/** Several findings where zod reports several at one place (unknown keys), and those of the likeliest branch where it reports a union. */
export function findingsOf(issues: readonly Issue[], under: KeyPath, known: (path: KeyPath) => readonly string[]): Finding[] {
  return issues.flatMap((issue) => findingsOfIssue(issue, [...under, ...issue.path], known))
}

function findingsOfIssue(issue: Issue, path: KeyPath, known: (path: KeyPath) => readonly string[]): Finding[] {
  if (issue.code === 'unrecognized_keys') {
    const names = known(path)
    return issue.keys.map((key) => ({ path: [...path, key], message: `unknown key${suggestion(key, names)}` }))
  }
  if (issue.code === 'invalid_union') return unionFindings(issue, path, known)
  if (issue.code === 'invalid_key') return [{ path, message: `the name ${issue.issues[0]?.message ?? 'is not allowed'}` }]
  return [{ path, message: issue.message }]
}

/** A branch that fits the kind of value (mapping, text, …) is what was meant; of several, the one with the fewest unknown or missing keys. */
function unionFindings(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  path: KeyPath,
  known: (path: KeyPath) => readonly string[],
): Finding[] {
  if ('options' in issue && issue.options !== undefined) return [{ path, message: `must be ${issue.options.map(String).join(' | ')}` }]
  const meant = issue.errors.filter((branch) => !branch.some((inner) => inner.path.length === 0 && isOtherKind(inner)))
  const [likeliest] = [...meant].sort((left, right) => weight(left) - weight(right))
  if (likeliest !== undefined) return findingsOf(likeliest, path, known)
  const kinds = issue.errors.flatMap((branch) => branch.map(wanted))
  return [{ path, message: `must be ${[...new Set(kinds)].join(' or ')}` }]
}

function isOtherKind(issue: Issue): boolean {
  return issue.code === 'invalid_type' || issue.code === 'invalid_value' || issue.code === 'invalid_union'
}

function weight(branch: readonly Issue[]): number {
  return branch.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length * 2 : 1), 0)
}

function wanted(issue: Issue): string {
  if (issue.code === 'invalid_type') return KIND_NAMES[issue.expected] ?? issue.expected
  if (issue.code === 'invalid_value') return issue.values.map((value) => JSON.stringify(value)).join(' or ')
  if (issue.code === 'invalid_union') return issue.errors.flatMap((branch) => branch.map(wanted)).join(' or ')
  return issue.message
}

const KIND_NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  null: 'null',
}

/** Words for the issues that have none of their own in the schema. */
export function describeIssue(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'invalid_type') {
    if (issue.input === undefined) return 'is missing'
    return `must be ${KIND_NAMES[issue.expected] ?? issue.expected}, not ${kindOf(issue.input)}`
  }
  if (issue.code === 'invalid_value') return `must be ${issue.values.map((value) => String(value)).join(' | ')}`
  if (issue.code === 'too_small') return tooFar(issue.origin, Number(issue.minimum), issue.inclusive === false ? 'more than' : 'at least')
  if (issue.code === 'too_big') return tooFar(issue.origin, Number(issue.maximum), issue.inclusive === false ? 'less than' : 'at most')
  return undefined
}

function tooFar(origin: string, limit: number, relation: string): string {
  if (origin === 'array') return `must have ${relation} ${limit} ${limit === 1 ? 'entry' : 'entries'}`
  if (origin === 'string') return limit === 1 ? 'must not be empty' : `must have ${relation} ${limit} characters`
  return `must be ${relation} ${limit}`
}

function kindOf(value: unknown): string {
  if (value === null) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  if (typeof value === 'string') return `the text ${JSON.stringify(value)}`
  return String(value)
}

// ── did you mean ───────────────────────────────────────────────────────────────────────────────────────────────────────────

function suggestion(key: string, known: readonly string[]): string {
  const [nearest] = known
    .map((name) => ({ name, distance: editDistance(key.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)
  if (nearest !== undefined && nearest.distance <= Math.max(1, Math.floor(key.length / 3))) return `, did you mean ${nearest.name}?`
  return known.length > 0 ? `; known here: ${known.join(', ')}` : ''
}

function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let at = 1; at <= left.length; at++) {
    const next = [at]
    for (let to = 1; to <= right.length; to++) {
      const replaced = row[to - 1]! + (left[at - 1] === right[to - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[to]! + 1, next[to - 1]! + 1))
    }
    row = next
  }
  return row[right.length]!
}
