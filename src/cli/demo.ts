/** `flyball demo`: two rollouts on real flight records. The demo lives in the repository, not in the package: from a checkout it is run. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { FlyballError } from '../kit/errors.ts'

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

export function register(program: Command): void {
  program
    .command('demo')
    .description('play two rollouts on real flight records, from a checkout: a good one is promoted, a bad one rolled back')
    .argument('[options...]', 'of the demo: --seed N, --harm none|skew|errors|slow|silent, --rate N, --keep')
    .allowUnknownOption()
    .helpOption(false)
    .action(demoCommand)
}

async function demoCommand(options: readonly string[]): Promise<void> {
  const file = demoFile()
  if (file === null) throw new FlyballError('FLY-CLI-007', {})
  process.exitCode = await run(file, options)
}

/** demo/main.ts in a folder above the program: there in a checkout, built or not, and not in the package. */
function demoFile(): string | null {
  for (let folder = dirname(fileURLToPath(import.meta.url)); folder !== dirname(folder); folder = dirname(folder)) {
    const file = join(folder, 'demo', 'main.ts')
    if (existsSync(file) && existsSync(join(folder, 'package.json'))) return file
  }
  return null
}

/** The demo ends in its own order when it is told to; so this process waits for it. */
async function run(file: string, options: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, ['--import', 'tsx', file, ...options], { stdio: 'inherit', cwd: dirname(dirname(file)) })
  const forward = (signal: NodeJS.Signals): void => {
    // Ctrl-C at a terminal has reached the child already.
    if (signal !== 'SIGINT' || process.stdin.isTTY !== true) child.kill(signal)
  }
  for (const signal of SIGNALS) process.on(signal, forward)
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code) => resolve(code ?? 1))
    })
  } finally {
    for (const signal of SIGNALS) process.off(signal, forward)
  }
}
