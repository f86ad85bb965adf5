/** The demo's last act, for `skew`: the same fault judged by its outcomes alone, since live the features give it away long before. */
import { readFileSync } from 'node:fs'
import { systemClock } from '../src/kit/clock.ts'
import { type Flight, isLate } from './flights.ts'
import { type DelayModel, logLoss, predictLate } from './model.ts'
import type { Narrator } from './narration.ts'
import { featuresFor, judgeReplay, MARGIN_NATS, plannedRows, REPLAY_PERCENT, type Replayed, type ReplayedVersion } from './replay.ts'
import { count, effect, evidence } from './report.ts'
import type { VersionSpec } from './stage.ts'

export interface LastAct {
  readonly seed: number
  readonly flights: readonly Flight[]
  readonly control: VersionSpec
  readonly candidate: VersionSpec
  readonly narrator: Narrator
}

/** Traffic of its own, apart from that of the rollouts. */
const SEED_APART = 900

/** True when the log score finds the fault. */
export async function outcomesAlone({ seed, flights, narrator, ...specs }: LastAct): Promise<boolean> {
  const [control, candidate] = [replayedVersion(specs.control), replayedVersion(specs.candidate)]
  const [before, after] = [qualityOf(control, flights), qualityOf(candidate, flights)]
  const rows = plannedRows(after.logLoss - before.logLoss)
  narrator.head('And if nobody had looked at the features?')
  narrator.text(
    `Live, what goes in gives the fault away before the outcomes can say much. So once more, with two guardrails only: log score (margin
${MARGIN_NATS} nats) and wrong outcomes (margin one point). This part is not live, it is a replay: ${count(rows)} flights drawn anew (seed ${seed * 1_000 + SEED_APART}),
${REPLAY_PERCENT} % of them scored by ${candidate.version}, stand in a log in memory with their outcomes and are read at full speed, as by flyball run --drain.
Known beforehand, from scoring every flight of February and March by both: log loss ${before.logLoss.toFixed(3)} for ${control.version}, ${after.logLoss.toFixed(3)} for ${candidate.version};
wrong decisions ${percent(before.wrong)} and ${percent(after.wrong)}.`,
  )
  const beganMs = systemClock.monotonicMs()
  const replayed = await judgeReplay({ seed: seed * 1_000 + SEED_APART, rows, flights, control, candidate })
  narrator.tell(
    `${count(rows)} flights and their outcomes written and judged in ${((systemClock.monotonicMs() - beganMs) / 1000).toFixed(1)} s`,
  )
  return tell(replayed, candidate.version, narrator)
}

function tell({ byLogScore, logScore, wrongOutcome, rollback }: Replayed, version: string, narrator: Narrator): boolean {
  const rows = `${count(logScore.candidateRows + logScore.controlRows)} rows with outcome, ${count(logScore.candidateRows)} of them ${version}'s`
  const stood = `${effect(logScore)}, evidence ${evidence(logScore)}`
  if (!byLogScore) {
    narrator.tell(`NOT REACHED: the log score was to roll ${version} back. After ${rows}: ${stood}. ${rollback?.summary ?? ''}`, 'red')
    return false
  }
  narrator.tell(`the log score rolls ${version} back after ${rows}: ${stood}`, 'green')
  narrator.tell(`wrong decisions say nothing at that moment: ${effect(wrongOutcome)}, evidence ${evidence(wrongOutcome)}`)
  return true
}

function replayedVersion({ version, modelFile, harm }: VersionSpec): ReplayedVersion {
  return { version, model: JSON.parse(readFileSync(modelFile, 'utf8')) as DelayModel, isSkewed: harm === 'skew' }
}

function qualityOf(version: ReplayedVersion, flights: readonly Flight[]): { readonly logLoss: number; readonly wrong: number } {
  const late = flights.map(isLate)
  const scores = flights.map((flight) => predictLate(version.model, featuresFor(version, flight)))
  const wrong = scores.filter((score, index) => score >= 0.5 !== late[index]).length
  return { logLoss: logLoss(scores, late), wrong: wrong / scores.length }
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
