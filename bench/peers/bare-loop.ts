/**
 * What one compares with: stock kafkajs `eachBatch` and `JSON.parse` of every value, nothing else. Runs in a process of its own.
 * Arguments: bootstrap list, total of records, topics. Prints one line of JSON; the clock starts with the first batch it sees.
 */
import { randomUUID } from 'node:crypto'
import { Kafka, logLevel } from 'kafkajs'

const [bootstrap, total, ...topics] = process.argv.slice(2)
const kafka = new Kafka({ brokers: bootstrap!.split(','), logLevel: logLevel.ERROR })
const consumer = kafka.consumer({ groupId: `bench-bare-${randomUUID()}` })
let records = 0
let startedMs = 0
let done: () => void
const finished = new Promise<void>((resolve) => {
  done = resolve
})
await consumer.connect()
await consumer.subscribe({ topics, fromBeginning: true })
await consumer.run({
  eachBatch: async ({ batch }) => {
    if (startedMs === 0) startedMs = performance.now()
    for (const message of batch.messages) JSON.parse(message.value!.toString())
    records += batch.messages.length
    if (records >= Number(total)) done()
  },
})
await finished
console.log(JSON.stringify({ records, seconds: (performance.now() - startedMs) / 1000 }))
await consumer.disconnect()
