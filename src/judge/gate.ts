/**
 * Gates: what an offline validation said of an artifact, as people and pipelines record it. Remembered by digest, whatever the rollout is
 * in; the last word about a digest counts.
 */
import type { OperatorRequest } from '../domain.ts'
import { timeText } from '../kit/iso-time.ts'
import { ARTIFACT_WORDS, isDigest } from '../kit/subject.ts'
import { artifactOf, type ModelLayout } from '../policy/layout.ts'
import type { Missing } from './setting.ts'
import { candidateOf, type GateResult, type Ladder } from './state.ts'

const GATES_REMEMBERED = 32
const REPORT_CHARACTERS_MAX = 500
const BODY_CHARACTERS_MAX = 50_000

/** What a request wants recorded; a text says why it cannot be. */
export function gateOf(request: OperatorRequest, who: string, model: ModelLayout): GateResult | string {
  const digest = request.subject ?? artifactOf(model)
  if (digest === '') return `it names no artifact, and the policy has none for ${candidateOf(model)}`
  if (!isDigest(digest)) return `${digest} names no artifact: it ${ARTIFACT_WORDS}`
  if (request.body.length > BODY_CHARACTERS_MAX) return `its body is longer than ${BODY_CHARACTERS_MAX} characters`
  const said = saidIn(request.body)
  if (said === null) return 'its body is no gate: {"passed": true or false, "report": "…"}'
  return { digest, passed: said.passed, report: said.report.slice(0, REPORT_CHARACTERS_MAX), who, atMs: request.atMs, id: request.id }
}

/** What else stands there goes into the record unread. */
function saidIn(body: string): Pick<GateResult, 'passed' | 'report'> | null {
  const value = jsonOf(body)
  if (typeof value !== 'object' || value === null || !('passed' in value) || typeof value.passed !== 'boolean') return null
  if (!('report' in value)) return { passed: value.passed, report: '' }
  return typeof value.report === 'string' ? { passed: value.passed, report: value.report } : null
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** The oldest are forgotten first, but never the candidate's own. */
export function withGate(gates: readonly GateResult[], gate: GateResult, model: ModelLayout): readonly GateResult[] {
  const all = [...gates.filter(({ digest }) => digest !== gate.digest), gate]
  const own = all.filter(({ digest }) => digest === artifactOf(model))
  return all.length <= GATES_REMEMBERED ? all : [...own, ...all.filter((each) => !own.includes(each)).slice(own.length - GATES_REMEMBERED)]
}

/** Why the candidate's artifact has not passed; empty: it has, or the plan asks for no gate. */
export function gateMissing({ gates }: Ladder, model: ModelLayout): readonly Missing[] {
  if (!model.plan.rollout.offline) return []
  const digest = artifactOf(model)
  const gate = gates.find((each) => each.digest === digest)
  if (gate === undefined) return [{ kind: 'gate', words: `no gate is recorded of ${digest}: flyball rollout gate ${model.name} --passed` }]
  if (gate.passed) return []
  const report = gate.report === '' ? '' : `: ${gate.report}`
  return [{ kind: `gate:${gate.id}`, words: `the gate of ${digest} failed (recorded by ${gate.who} ${timeText(gate.atMs)})${report}` }]
}

export function gateWords({ digest, passed, report }: GateResult): string {
  return `${passed ? 'Recorded a passed gate' : 'Recorded a failed gate'} of ${digest}${report === '' ? '' : ` (${report})`}`
}
