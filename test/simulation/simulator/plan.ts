/** What a world is made of, drawn from its seed: sizes, policy, how the candidates behave. */
import type { Layout } from '../../../src/policy/layout.ts'
import { parsePolicy } from '../../../src/policy/load.ts'
import type { Scheduler } from './scheduler.ts'

export interface ModelPlan {
  readonly name: string
  /** Added to the candidate's share of errors. */
  readonly errorsAdded: number
  /** Share of the candidate's labels that are turned round. */
  readonly labelsTurned: number
}

export interface WorldPlan {
  readonly models: readonly ModelPlan[]
  readonly inputPartitions: number
  readonly judgePartitions: number
  readonly daemons: number
  readonly gateways: number
  readonly perSecond: number
  /** Rollouts go through a gate, a shadow and a guard, and their candidates are mirrored until they have traffic. */
  readonly staged: boolean
  readonly layout: Layout
}

export const PREFIX = 'sim.'
const NAMES = ['churn', 'fraud', 'price']
const layouts = new Map<string, Layout>()

/** `models`: how many; left out: drawn too. */
export function drawPlan(scheduler: Scheduler, count = scheduler.between(1, 3)): WorldPlan {
  const models = NAMES.slice(0, count).map((name) => {
    const isHarmed = scheduler.chance(0.35)
    return { name, errorsAdded: isHarmed ? 0.35 : 0, labelsTurned: isHarmed && scheduler.chance(0.5) ? 0.5 : 0 }
  })
  const choice = { slice: scheduler.pick(['1s', '1s', '2s', '8s']), units: scheduler.chance(0.15), quick: scheduler.chance(0.7) }
  return {
    models,
    inputPartitions: scheduler.between(2, 4),
    judgePartitions: scheduler.between(1, 2),
    daemons: scheduler.pick([1, 2, 2, 3]),
    gateways: scheduler.between(1, 3),
    perSecond: 12 + 6 * models.length,
    staged: isStaged(choice),
    layout: layoutOf(models.length, choice),
  }
}

interface Choice {
  readonly slice: string
  readonly units: boolean
  readonly quick: boolean
}

/** One of the lengths of slices stands for it: a draw of its own would make all worlds others. */
const isStaged = ({ slice }: Choice): boolean => slice === '2s'

/** Few policies, many worlds: they are compiled once. */
function layoutOf(models: number, choice: Choice): Layout {
  const key = JSON.stringify([models, choice])
  const known = layouts.get(key)
  if (known !== undefined) return known
  const { layout } = parsePolicy(policyOf(models, choice), 'simulator.yaml')
  layouts.set(key, layout)
  return layout
}

function policyOf(models: number, choice: Choice): string {
  const { slice, units, quick } = choice
  const fields = units ? ', fields: { unit: unit }' : ''
  const staged = `rollout:
      stages: [offline, { stage: shadow, dwell: 2s, minimumRows: 15 }, 20, 50, 100]
      guard: 4s
      preflight: [gateways, control-warm]
      artifacts: { v2: "sha256:2" }`
  return `
version: 1
kafka: { prefix: "${PREFIX}" }
inputs:
  predictions: { topic: predictions${fields} }
  outcomes: { topic: outcomes }
timing: { slice: ${slice}, maxClockSkew: 20s, idleAfter: 3s, alignPatience: 5s, settling: 1s, maxStratumAge: 10s }
limits: { stratumRequests: 40, maxEarly: 5s }
models:
${NAMES.slice(0, models)
  .map(
    (name) => `  ${name}:
    control: v1
    candidate: v2
    mode: enforce
    ladder: { ${isStaged(choice) ? '' : 'steps: [20, 50, 100], '}dwell: ${quick ? '3s' : '8s'}, minimumRows: 20 }
    ${isStaged(choice) ? staged : ''}
    silence: { after: 8s, minimum: 20 }
    blind: { max: 20s }
    throttle: { calmAfter: 8s }
    acks: { within: 8s, observeWithin: 15s, heartbeat: 3s, lease: 15s, presenceTimeout: 10s }
    outcomes: { click: { horizon: 4s, absent: 0 } }
    guardrails:
      - { kind: error-rate, marginPoints: 2, promote: { marginPoints: 60 } }
      - { kind: wrong-outcome, outcome: click, marginPoints: 5, action: throttle, promote: false }`,
  )
  .join('\n')}
`
}
