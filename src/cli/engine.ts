/**
 * How V8 is set for a daemon. V8 is made for programs that run for seconds and own the machine; a governor runs for weeks beside what it
 * governs.
 *
 * Measured on the workload of `npm run bench:throughput` (docs/decisions/engine.md). The flags are V8's own, of the version in Node 20,
 * and an engine that no longer knows one of them ignores it; each may be changed while it runs.
 */
import { setFlagsFromString } from 'node:v8'

const FLAGS = [
  // The heap is collected when it has doubled what lived, and not at four times that: 40 MiB less at full speed, and about 2 % more time.
  '--heap-growing-percent=100',
  // Young objects are few, since records become none: their space stays as small as it began.
  '--semi-space-growth-factor=1',
  // Code that ran a little is made ready quickly, and optimised at length only where it runs three times as long as V8 would wait.
  '--always-sparkplug',
  '--interrupt-budget=400000',
]

/** Before any of the work begins. */
export function setEngine(): void {
  for (const flag of FLAGS) setFlagsFromString(flag)
}
