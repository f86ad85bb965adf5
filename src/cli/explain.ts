/** `flyball explain DECISION`: one decision with its evidence, in full. */
import { type Command, InvalidArgumentError } from 'commander'
import type { NonInferiority, Reading, Verdict } from '../domain.ts'
import { FlyballError } from '../kit/errors.ts'
import { timeText } from '../kit/iso-time.ts'
import { readDecisions, type StoredDecision } from '../shell/topic-reads.ts'
import { type ConnectionOptions, connected, withConnectionOptions } from './connected.ts'
import { cell, oneLine, printJson, printLine, table, weightsText } from './output.ts'

interface Options extends ConnectionOptions {
  readonly json?: true
}

export function register(program: Command): void {
  withConnectionOptions(program.command('explain'))
    .description('why a decision was taken: rule, evidence, intervals, limits and rows')
    .argument('<decision>', 'its id (or the beginning of it), MODEL#NUMBER, or MODEL for the last one', notEmpty)
    .option('--json', 'as JSON on stdout')
    .action((name: string, options: Options) =>
      connected(options, async ({ log, topics }) => {
        const found = find(await readDecisions(log, topics.decisions), name)
        if (options.json) printJson(found)
        else for (const line of explanation(found)) printLine(line)
      }),
    )
}

function notEmpty(text: string): string {
  if (text === '') throw new InvalidArgumentError('must name a decision.')
  return text
}

/** Fewer signs would often be the beginning of a mistyped model. */
const PREFIX_LENGTH_MIN = 6

/** A model's name wins over an id that begins alike. */
export function find(decisions: readonly StoredDecision[], name: string): StoredDecision {
  const at = name.lastIndexOf('#')
  const [model, number] = [name.slice(0, at), name.slice(at + 1)]
  const isNumbered = at > 0 && /^\d+$/.test(number)
  const found =
    decisions.findLast(({ decision }) => decision.model === name) ??
    decisions.findLast(({ decision }) => isNumbered && decision.model === model && decision.number === Number(number)) ??
    decisions.find(({ decision }) => decision.id === name) ??
    decisions.find(({ decision }) => name.length >= PREFIX_LENGTH_MIN && decision.id.startsWith(name))
  if (found === undefined) throw new FlyballError('FLY-CLI-004', { decision: name })
  return found
}

/** Lines for people; also used by the demo. */
export function explanation({ decision, partition, offset, hash }: StoredDecision): readonly string[] {
  const { verdict } = decision
  const lines = [
    decision.summary,
    '',
    `decision   ${decision.model}#${decision.number}  ${decision.id}`,
    `verdict    ${verdict.kind} by rule ${verdict.rule}, mode ${decision.mode}`,
    `weights    ${weightsText(decision.weightsBefore)} → ${weightsText(decision.weightsAfter)}`,
    `time       ${timeText(decision.judgeTimeMs)} (record time)`,
    `seen       ${decision.rows} rows in ${decision.panes} panes`,
    `cause      ${decision.cause === '' ? 'none named' : decision.cause}`,
    `policy     ${decision.policyDigest}`,
    `record     partition ${partition}, offset ${offset}, hash ${hash.slice(0, 16)}, previous ${decision.previousHash.slice(0, 16) || 'none'}`,
    ...reasons(verdict),
    '',
  ]
  return [...lines.map(oneLine), evidenceTable(decision.readings)]
}

function reasons(verdict: Verdict): readonly string[] {
  if (verdict.kind === 'hold') return verdict.missing.map((missing) => `missing    ${missing}`)
  if (verdict.kind !== 'promote') return []
  return verdict.proofs.map((proof) => `proof      ${proof.guardrail}: ${proofWords(proof)}, ${proof.rows} rows`)
}

/** Guardrails without an interval prove their silence: what stands there is evidence, which may exceed 1, and no share. */
function proofWords({ upperEnd, allowed }: NonInferiority): string {
  const isEvidence = allowed > 1
  return isEvidence
    ? `no signal: evidence ${number(upperEnd)}, a signal from ${number(allowed)}`
    : `harm at most ${number(upperEnd)}, allowed ${number(allowed)}`
}

function evidenceTable(readings: readonly Reading[]): string {
  const strongest = [...readings].sort((a, b) => b.logEvidence - b.logLimit - (a.logEvidence - a.logLimit))
  const rows = strongest.map((reading) => [
    reading.logEvidence >= reading.logLimit ? '!' : ' ',
    reading.guardrail,
    reading.scope,
    reading.logEvidence.toFixed(2),
    reading.logLimit.toFixed(2),
    number(reading.estimate),
    `${number(reading.intervalLow)} … ${number(reading.intervalHigh)}`,
    reading.unit,
    `${reading.candidateEvents}/${reading.candidateRows}`,
    `${reading.controlEvents}/${reading.controlRows}`,
    reading.detail,
  ])
  return table(
    ['', 'GUARDRAIL', 'SCOPE', 'LN E', 'LIMIT', 'EFFECT', 'INTERVAL', 'UNIT', 'CANDIDATE', 'CONTROL', 'DETAIL'],
    rows.map((cells) => cells.map(cell)),
  )
}

function number(value: number): string {
  return Number.isFinite(value) ? Number(value.toPrecision(3)).toString() : '–'
}
