/** Whoever tells people, on a real broker, killed at ten moments by a seed: PagerDuty has the incident once, acknowledged, and its end once. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import type { Alert } from '../../src/domain.ts'
import type { EventLog } from '../../src/kafka/contract.ts'
import { partitionOf } from '../../src/kit/hash.ts'
import { seededRandom } from '../../src/kit/random.ts'
import { ownTopics, topicNames } from '../../src/kit/topics.ts'
import { alertRecord } from '../../src/wire/alerts.ts'
import { type FarEnd, farEnd } from '../act/far-end.ts'
import { alertOf } from '../act/told-world.ts'
import { type FlyballProcess, pause, runFlyball } from '../simulation/flyball-process.ts'
import { withBroker } from './broker.ts'

const broker = withBroker()
const folder = mkdtempSync(join(tmpdir(), 'flyball-act-'))
after(() => rmSync(folder, { recursive: true }))
writeFileSync(join(folder, 'key'), 'R0123456789ABCDEFGHIJKLMNOPQRSTU\n')
const SEED = 11
const KILLS = 10
const PARTITIONS = 2

const policyText = (prefix: string, url: string) => `
version: 1
kafka: { prefix: "${prefix}" }
inputs: { predictions: { topic: predictions } }
models: { fraud: { control: v1, candidate: v2 } }
alerts:
  sinks: { oncall: { kind: pagerduty, routingKeyFile: key, url: "${url}" } }
  routes: [{ name: all, sinks: [oncall], groupWait: 250ms, groupInterval: 500ms }]
`

/** One that is started again whenever it is killed. */
class Mortal {
  kills = 0
  readonly #bootstrap: readonly string[]
  readonly #random = seededRandom(SEED)
  #process: FlyballProcess

  constructor(bootstrap: readonly string[]) {
    this.#bootstrap = bootstrap
    this.#process = this.#start()
  }

  #start(): FlyballProcess {
    return runFlyball(['-p', join(folder, 'flyball.yaml')], this.#bootstrap, 'act')
  }

  kill(): void {
    this.kills++
    this.#process.kill('SIGKILL')
    if (this.kills <= KILLS) this.#process = this.#start()
  }

  end(): void {
    this.kills = KILLS
    this.kill()
  }

  get mayDie(): boolean {
    return this.kills < KILLS
  }

  /** Some moments of its life: while it takes over, while it waits, or when the next event has come. */
  chance(): number {
    return this.#random()
  }

  stderr(): string {
    return this.#process.stderr()
  }
}

async function raise(log: EventLog, topic: string, alert: Alert): Promise<void> {
  const writer = await log.writer()
  await writer.send(topic, partitionOf(Buffer.from(alert.model), PARTITIONS), [alertRecord(alert)])
  await writer.close()
}

/** Kills it as often as it may be, at moments of its own choosing, until the far end has heard of `wanted`. */
async function among(deaths: Mortal, end: FarEnd, wanted: PagerAction, t: TestContext): Promise<void> {
  const heard = (): boolean => end.events.some(({ event_action }) => event_action === wanted)
  const half = KILLS_BY[wanted]
  for (let waits = 0; !heard() || deaths.kills < half; waits++) {
    assert.ok(waits < 150, `${wanted} never came: ${deaths.stderr().slice(-2000)}`)
    await pause(300 + deaths.chance() * 3_500)
    if (deaths.mayDie && deaths.kills < half) deaths.kill()
  }
  t.diagnostic(`${wanted}: ${deaths.kills} kills so far, ${end.events.length} events at the far end`)
}

type PagerAction = 'trigger' | 'acknowledge' | 'resolve'
const KILLS_BY: Readonly<Record<PagerAction, number>> = { trigger: 4, acknowledge: 7, resolve: KILLS }

test('across kill -9 at ten moments PagerDuty has one incident, acknowledged, and one end of it', {
  ...broker.options,
  timeout: 500_000,
}, async (t) => {
  const prefix = `${broker.unique('act')}.`
  const log = await broker.connect()
  await log.admin.create(ownTopics(prefix, PARTITIONS, 1))
  let deaths: Mortal | null = null
  // A third dies after the far end took what it said, and before it heard so.
  const end = await farEnd((index: number, response: ServerResponse) => {
    if (deaths === null || !deaths.mayDie || index % 3 === 2) return true
    deaths.kill()
    if (index % 3 === 0) return true
    response.destroy()
    return false
  })
  t.after(() => end.close())
  writeFileSync(join(folder, 'flyball.yaml'), policyText(prefix, end.url))
  deaths = new Mortal(broker.bootstrap)
  t.after(() => deaths!.end())
  await raise(log, topicNames(prefix).alerts, alertOf())
  await among(deaths, end, 'trigger', t)
  const acknowledge = ['acknowledge', alertOf().incident, '--reason', 'looking into it', '-p', join(folder, 'flyball.yaml')]
  assert.equal(await runFlyball(acknowledge, broker.bootstrap, 'alerts').ended, 0)
  await among(deaths, end, 'acknowledge', t)
  await raise(log, topicNames(prefix).alerts, { ...alertOf(), status: 'resolved' })
  await among(deaths, end, 'resolve', t)
  await pause(3_000)
  assert.equal(deaths.kills, KILLS)
  assert.deepEqual([...end.incidents().values()], [{ opened: 1, closed: 1, isOpen: false }])
  // What PagerDuty hears twice by one key, it has once.
  const keys = end.events.filter(({ event_action }) => event_action === 'acknowledge').map(({ dedup_key }) => dedup_key)
  assert.deepEqual([...new Set(keys)], [...end.incidents().keys()])
})
