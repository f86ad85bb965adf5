/** One line in the log of the process for each message: for those who gather logs anyway, and for trying things out. */
import type { Sender } from '../attempt.ts'
import type { Incident, Message } from '../contract.ts'
import { bytes, fitting } from '../truncate.ts'
import { factsOf, headOf, keyOf, labelValue, titleOf } from '../words.ts'

/** Of the incidents in a line: what gathers logs cuts longer ones, or drops them. */
export const LOG_INCIDENT_BYTES_MAX = 32_000

export const sendLog: Sender<'log'> = async (_plan, message, outside) => {
  outside.write(lineOf(message))
  return { result: 'delivered', reference: '' }
}

function lineOf(message: Message): Readonly<Record<string, unknown>> {
  const incidents = message.incidents.map(shown)
  const told = fitting(incidents, LOG_INCIDENT_BYTES_MAX, (incident) => bytes(JSON.stringify(incident)) + 1)
  return {
    message: titleOf(message),
    key: keyOf(message),
    status: message.status,
    severity: message.severity,
    labels: Object.fromEntries(Object.entries(message.labels).map(([label, value]) => [label, labelValue(value)])),
    repeated: message.repeated,
    incidents: told,
    notListed: message.omitted + incidents.length - told.length,
  }
}

function shown(incident: Incident): object {
  return { incident: labelValue(incident.alert.incident), head: headOf(incident), ...factsOf(incident) }
}
