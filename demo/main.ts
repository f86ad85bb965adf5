/**
 * `npm run demo`: two rollouts of a delay classifier on real flight records, judged and driven by Flyball.
 *
 * An equally good retrain climbs the ladder to 100 %; then a candidate with a fault is rolled back. Exit code 0 only when both ends
 * were reached and the gateway's own counters say so.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { brokerAvailable, type RunningBroker, startBroker } from '../scripts/lib/kafka-broker.ts'
import { FlyballError } from '../src/kit/errors.ts'
import { DemoError } from './flights.ts'
import { HARMS, type Harm } from './harm.ts'
import { memoryStage } from './memory.ts'
import { Narrator } from './narration.ts'
import { play } from './play.ts'
import type { DemoTopics } from './policy.ts'
import { processStage } from './processes.ts'
import { grantRules, NO_LOGINS, secureBroker } from './secure.ts'
import { deleteTopics, type Stage } from './stage.ts'

interface Options {
  readonly seed: number
  readonly harm: Harm
  readonly keep: boolean
  readonly secure: boolean
  readonly perSecond: number
}

const USAGE = `usage: npm run demo -- [--seed N] [--harm ${HARMS.join('|')}] [--rate N] [--secure] [--keep]

  --seed N   everything that is drawn by chance (default 1)
  --harm …   what is wrong with the second candidate (default skew)
  --rate N   requests per second (default 400)
  --secure   on a broker with TLS, SCRAM and access rules, each part with a principal of its own
  --keep     leave the folder with policies, models and messages`

class UsageError extends Error {}

function optionsOf(args: readonly string[]): Options | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string', default: '1' },
      harm: { type: 'string', default: 'skew' },
      rate: { type: 'string', default: '400' },
      keep: { type: 'boolean', default: false },
      secure: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return null
  const harm = HARMS.find((name) => name === values.harm)
  if (harm === undefined) throw new UsageError(`--harm is one of ${HARMS.join(', ')}, not ${values.harm}`)
  const [seed, perSecond] = [Number(values.seed), Number(values.rate)]
  if (!Number.isInteger(seed) || seed < 0) throw new UsageError(`--seed is a whole number, not ${values.seed}`)
  if (!(perSecond >= 50 && perSecond <= 2000)) throw new UsageError(`--rate lies between 50 and 2000, not ${values.rate}`)
  return { seed, harm, keep: values.keep, secure: values.secure, perSecond }
}

/** What must be undone, newest first, however the demo ends. */
class Undoing {
  readonly #steps: (() => void | Promise<void>)[] = []
  #running: Promise<void> | null = null

  add(step: () => void | Promise<void>): void {
    this.#steps.push(step)
  }

  run(): Promise<void> {
    return (this.#running ??= this.#run())
  }

  async #run(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step()
      } catch {
        // The rest must be undone all the same.
      }
    }
  }
}

async function main(): Promise<number> {
  const options = optionsOf(process.argv.slice(2))
  if (options === null) {
    console.log(USAGE)
    return 0
  }
  const narrator = new Narrator()
  const undoing = new Undoing()
  const interrupted = new Promise<number>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        narrator.progressDone()
        narrator.text('\nInterrupted: stopping everything that was started.')
        void undoing.run().then(() => resolve(130))
      })
    }
  })
  return Promise.race([interrupted, perform(options, narrator, undoing).finally(() => undoing.run())])
}

async function perform(options: Options, narrator: Narrator, undoing: Undoing): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'flyball-demo-'))
  undoing.add(() => {
    if (options.keep) narrator.text(`Kept: ${folder}`)
    else rmSync(folder, { recursive: true, force: true })
  })
  const name = `flyball-demo-${process.pid}-${Date.now().toString(36)}`
  const topics: DemoTopics = { prefix: `${name}.`, predictions: `${name}.predictions`, outcomes: `${name}.outcomes` }
  const stage = options.secure ? await secureStage(topics, folder, narrator, undoing) : await stageOf(topics, folder, narrator, undoing)
  const reached = await play({ ...options, stage, topics, folder, narrator })
  narrator.progressDone()
  if (!reached && stage.trouble() !== '') narrator.text(`\n${stage.trouble()}`)
  return reached ? 0 : 1
}

async function stageOf(topics: DemoTopics, folder: string, narrator: Narrator, undoing: Undoing): Promise<Stage> {
  const { available, reason } = brokerAvailable()
  if (!available) {
    narrator.text(NOT_REAL(reason))
    const stage = await memoryStage(topics)
    undoing.add(() => stage.close())
    return stage
  }
  narrator.text(`Broker: ${reason}.`)
  const broker: RunningBroker = await startBroker()
  undoing.add(() => broker.stop())
  const brokers = broker.bootstrap
  if (broker.kind !== 'given') narrator.text(`A broker of our own listens at ${brokers.join(', ')}.`)
  const stage = await processStage({ brokers, topics, folder, say: (text) => narrator.tell(text, 'yellow'), logins: NO_LOGINS })
  undoing.add(async () => {
    if (broker.kind === 'given') await stage.close((log) => deleteTopics(log, topics))
    else await stage.close()
  })
  return stage
}

async function secureStage(topics: DemoTopics, folder: string, narrator: Narrator, undoing: Undoing): Promise<Stage> {
  const { broker, logins } = await secureBroker(folder)
  undoing.add(() => broker.stop())
  const rules = await grantRules(broker, topics)
  narrator.text(`A broker of our own listens at ${broker.bootstrap.join(', ')}: TLS with certificates made a moment ago, SCRAM-SHA-512, and an
authorizer that allows nothing but ${rules} rules, those of \`flyball topics --acls\`, for five principals.`)
  const say = (text: string) => narrator.tell(text, 'yellow')
  const stage = await processStage({ brokers: broker.bootstrap, topics, folder, say, logins })
  undoing.add(() => stage.close())
  return stage
}

const NOT_REAL = (reason: string) => `No broker can be had (${reason}; no Docker, KAFKA_BROKERS is not set).
What is NOT real in this run: the Kafka broker and the processes. Daemon, gateway and model servers run inside this one process, over a
log in memory with Kafka's partitions, offsets and transactions; nothing is on disk, nothing can be killed by itself. "silent" is a server
that takes requests and never answers. Real are: the data, the models, HTTP, the judging, the commands and the gateway that obeys.`

try {
  process.exitCode = await main()
} catch (error) {
  const isUsage = error instanceof UsageError || (error instanceof TypeError && 'code' in error)
  const isTheirs = isUsage || error instanceof DemoError || error instanceof FlyballError
  console.error(isTheirs ? error.message : error)
  if (error instanceof FlyballError) console.error(error.spec.remedy)
  if (isUsage) console.error(USAGE)
  process.exitCode = isUsage ? 2 : 1
}
// Clients of the broker may hold the loop for minutes after everything of ours has ended.
process.exit()
