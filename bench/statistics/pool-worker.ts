/** A child of `pool.ts`: runs a range of a task and answers; ends when its parent does. */
import type { Answer, Range } from './pool-messages.ts'

process.on('message', (message) => {
  void answer(message as Range)
})
process.on('disconnect', () => process.exit(0))

async function answer(range: Range): Promise<void> {
  try {
    const module = (await import(range.module)) as Readonly<Record<string, (argument: unknown, index: number) => unknown>>
    const task = module[range.task]
    if (task === undefined) throw new Error(`${range.module} exports no ${range.task}`)
    const results: unknown[] = []
    for (let index = range.from; index < range.to; index += 1) results.push(await task(range.argument, index))
    reply({ from: range.from, results, failure: null })
  } catch (error) {
    reply({ from: range.from, results: [], failure: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  }
}

function reply(message: Answer): void {
  process.send?.(message)
}
