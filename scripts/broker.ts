/** `npm run broker -- [--brokers 3]`: prints the bootstrap list, then runs until Ctrl-C. */
import { startBroker } from './lib/kafka-broker.ts'

const at = process.argv.indexOf('--brokers')
const brokers = at > 0 && process.argv[at + 1] === '3' ? 3 : 1
const running = await startBroker({ brokers })
console.log(running.bootstrap.join(','))
console.error(`Kafka is running (${running.kind}). Ctrl-C ends it.`)
const forever = setInterval(() => {}, 60_000)
const end = () => {
  clearInterval(forever)
  void running.stop()
}
process.once('SIGINT', end).once('SIGTERM', end)
