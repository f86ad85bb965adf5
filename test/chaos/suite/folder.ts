/** A temporary folder that goes with the run, also when the process is told to end in the middle of it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Folder {
  readonly path: string
  remove(): void
  /** It is not removed after all. */
  keep(): void
}

export function temporaryFolder(prefix: string, keep: boolean): Folder {
  return removedAtExit(mkdtempSync(join(tmpdir(), prefix)), keep)
}

export function removedAtExit(path: string, keep = false): Folder {
  let kept = keep
  const remove = () => {
    process.off('exit', remove)
    if (!kept) rmSync(path, { recursive: true, force: true })
  }
  process.once('exit', remove)
  return {
    ...{ path, remove },
    keep: () => {
      kept = true
    },
  }
}
