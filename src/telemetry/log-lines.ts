/** Log lines, derived from events. Structured JSON through pino; what is merely counted is not logged. */
import { type DestinationStream, type Logger, pino } from 'pino'
import type { FlyballEvent } from './events.ts'

type Level = 'debug' | 'info' | 'warn' | 'error'

const LEVELS: Partial<Record<FlyballEvent['event'], Level>> = {
  'source-started': 'info',
  'source-stopped': 'info',
  'judge-took-over': 'info',
  'judge-fenced': 'warn',
  'judge-left': 'info',
  decided: 'info',
  anchored: 'debug',
  'command-acked': 'info',
  'command-observed': 'info',
  'not-effective': 'error',
  alert: 'warn',
  'act-took-over': 'info',
  'act-fenced': 'warn',
  'pane-gap': 'warn',
  'pane-refused': 'warn',
  'memory-log': 'warn',
  listening: 'info',
  started: 'info',
  stopped: 'info',
  problem: 'error',
}

/** No event has such fields. Should one ever come to have them, or an error bring them along, they are not written. */
const NEVER_WRITTEN = ['password', 'token', 'secret', 'routingKey', 'authorization', 'unit', 'units']
const REDACTED = NEVER_WRITTEN.flatMap((field) => [field, `*.${field}`, `*.*.${field}`])

/** Lines that wait for a place that takes none. */
const WAITING_BYTES_MAX = 1_000_000

/** Stderr. A log whose disk is full ends no rollout: lines wait, the newest are dropped when too many do, and it goes on when there is room. */
export function standardError(fd = 2): DestinationStream {
  return pino.destination({ fd, sync: true, maxLength: WAITING_BYTES_MAX }).on('error', () => undefined)
}

export function createLogger(level: string, destination: DestinationStream): Logger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime, redact: REDACTED }, destination)
}

function levelOf(event: FlyballEvent): Level | undefined {
  switch (event.event) {
    case 'client-trouble':
      return event.level === 'warning' ? 'debug' : 'warn'
    case 'notification':
    case 'change-told':
      return event.result === 'delivered' ? 'info' : 'warn'
    case 'trace-collector':
      return event.answers ? 'info' : 'warn'
    case 'heartbeat-sent':
      return event.result === 'delivered' ? 'debug' : 'warn'
    default:
      return LEVELS[event.event]
  }
}

export type LogLine = (event: FlyballEvent) => void

/** Refused panes come by the thousand when they come: one line for each source and reason, the rest is counted. */
export function logLines(logger: Logger): LogLine {
  const told = new Set<string>()
  return (event) => {
    const level = levelOf(event)
    if (level === undefined) return
    if (event.event === 'pane-refused') {
      const what = `${event.source} ${event.reason}`
      if (told.has(what)) return
      told.add(what)
    }
    logger[level](event.event === 'client-trouble' ? { event: event.event, message: event.message } : event, event.event)
  }
}
