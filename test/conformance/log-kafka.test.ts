/** The log on a real broker keeps the log's contract, without an exception. */
import { withBroker } from '../integration/broker.ts'
import { stockKafka, withAdmin } from '../issues/kit.ts'
import { keepsTheContract } from './log.ts'

const broker = withBroker()

keepsTheContract('Kafka', {
  options: broker.options,
  connect: () => broker.connect(),
  truncate: (topic, partition, before) =>
    withAdmin(stockKafka(broker.bootstrap), async (admin) => {
      await admin.fetchTopicOffsets(topic)
      await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(before) }] })
    }),
})
