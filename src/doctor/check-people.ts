/** Who obeys, who is told, who could prove it: gateways, destinations of alerts, files with secrets, the end of each chain of decisions. */
import type { Ack } from '../domain.ts'
import type { ModelLayout } from '../policy/layout.ts'
import { durationText } from '../policy/units.ts'
import type { ChainEnd, Facts, SinkAnswer } from './facts.ts'
import { type Finding, finding } from './findings.ts'
import { upon } from './words.ts'

export function gatewayFindings({ about, gateways }: Facts): readonly Finding[] | null {
  const obeyed = about.layout.models.filter(({ plan, shadow }) => !shadow && plan.mode === 'enforce' && plan.weights === 'flyball')
  if (obeyed.length === 0) return null
  return upon('gateways', [gateways], (acks) => {
    return obeyed.flatMap((model) =>
      ofModel(
        model,
        acks.filter((ack) => ack.model === model.name && ack.atMs >= about.nowMs - model.plan.presenceTimeoutMs),
        about.policy,
      ),
    )
  })
}

function ofModel({ name: model, plan }: ModelLayout, present: readonly Ack[], policy: string): readonly Finding[] {
  if (present.length === 0) {
    return [finding('gateways', 'gateway-missing', { model, policy, within: durationText(plan.presenceTimeoutMs) })]
  }
  const expired = present.filter(({ leaseExpired }) => leaseExpired)
  const needed = new Set(
    [plan.rollout.isolate, ...plan.rollout.rungs.map(({ cohort }) => cohort.split('=')[0]!)].filter((one) => one !== ''),
  )
  return [
    ...expired.map(({ gateway }) => finding('gateways', 'gateway-expired', { model, policy, gateway })),
    ...[...needed].flatMap((dimension) =>
      present
        .filter(({ features }) => !features.includes('segments') && !features.includes(`segments:${dimension}`))
        .map(({ gateway }) => finding('gateways', 'gateway-blunt', { model, policy, gateway, dimension })),
    ),
  ]
}

/** `state` was read first: what it knows, the log had by then. */
export function chainFindings({ about, chains }: Facts): readonly Finding[] | null {
  return upon('audit', [chains], (ends) => ends.flatMap((end) => ofChain(end, about.policy)))
}

function ofChain({ model, head, logged, isStateWhole, isLogWhole }: ChainEnd, policy: string): readonly Finding[] {
  const numbers = Object.keys(logged).map(Number)
  if (head === null) return numbers.length === 0 || !isStateWhole ? [] : [finding('audit', 'chain-unvouched', { model, policy })]
  if (head.number === 0 || logged[head.number] === head.hash) return []
  if (logged[head.number] === undefined && !isLogWhole) return []
  return [finding('audit', 'chain-broken', { model, policy, number: head.number })]
}

export function secretFindings({ secrets }: Facts): readonly Finding[] | null {
  if (secrets.length === 0) return null
  return secrets.flatMap(({ name, file, problem, isExposed }) => {
    if (problem !== null) return [finding('secrets', 'secret-unreadable', { name, file, problem })]
    return isExposed ? [finding('secrets', 'secret-exposed', { name, file })] : []
  })
}

export function sinkFindings({ about, sent }: Facts): readonly Finding[] | null {
  const { policy, layout } = about
  if (Object.keys(layout.alerting?.sinks ?? {}).length === 0) return [finding('sinks', 'nobody-told', { policy })]
  return sent === undefined ? null : sent.flatMap((one) => answered(one, policy))
}

function answered({ sink, answer }: SinkAnswer, policy: string): readonly Finding[] {
  if (answer.result === 'delivered') return []
  return [finding('sinks', answer.result === 'refused' ? 'sink-refused' : 'sink-failed', { sink, policy, problem: answer.problem })]
}
