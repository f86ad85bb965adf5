/** The list of topics while others make topics and delete them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withBroker } from '../integration/broker.ts'

const broker = withBroker()

test('topics are listed while others are made and deleted', broker.options, async () => {
  const [ours, others] = [await broker.connect(), await broker.connect()]
  const kept = await broker.topic(1)
  let over = false
  const churn = (async () => {
    for (let round = 0; round < 12; round++) {
      const made = Array.from({ length: 5 }, () => broker.unique('passing'))
      await others.admin.create(made.map((topic) => ({ topic, partitions: 1, config: {} })))
      await others.admin.delete(made)
    }
    over = true
  })()
  while (!over) assert.equal((await ours.admin.topics()).get(kept), 1)
  await churn
})
