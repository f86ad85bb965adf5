/** Text of a policy file → checked policy and compiled layout, or every fault in it with its place. */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type Document, LineCounter, parseDocument } from 'yaml'
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
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false })
  const place = (finding: Finding) => locate(finding, document, lines, fileName)
  if (document.errors.length > 0) throw new PolicyFaults(syntaxFaults(document, lines, fileName))
  const policy = checkedShape(plainValue(document, place), (findings) => new PolicyFaults(findings.map(place)))
  const { faults, warnings } = check(policy)
  if (faults.length > 0) throw new PolicyFaults(faults.map(place))
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

function syntaxFaults(document: Document, lines: LineCounter, file: string) {
  return document.errors.map((error) => {
    const { line, col } = lines.linePos(error.pos[0])
    return { file, line, column: col, path: '', message: error.message }
  })
}

function largePanes(layout: Layout): Finding[] {
  return layout.models.flatMap((model) => {
    const { bytes, chain, largest } = paneBound(model)
    if (bytes <= PANE_BYTES_MAX) return []
    const size = `the largest ${chain} pane could take ${Math.ceil(bytes / 1_000)} kB, above the ${PANE_BYTES_MAX / 1_000} kB of one record`
    return [{ path: ['models', model.name], message: `${size}: cut ${largest}` }]
  })
}
