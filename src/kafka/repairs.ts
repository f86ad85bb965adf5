/**
 * Repairs of kafkajs 2.2.4, made once per process.
 *
 * Its request queue re-arms a timer for ever, even with nothing queued: five idle clients woke the process 4,600 times a second.
 * The repaired one arms it only while requests wait.
 */
import { kafkajsTouchPoints, type RequestQueue } from './kafkajs.ts'

const RECHECK_MS = 10
let repaired = false

export function repairKafkajs(): void {
  if (repaired) return
  repaired = true
  kafkajsTouchPoints().requestQueue.prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.throttleCheckTimeoutId || this.pending.length === 0) return
    const throttledMs = this.throttledUntil - Date.now()
    this.throttleCheckTimeoutId = setTimeout(
      () => {
        this.throttleCheckTimeoutId = null
        this.checkPendingRequests()
      },
      throttledMs > 0 ? throttledMs : RECHECK_MS,
    )
  }
}
