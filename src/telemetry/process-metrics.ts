/**
 * What every process has: CPU, memory, descriptors, the event loop, garbage collection; the names are prom-client's own, as generic dashboards
 * expect them. They come from the process and not from events, so whoever runs one adds them to the registry.
 */
import { collectDefaultMetrics, type Registry } from 'prom-client'

/** Gauges whose names end as counters do, which linters refuse, with what they would cost at each look: handles by type. */
const LEFT_OUT = [
  'nodejs_active_resources',
  'nodejs_active_resources_total',
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_requests',
  'nodejs_active_requests_total',
]

export function collectProcessMetrics(register: Registry): void {
  collectDefaultMetrics({ register, eventLoopMonitoringPrecision: 20 })
  for (const name of LEFT_OUT) register.removeSingleMetric(name)
}
