/** The package's version, for --version and log lines. */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** From the nearest package.json above: the same for the sources and for the build. */
export function packageVersion(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); folder !== dirname(folder); folder = dirname(folder)) {
    const found = versionIn(join(folder, 'package.json'))
    if (found !== null) return found
  }
  throw new Error('no package.json above the program')
}

function versionIn(file: string): string | null {
  try {
    const content = JSON.parse(readFileSync(file, 'utf8')) as { name?: string; version?: string }
    return content.name === 'flyball' ? (content.version ?? null) : null
  } catch {
    return null
  }
}
