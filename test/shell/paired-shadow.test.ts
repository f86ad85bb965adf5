/** A shadow from records to the decision: JSON in, pairs joined and counted, the judge's word out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { batchOf } from '../../scripts/fuzz/batches.ts'
import { outcomeIngest, predictionIngest } from '../../src/ingest/ingest.ts'
import { readings } from '../../src/judge/evidence/evidence.ts'
import { type Random, seededRandom } from '../../src/kit/random.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import type { SourceCheckpoint } from '../../src/shell/source-checkpoint.ts'
import { SourcePipeline } from '../../src/shell/source-pipeline.ts'
import { BEGIN_MS, SLICE_MS, World } from '../judge/world.ts'
import { SOURCE, sent } from './source-reading.ts'

/** No guardrail is named: what stands there for a plan with a shadow. */
const POLICY = `version: 1
inputs:
  predictions:
    topic: predictions
    fields: { error: null, latency: null, decision: { path: decision, equals: decline } }
  outcomes:
    topic: outcomes
models:
  flights:
    control: v1
    candidate: v2
    mode: enforce
    outcomes: { late: { horizon: 10s } }
    rollout:
      preflight: []
      artifacts: { v2: "sha256:aa" }
      stages: [{ stage: shadow, dwell: 6h, minimumRows: 100000 }, 5, 100]
`

interface Options {
  readonly onlyCandidateWrong: number
  readonly onlyControlWrong: number
  readonly mirroredId?: (id: string) => string
  /** The measuring process starts anew after every so many slices; 0: never. */
  readonly restartEvery?: number
}

class Shadow {
  readonly layout = parsePolicy(POLICY, 'flyball.yaml').layout
  readonly world = new World(this.layout.models[0]!, { sources: 1 })
  private readonly options: Options
  private readonly random: Random
  private readonly topics = {
    predictions: [] as { value: object; timestampMs: number }[],
    outcomes: [] as { value: object; timestampMs: number }[],
  }
  private readonly read = { predictions: 0, outcomes: 0 }
  private pipeline = this.begin(null)
  private sequence = 0
  private requests = 0

  constructor(options: Options, seed = 1) {
    this.options = options
    this.random = seededRandom(seed)
    this.world.at[0] = { offset: 0, sequence: 0, clockMs: BEGIN_MS }
  }

  /** So many slices with a hundred requests each, until the judge has decided against the candidate. Returns how many it took. */
  run(slices: number): number {
    for (let slice = 1; slice <= slices; slice++) {
      this.write()
      if ((this.options.restartEvery ?? 0) > 0 && slice % this.options.restartEvery! === 0) this.restart()
      this.take()
      if (this.world.state.ladder.phase === 'rolled-back') return slice
    }
    return Number.POSITIVE_INFINITY
  }

  private begin(restored: SourceCheckpoint | null): SourcePipeline {
    const { layout } = this
    const ingest = { predictions: predictionIngest(layout, 1), outcomes: outcomeIngest(layout), described: null }
    return new SourcePipeline({ layout, source: SOURCE, ingest, restored })
  }

  private restart(): void {
    const checkpoint = JSON.parse(JSON.stringify(this.pipeline.checkpoint())) as SourceCheckpoint
    this.pipeline = this.begin(checkpoint)
    this.read.predictions = Math.max(0, checkpoint.predictions.rewindOffset)
    this.read.outcomes = Math.max(0, checkpoint.outcomes.rewindOffset)
  }

  private write(): void {
    const { topics, random } = this
    const startMs = this.world.wallMs
    for (let k = 0; k < 100; k++) {
      const id = `r${this.requests++}`
      const timestampMs = startMs + k * 50
      const label = random() < 0.3
      const dice = random()
      const [candidateOnly, controlOnly] = [this.options.onlyCandidateWrong, this.options.onlyControlWrong]
      const isControlWrong = dice < controlOnly || dice > 0.96
      const isOther = dice < controlOnly || (dice > 0.5 && dice < 0.5 + candidateOnly)
      const decision = (isRight: boolean) => (isRight === label ? 'decline' : 'accept')
      const answer = (version: string, isRight: boolean) => ({ model: 'flights', version, time: timestampMs, decision: decision(isRight) })
      topics.predictions.push({ value: { id, ...answer('v1', !isControlWrong) }, timestampMs })
      const mirrored = this.options.mirroredId?.(id) ?? id
      topics.predictions.push({ value: { id: mirrored, ...answer('v2', isControlWrong === isOther) }, timestampMs: timestampMs + 30 })
      topics.outcomes.push({ value: { id, label, time: timestampMs }, timestampMs: timestampMs + 4000 })
    }
  }

