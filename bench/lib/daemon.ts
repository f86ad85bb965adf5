/** `flyball run` as a process of its own, as published; its log line by line. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { builtFile } from './child.ts'

export interface LogLine {
  readonly event: string
  readonly [field: string]: unknown
}

export interface DaemonProcess {
  /** Settles with the first line that fits, told already or yet to come; fails when the process ends before it. */
  line(fits: (line: LogLine) => boolean): Promise<LogLine>
  /** Lines so far. */
  readonly lines: readonly LogLine[]
  readonly pid: number
  /** Exit code; null after a signal. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null>
}

export function startDaemonProcess(policyFile: string, bootstrap: string, more: readonly string[] = []): DaemonProcess {
  const args = [builtFile('src/main.js'), 'run', '-p', policyFile, '-b', bootstrap, '--create-topics', '--metrics-port', '0', ...more]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const killNow = (): void => void child.kill('SIGKILL')
  process.once('exit', killNow)
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  void ended.then(() => process.off('exit', killNow))
  const lines = linesOf(child)
  return {
    lines: lines.told,
    pid: child.pid!,
    line: (fits) =>
      Promise.race([
        lines.first(fits),
        ended.then(() => Promise.reject(new Error(`the daemon has ended:\n${lines.raw.slice(-20).join('\n')}`))),
      ]),
    end: async (signal) => {
      child.kill(signal)
      return await ended
    },
  }
}

function linesOf(child: ChildProcess) {
  const told: LogLine[] = []
  const raw: string[] = []
  const waiting: { readonly fits: (line: LogLine) => boolean; readonly found: (line: LogLine) => void }[] = []
  createInterface({ input: child.stderr! }).on('line', (text) => {
    raw.push(text)
    if (!text.startsWith('{')) return
    const line = JSON.parse(text) as LogLine
    told.push(line)
    for (const one of [...waiting]) {
      if (!one.fits(line)) continue
      waiting.splice(waiting.indexOf(one), 1)
      one.found(line)
    }
  })
  const first = (fits: (line: LogLine) => boolean): Promise<LogLine> => {
    const known = told.find(fits)
    return known === undefined ? new Promise((found) => waiting.push({ fits, found })) : Promise.resolve(known)
  }
  return { told, raw, first }
}
