/**
 * Several measuring threads as one: each has its own connection, is a member of the group of its own, and shares nothing with the others
 * but the brokers. In a drain, where there is no group, thread k of n takes every n-th partition from k on.
 *
 * Threads and not processes: one pid to stop, one port, one log; and 20 MiB a thread instead of 60 (docs/decisions/workers.md).
 */
import { Worker } from 'node:worker_threads'
import type { DropReason } from '../domain.ts'
import { ERRORS, type ErrorCode, FlyballError } from '../kit/errors.ts'
import type { FlyballEvent } from '../telemetry/events.ts'
import type { MeasureContext } from './measure-task.ts'
import type { Measuring } from './measuring.ts'
import type { ThreadConnection, ThreadOrder, ThreadTask, ThreadWord } from './thread-words.ts'

type Accounted = FlyballEvent & { event: 'records-accounted' }

interface Thread {
  readonly worker: Worker
  readonly exited: Promise<void>
  /** Main thread's monotonic clock when it last said anything. */
  heardAtMs: number
  owned: number
  stalled: readonly string[]
  /** Last account by topic. */
  readonly accounts: Map<string, Accounted>
}

export class MeasureThreads implements Measuring {
  readonly #context: MeasureContext
  readonly #onFailure: (error: unknown) => void
  readonly #threads: readonly Thread[]
  #drained = 0
  #allDrained: () => void = () => undefined
  #stopping = false

  constructor(count: number, connect: ThreadConnection, context: MeasureContext, onFailure: (error: unknown) => void) {
    this.#context = context
    this.#onFailure = onFailure
    const { log: _log, clock: _clock, emit: _emit, ...settings } = context
    this.#threads = Array.from({ length: count }, (_, index) =>
      this.#thread({ connect, settings: { ...settings, share: { index, of: count } } }),
    )
  }

  start(): void {
    this.#order('start')
  }

  async drain(): Promise<void> {
    const drained = new Promise<void>((resolve) => {
      this.#allDrained = resolve
    })
    this.#order('drain')
    await drained
  }

  get owned(): number {
    return this.#threads.reduce((sum, { owned }) => sum + owned, 0)
  }

  stalled(nowMs: number, afterMs: number): readonly string[] {
    return this.#threads.flatMap(({ heardAtMs, stalled }, index) =>
      nowMs - heardAtMs > afterMs ? [`measuring thread ${index} is silent`] : stalled,
    )
  }

  async stop(): Promise<void> {
    this.#stopping = true
    this.#order('stop')
    await Promise.all(this.#threads.map(({ exited }) => exited))
  }

  #order(order: ThreadOrder): void {
    for (const { worker } of this.#threads) worker.postMessage(order)
  }

  #thread(task: ThreadTask): Thread {
    const worker = begin(task)
    const exited = new Promise<void>((resolve) => {
      worker.once('exit', () => {
        resolve()
        if (!this.#stopping) this.#onFailure(new Error('a measuring thread ended by itself'))
      })
    })
    const heardAtMs = this.#context.clock.monotonicMs()
    const thread: Thread = { worker, exited, heardAtMs, owned: 0, stalled: [], accounts: new Map() }
    worker.on('message', (word: ThreadWord) => this.#hear(thread, word))
    worker.once('error', (error) => this.#onFailure(error))
    return thread
  }

  #hear(thread: Thread, word: ThreadWord): void {
    thread.heardAtMs = this.#context.clock.monotonicMs()
    switch (word.kind) {
      case 'event':
        return word.event.event === 'records-accounted' ? this.#account(thread, word.event) : this.#context.emit(word.event)
      case 'status':
        thread.owned = word.owned
        thread.stalled = word.stalled
        return
      case 'drained':
        this.#drained++
        if (this.#drained === this.#threads.length) this.#allDrained()
        return
      case 'failed':
        return this.#onFailure(inOurWords(word))
    }
  }

  /** An account is of all partitions this process owns: the threads' are added up. */
  #account(thread: Thread, { topic, ...rest }: Accounted): void {
    thread.accounts.set(topic, { topic, ...rest })
    const accounts = this.#threads.flatMap(({ accounts }) => accounts.get(topic) ?? [])
    const sum = (of: (account: Accounted) => number): number => accounts.reduce((total, account) => total + of(account), 0)
    const reasons = new Set(accounts.flatMap(({ dropped }) => Object.keys(dropped) as DropReason[]))
    this.#context.emit({
      event: 'records-accounted',
      topic,
      read: sum(({ read }) => read),
      used: sum(({ used }) => used),
      waiting: sum(({ waiting }) => waiting),
      dropped: Object.fromEntries([...reasons].map((reason) => [reason, sum(({ dropped }) => dropped[reason] ?? 0)])),
    })
  }
}

/** Errors lose their class on the way between threads. */
function inOurWords({ code, detail, message }: ThreadWord & { kind: 'failed' }): Error {
  return code !== null && code in ERRORS ? new FlyballError(code as ErrorCode, detail) : new Error(message)
}

/** Run from source, a thread needs the loader for TypeScript that the main thread was given. */
function begin(workerData: ThreadTask): Worker {
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL('./measure-thread.js', import.meta.url), { workerData })
  const loader = JSON.stringify(import.meta.resolve('tsx/esm/api'))
  const source = JSON.stringify(new URL('./measure-thread.ts', import.meta.url).href)
  return new Worker(`import(${loader}).then(({ register }) => { register(); return import(${source}) })`, { eval: true, workerData })
}
