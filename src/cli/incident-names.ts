/** Which incidents a person means: one by its name, or whatever of a model holds. */
import { WATCHDOG_CAUSES } from '../act/watchdogs.ts'
import type { Alert } from '../domain.ts'

export interface Meant {
  readonly incident: string
  /** When it was last said to hold; 0: nobody said so on a topic. */
  readonly sinceMs: number
  /** False: it may hold. Watchdogs say on no topic what they notice; of what does not hold nothing is taken. */
  readonly isListed: boolean
}

/** `open`: as they stand on the topic. Empty: nobody knows of such a one. */
export function incidentsMeant(
  what: string,
  open: Iterable<{ readonly alert: Alert; readonly atMs: number }>,
  environment: string,
): readonly Meant[] {
  const found = [...open].filter(({ alert }) => alert.incident === what || (alert.model === what && alert.environment === environment))
  const listed = found.map(({ alert, atMs }): Meant => ({ incident: alert.incident, sinceMs: atMs, isListed: true }))
  if (found.length === 0) return isWatched(what, environment) ? [{ incident: what, sinceMs: 0, isListed: true }] : []
  if (found.some(({ alert }) => alert.incident === what)) return listed
  // One message is about all of a model: were these left out, it would go on ringing.
  const unlisted = WATCHDOG_CAUSES.map((cause): Meant => ({ incident: `${environment}/${what}/${cause}`, sinceMs: 0, isListed: false }))
  return [...listed, ...unlisted]
}

function isWatched(what: string, environment: string): boolean {
  return WATCHDOG_CAUSES.some((cause) => what.startsWith(`${environment}/`) && what.split('/').includes(cause))
}
