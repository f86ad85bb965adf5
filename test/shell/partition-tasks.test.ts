import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PartitionTasks } from '../../src/shell/partition-tasks.ts'

interface Started {
  readonly partition: number
  readonly alive: () => boolean
  readonly end: (error?: Error) => void
}

/** Tasks that end when the test says so. */
function stage() {
  const started: Started[] = []
  const failures: unknown[] = []
  const tasks = new PartitionTasks(
    (partition, alive) =>
      new Promise<void>((resolve, reject) => {
        started.push({ partition, alive, end: (error) => (error ? reject(error) : resolve()) })
      }),
    (error) => failures.push(error),
  )
  return { tasks, started, failures, alive: () => started.filter((task) => task.alive()).map((task) => task.partition) }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

test('every owned partition has one task; what is kept goes on, what is taken away is told so', () => {
  const { tasks, started, alive } = stage()
  tasks.assign([0, 1, 2], [])
  tasks.assign([1, 2, 3], [1, 2])
  assert.deepEqual(alive(), [1, 2, 3])
  assert.equal(started.length, 4)
  tasks.assign([1, 2, 3], [1, 2, 3])
  assert.equal(started.length, 4)
})

test('a partition that was lost for a while and is ours again begins anew', () => {
  const { tasks, started, alive } = stage()
  tasks.assign([0], [])
  tasks.assign([0], [])
  assert.deepEqual([started.length, alive()], [2, [0]])
  assert.equal(started[0]!.alive(), false)
})

test('stopping lets all go and waits for every task, also for those that were let go before', async () => {
  const { tasks, started, alive } = stage()
  tasks.assign([0, 1], [])
  tasks.assign([1], [1])
  let stopped = false
  const stopping = tasks.stop().then(() => {
    stopped = true
  })
  assert.deepEqual(alive(), [])
  started[1]!.end()
  await turn()
  assert.equal(stopped, false)
  started[0]!.end()
  await stopping
})

test('a task that throws is reported and stops nobody else', async () => {
  const { tasks, started, failures, alive } = stage()
  tasks.assign([0, 1], [])
  started[0]!.end(new Error('broken'))
  await turn()
  assert.deepEqual([failures.map(String), alive().includes(1)], [['Error: broken'], true])
  started[1]!.end()
  await tasks.finished()
  await tasks.stop()
})

test('finished means that every task has returned by itself', async () => {
  const { tasks, started } = stage()
  tasks.assign([0, 1], [])
  let finished = false
  const waiting = tasks.finished().then(() => {
    finished = true
  })
  started[0]!.end()
  await turn()
  assert.equal(finished, false)
  started[1]!.end()
  await waiting
})