  private take(): void {
    const { world, pipeline } = this
    const untilMs = world.wallMs + SLICE_MS
    for (const name of ['predictions', 'outcomes'] as const) {
      const fresh = this.topics[name].slice(this.read[name]).filter(({ timestampMs }) => timestampMs < untilMs)
      pipeline[name](batchOf(fresh, { topic: name, offset: this.read[name] }))
      this.read[name] += fresh.length
    }
    const { panes, closings } = pipeline.take()
    world.wallMs = untilMs
    for (const pane of panes) world.send({ kind: 'pane', pane: { ...sent(pane), stamp: { epoch: 1, sequence: ++this.sequence } } })
    const last = closings.at(-1)
    if (last !== undefined) {
      world.at[0] = { offset: last.to, sequence: ++this.sequence, clockMs: last.sliceEndMs }
      world.pulse(0, last.from)
    }
    world.send({ kind: 'ack', ack: world.ack('presence') })
    world.tick()
  }
}

const readingOf = ({ world }: Shadow, name: string) =>
  readings(world.state.evidence, world.model).find(({ guardrail }) => guardrail === name)!

test('a worse shadow is rolled back and quarantined by its pairs, by the guardrails that stand there by themselves', () => {
  const shadow = new Shadow({ onlyCandidateWrong: 0.12, onlyControlWrong: 0.02 })
  const slices = shadow.run(60)
  assert.ok(slices < 30, `${slices} slices`)
  const { decisions, state, commands } = shadow.world
  const { verdict, summary } = decisions.at(-1)!
  assert.ok(verdict.kind === 'rollback' && verdict.rule === 'harm')
  assert.equal(verdict.evidence[0]!.guardrail, 'paired')
  assert.match(summary, /paired/)
  assert.equal(commands.length, 0, 'nobody was exposed')
  assert.ok(state.ladder.people.quarantine.length > 0)
})

test('an equal shadow goes on, and how often it disagrees can be read', () => {
  const shadow = new Shadow({ onlyCandidateWrong: 0.03, onlyControlWrong: 0.03 }, 2)
  assert.equal(shadow.run(60), Number.POSITIVE_INFINITY)
  const { estimate, intervalLow, intervalHigh, candidateRows, action } = readingOf(shadow, 'disagreement')
  assert.ok(candidateRows > 5000 && action === 'info')
  assert.ok(intervalLow < estimate && estimate < intervalHigh && Math.abs(estimate - 0.06) < 0.02)
  assert.ok(readingOf(shadow, 'paired').candidateRows > 4500)
})

test('a measuring process that starts anew in every slice changes nothing of what the judge sees', () => {
  const options = { onlyCandidateWrong: 0.06, onlyControlWrong: 0.02 }
  const [still, restless] = [new Shadow(options, 3), new Shadow({ ...options, restartEvery: 1 }, 3)]
  assert.equal(still.run(25), restless.run(25))
  assert.deepEqual(restless.world.state.evidence, still.world.state.evidence)
})

test('answers under ids of their own make no pairs, have no outcomes unless they are given some, and nothing is judged of them', () => {
  const shadow = new Shadow({ onlyCandidateWrong: 0.2, onlyControlWrong: 0, mirroredId: (id) => `${id}-mirrored` })
  assert.equal(shadow.run(15), Number.POSITIVE_INFINITY)
  assert.match(readingOf(shadow, 'disagreement').detail, /^no pairs: both versions must log one request under the same id/)
  assert.equal(readingOf(shadow, 'wrong-outcome').candidateRows, 0)
})
