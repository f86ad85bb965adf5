/**
 * Simulations side by side: a few child processes, fed with short ranges of rollouts until none are left. A task is named by its
 * module and export, `(argument, index) => result`; what crosses is JSON. Results come back in the order of their index, whoever
 * made them. Children end with this process, and by their id when a task fails.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Answer, Range } from './pool-messages.ts'

export interface Work {
  /** `import.meta.url` of the module that exports the task. */
  readonly module: string
  /** Name of the export: `(argument, index) => result` or a promise of it. */
  readonly task: string
  readonly argument: unknown
  readonly count: number
  readonly workers: number
  /** Indices handed out at a time; by default about a twentieth of a worker's share. */
  readonly chunk?: number
  /** Told after every chunk. */
  readonly progress?: (done: number, count: number) => void
}

const WORKER = fileURLToPath(new URL('./pool-worker.ts', import.meta.url))

/** Runs the task for 0 … count−1. */
export async function spread<Result>(work: Work): Promise<Result[]> {
  const results = new Array<Result>(work.count)
  const workers = Math.max(1, Math.min(work.workers, work.count))
  const chunk = work.chunk ?? Math.max(1, Math.ceil(work.count / workers / 20))
  let next = 0
  let done = 0
  const take = (): Range | null => {
    if (next >= work.count) return null
    const from = next
    next = Math.min(work.count, next + chunk)
    return { module: work.module, task: work.task, argument: work.argument, from, to: next }
  }
  const keep = (answer: Answer) => {
    for (const [at, result] of answer.results.entries()) results[answer.from + at] = result as Result
    done += answer.results.length
    work.progress?.(done, work.count)
  }
  const children = Array.from({ length: workers }, () => idle.pop() ?? begin())
  try {
    await Promise.all(children.map((child) => serve(child, take, keep)))
    for (const child of children) rest(child)
  } catch (error) {
    // One of them is in the middle of something that nobody waits for.
    for (const child of children) child.kill('SIGKILL')
    throw error
  }
  return results
}

/** Starting a process costs as much as many a task: those that are done wait for the next one. They do not keep this process alive. */
const idle: ChildProcess[] = []

function begin(): ChildProcess {
  return fork(WORKER, [], { execArgv: ['--import', 'tsx'] })
}

function rest(child: ChildProcess): void {
  child.unref()
  child.channel?.unref()
  idle.push(child)
}

/** Hands ranges to one child until there are none. */
function serve(child: ChildProcess, take: () => Range | null, keep: (answer: Answer) => void): Promise<void> {
  child.ref()
  child.channel?.ref()
  return new Promise((resolve, reject) => {
    const give = () => {
      const range = take()
      if (range === null) end(resolve)
      else child.send(range)
    }
    const onMessage = (message: unknown) => {
      const answer = message as Answer
      if (answer.failure !== null) return end(() => reject(new Error(answer.failure!)))
      keep(answer)
      give()
    }
    const onExit = (code: number | null) => end(() => reject(new Error(`a simulating process ended with ${code}`)))
    const onError = (error: Error) => end(() => reject(error))
    const end = (then: () => void) => {
      child.off('message', onMessage).off('exit', onExit).off('error', onError)
      then()
    }
    child.on('message', onMessage).on('exit', onExit).on('error', onError)
    give()
  })
}
