/**
 * How much of the machine somebody else used while something was measured, in cores: from /proc, so on Linux only; null elsewhere.
 * Ours are this process, everything it started that still runs (the broker among them), and what has ended.
 */
import { readdirSync, readFileSync } from 'node:fs'

/** The kernel's unit of CPU time in /proc: a hundredth of a second on every Linux there is. */
const TICKS_PER_SECOND = 100

export interface MachineMark {
  readonly atMs: number
  readonly busySeconds: number
  readonly ourSeconds: number
}

export function machineMark(): MachineMark | null {
  try {
    const [busy, ours] = [busyTicks(readFileSync('/proc/stat', 'utf8')), ourTicks()]
    return { atMs: performance.now(), busySeconds: busy / TICKS_PER_SECOND, ourSeconds: ours / TICKS_PER_SECOND }
  } catch {
    return null
  }
}

/** Mean number of cores that others kept busy since `from`. */
export function othersCores(from: MachineMark | null): number | null {
  const to = machineMark()
  if (from === null || to === null) return null
  const others = to.busySeconds - from.busySeconds - (to.ourSeconds - from.ourSeconds)
  return Math.max(0, others) / ((to.atMs - from.atMs) / 1000)
}

/** The first line: user, nice, system, idle, iowait, irq, softirq, steal. */
export function busyTicks(stat: string): number {
  const [user, nice, system, , , irq, softirq, steal] = stat.split('\n')[0]!.split(/\s+/).slice(1).map(Number)
  return user! + nice! + system! + irq! + softirq! + steal!
}

interface ProcessTicks {
  readonly parent: number
  /** Its own, and of the children it has waited for. */
  readonly ticks: number
}

function ourTicks(): number {
  const processes = new Map<number, ProcessTicks>()
  for (const name of readdirSync('/proc')) if (/^\d+$/.test(name)) addProcess(processes, Number(name))
  const ours = (pid: number): boolean => pid === process.pid || (processes.has(pid) && ours(processes.get(pid)!.parent))
  return [...processes].reduce((sum, [pid, { ticks }]) => (ours(pid) ? sum + ticks : sum), 0)
}

function addProcess(processes: Map<number, ProcessTicks>, pid: number): void {
  try {
    processes.set(pid, processTicks(readFileSync(`/proc/${pid}/stat`, 'utf8')))
  } catch {
    // It has ended in between.
  }
}

/** The name in brackets may hold anything; after it come state, parent, …: utime, stime, cutime, cstime are fields 14 to 17. */
export function processTicks(stat: string): ProcessTicks {
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  return { parent: fields[1]!, ticks: fields[11]! + fields[12]! + fields[13]! + fields[14]! }
}
