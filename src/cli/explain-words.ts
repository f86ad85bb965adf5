/** Plain words for what a decision holds: the question it answers, the rule that answered, evidence over time, what to do. */
import type { Decision, Factor, NonInferiority, Reading, Verdict } from '../domain.ts'
import { WAY_BACK } from '../judge/quarantine.ts'
import type { RolloutPlan } from '../policy/layout.ts'
import { isAborted } from './rollout-view.ts'

/** The three questions of the judge, and those that people ask. */
export function questionOf({ kind, ...verdict }: Verdict): string {
  switch (kind) {
    case 'rollback':
    case 'throttle':
    case 'isolate':
      return 'Is there harm?'
    case 'step-down':
      return 'Are the inputs sound?'
    case 'hold':
      return SOUNDNESS.includes('because' in verdict ? verdict.because : '') ? 'Are the inputs sound?' : 'Is it safe to go on?'
    case 'lift':
      return 'Is it safe to give back what a throttle took?'
    case 'promote':
    case 'advance':
      return 'Is it safe to go on?'
    case 'start':
      return 'May the rollout begin?'
    case 'acked':
    case 'observed':
    case 'not-effective':
      return 'Has the command taken effect?'
    default:
      return 'What was asked, or found?'
  }
}

const SOUNDNESS: readonly string[] = ['blind', 'assignment']

/** By name of the rule. Rules not listed speak for themselves in the summary. */
export const RULE_WORDS: Readonly<Record<string, string>> = {
  contract: 'a required feature is missing in most requests of the candidate, and not of the control',
  harm: 'a guardrail whose action is rollback has evidence at or above its limit, alone or together with others',
  'candidate-silent': 'the candidate was sent requests and its predictions do not arrive',
  throttle: 'a guardrail whose action is throttle has evidence at or above its limit: one rung down',
  'blind-too-long': 'the inputs have not been sound for longer than blind.max: one rung down',
  aborted: 'a person has ended the rollout',
  quarantined: 'it was taken back, and stays so until a person lets it go on',
  human: 'a person holds it',
  frozen: 'a person has frozen the model: nothing is raised',
  blind: 'the inputs are not sound: no proof can be had',
  'sample-ratio': "the candidate's share of the traffic is not the one commanded",
  'throttle-at-lowest': 'a throttle is due, and there is no lower rung',
  signal: 'a guardrail whose action is hold has evidence at or above its limit',
  'outcome-coverage': 'too few predictions get their outcome',
  'not-in-force': 'the command has not been acked by a quorum of gateways, or not been seen in the traffic',
  calming: 'a throttle lifts only after calmAfter without new evidence',
  'lifts-used-up': 'it was throttled again after the last lift: a person decides',
  insufficient: 'dwell, rows, or a proof that the candidate is no worse than its margin are still missing',
  steady: 'a guardrail that needs no control speaks after the promotion',
  'steady-over': 'no guardrail without a control speaks any more',
  approval: "the plan asks for a person's word before this stage is left, and all else holds",
  lift: 'calm for calmAfter: the rung is given back',
  promote: 'every proof asked for holds, dwell and rows are reached, nothing speaks against it',
  start: 'the rollout begins at its first rung',
  anchor: 'once a day in which something was decided, the chain of decisions is anchored',
}

/**
 * Whether a proof is of silence: guardrails without an interval prove that nothing is near a signal, which is a quarter of the evidence at
 * which one of their readings acts. What stands there is evidence then, and no harm.
 */
export function isOfSilence({ guardrail, allowed }: NonInferiority, readings: readonly Reading[]): boolean {
  const limits = readings.filter((reading) => reading.guardrail === guardrail).map(({ logLimit }) => logLimit - Math.log(4))
  return limits.length === 0 ? allowed > 1 : limits.some((limit) => Math.abs(limit - Math.log(allowed)) < 1e-9)
}

export function brief(value: number): string {
  return Number.isFinite(value) ? Number(value.toPrecision(3)).toString() : '–'
}

const BARS = '▁▂▃▄▅▆▇█'

/** One sign a value, from nothing to the limit or beyond it. */
export function sparkline(points: readonly { readonly logEvidence: number; readonly logLimit: number }[]): string {
  const level = (share: number) => Math.min(BARS.length - 1, Math.max(0, Math.floor(share * (BARS.length - 1))))
  return points.map(({ logEvidence, logLimit }) => BARS[level(logEvidence / logLimit)]!).join('')
}

/** What each kind of cause asks to be looked at first. */
const LOOK_AT: Readonly<Record<Factor['kind'], (factor: Factor) => string>> = {
  upstream: ({ feature, scope }) =>
    `look at what fills ${feature === '' ? 'the inputs' : feature}${scope === '__all__' ? '' : ` for ${scope}`} on the candidate's way, before the candidate`,
  candidate: ({ guardrail }) => `look at the candidate itself: its logs and traces around ${guardrail}`,
  segment: ({ scope }) => `look at requests of ${scope} first`,
  environment: () => 'look at what both versions share (inputs, network, traffic): the candidate is not to blame for it',
}

export function nextSteps({ factors }: Decision, rollout: RolloutPlan | null): readonly string[] {
  const looks = [...new Set(factors.slice(0, 3).map((factor) => LOOK_AT[factor.kind](factor)))]
  if (rollout === null) return [...looks, 'the policy at hand has no plan of this model: owner and runbook are not known']
  const { runbook, owner, contact, exitConditions } = rollout
  const people = [owner, contact].filter((each) => each !== '').join(', ')
  return [
    ...looks,
    runbook === '' ? 'runbook: the plan names none (rollout.runbook)' : `runbook: ${runbook}`,
    people === '' ? 'owner: the plan names none (rollout.owner, rollout.contact)' : `owner: ${people}`,
    ...exitConditions.map((condition) => `give it up when: ${condition}`),
  ]
}

/** Commands that change what was decided: first what the alert names, too. Reductions always pass. */
export function overrides(decision: Decision): readonly string[] {
  const { model, verdict, phase } = decision
  const ask = (command: string, effect: string, about = '') => `flyball ${command} ${model}${about} --reason …   ${effect}`
  const back = ask('rollback', 'takes the candidate back now')
  if (verdict.kind === 'not-effective') return [ask('rollback', 'takes the candidate back past the judge', ' --break-glass')]
  if (verdict.kind === 'rollback' || phase === 'rolled-back') {
    // Of a rollout that was merely ended nothing is quarantined.
    const wayBack = isAborted(decision) ? 'rollout resume' : WAY_BACK
    return [ask(wayBack, 'lets it begin again at its first stage, with evidence anew'), ask('rollout abort', 'ends the rollout')]
  }
  if (verdict.kind === 'isolate')
    return [ask('rollout release', 'lets it into the segment again', ` --segment ${verdict.evidence[0]?.scope ?? '…'}`), back]
  if (phase === 'promoted') return [back, ask('freeze', 'nothing of the model rises')]
  if (verdict.kind === 'hold' || verdict.kind === 'throttle' || verdict.kind === 'step-down')
    return [
      ...(verdict.rule === 'approval' ? [ask('approve', 'agrees that it leaves this stage')] : []),
      ask('rollout promote', 'one step up without waiting for the dwell; proofs and rows are asked for all the same'),
      back,
      ask('rollout hold', 'a person holds it'),
    ]
  return [ask('rollout hold', 'a person holds it'), back]
}
