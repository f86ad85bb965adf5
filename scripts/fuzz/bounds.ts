/**
 * Holds every case of a fuzzer to bounds: CPU time, memory that was touched, and memory that was only asked for. A case that does not end
 * at all is ended from another thread, which names the seed and the case.
 */
import { Worker } from 'node:worker_threads'

export const CASE_CPU_SECONDS_MAX = 5
export const CASE_BYTES_MAX = 512 * 2 ** 20
/** By the clock, so it must be out of reach of a busy machine. */
const HANG_SECONDS = 120

/** Seed, case, and one that nobody changes, for waiting. */
const cells = new Int32Array(new SharedArrayBuffer(12))
const SEED = 0
const CASE = 1
let watcher: Worker | null = null

const WATCHER = `
const { workerData: { cells, seconds } } = require('node:worker_threads')
let seen = -1
let since = 0
for (let now = 0; ; now++) {
  Atomics.wait(cells, 2, 0, 1000)
  const at = Atomics.load(cells, 1)
  if (at !== seen) { seen = at; since = now }
  if (at > 0 && now - since >= seconds) {
    require('node:fs').writeSync(2, 'seed ' + Atomics.load(cells, 0) + ': case ' + at + ' has not ended in ' + seconds + ' s\\n')
    process.kill(process.pid, 'SIGKILL')
  }
}`

function watch(): void {
  if (watcher !== null) return
  watcher = new Worker(WATCHER, { eval: true, workerData: { cells, seconds: HANG_SECONDS } })
  watcher.unref()
}

/** One a run. */
export class Bounds {
  cases = 0
  /** The most CPU seconds that one case took. */
  slowestSeconds = 0
  readonly #seed: number

  constructor(seed: number) {
    this.#seed = seed
    watch()
  }

  /** Runs one case; `shown` says what it was if it took too much. */
  run<T>(shown: () => string, step: () => T): T {
    const before = this.#begin()
    try {
      return step()
    } finally {
      this.#end(before, shown)
    }
  }

  async runAsync<T>(shown: () => string, step: () => Promise<T>): Promise<T> {
    const before = this.#begin()
    try {
      return await step()
    } finally {
      this.#end(before, shown)
    }
  }

  #begin(): Used {
    this.cases++
    Atomics.store(cells, SEED, this.#seed)
    Atomics.store(cells, CASE, this.cases)
    return used()
  }

  #end(before: Used, shown: () => string): void {
    Atomics.store(cells, CASE, 0)
    const after = used()
    const seconds = after.cpuSeconds - before.cpuSeconds
    const bytes = Math.max(after.touchedBytes - before.touchedBytes, after.bufferBytes - before.bufferBytes)
    this.slowestSeconds = Math.max(this.slowestSeconds, seconds)
    if (seconds <= CASE_CPU_SECONDS_MAX && bytes <= CASE_BYTES_MAX) return
    const took = `${seconds.toFixed(1)} CPU s and ${Math.round(bytes / 2 ** 20)} MiB`
    throw new Error(`seed ${this.#seed}: case ${this.cases} took ${took}: ${shown()}`)
  }
}

interface Used {
  readonly cpuSeconds: number
  /** High-water mark of the process. */
  readonly touchedBytes: number
  /** Buffers alive, touched or not. */
  readonly bufferBytes: number
}

function used(): Used {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
  return {
    cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
    touchedBytes: maxRSS * 1024,
    bufferBytes: process.memoryUsage().arrayBuffers,
  }
}
