/** Runs `flyball` as users do: a process of its own. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FLYBALL } from '../../scripts/lib/flyball.ts'

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export function flyball(args: readonly string[], cwd: string, environment: Readonly<Record<string, string>> = {}): Ended {
  const ended = spawnSync(process.execPath, [...FLYBALL, ...args], {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, KAFKA_BROKERS: '', ...environment },
  })
  return { code: ended.status, stdout: ended.stdout, stderr: ended.stderr }
}

/** A folder of its own for what a command writes. */
export function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'flyball-'))
  try {
    return work(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
