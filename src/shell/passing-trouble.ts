/** Which errors of the log a loop may answer by beginning anew. */
import { FlyballError } from '../kit/errors.ts'

/** Programmer errors end the process, and so does what the registry calls final; whatever else, a new beginning reads what is in the log. */
export function passesByItself(error: unknown): boolean {
  if (error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError) return false
  return !(error instanceof FlyballError) || error.spec.retriable
}

/** As above; and a state that its topic does not take must not end the judging of all other partitions: it is told, and tried again. */
export function endsTenureOnly(error: unknown): boolean {
  return passesByItself(error) || (error instanceof FlyballError && error.code === 'FLY-KAFKA-013')
}
