/** Peers that are not Node: built once, under `.work/`; a reason in words where they cannot be had. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { repository } from './child.ts'

/** Command and first arguments, or why there is none. */
export type Program = readonly string[] | { readonly missing: string }

const MINUTES_MAX = 10
const HEAP = '-Xmx2g'

export function streamsProgram(): Program {
  if (!answers('java', ['-version'])) return { missing: 'no Java on the path' }
  if (!answers('mvn', ['-v'])) return { missing: 'no Maven on the path' }
  const folder = repository('.work/bench-streams')
  const libs = join(folder, 'libs')
  const goals = ['compile', 'dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${libs}`]
  const failure = failed('mvn', ['-q', '-B', '-f', repository('bench/peers/streams/pom.xml'), ...goals])
  if (failure !== null) return { missing: `Maven could not build it: ${failure}` }
  return ['java', HEAP, '-cp', `${join(folder, 'classes')}:${join(libs, '*')}`, 'Peer']
}

export function pythonProgram(): Program {
  if (!answers('python3', ['--version'])) return { missing: 'no Python on the path' }
  const folder = repository('.work/bench-python')
  const python = join(folder, 'bin', 'python')
  const wanted = repository('bench/peers/python/requirements.txt')
  const installed = join(folder, 'installed.txt')
  if (!existsSync(installed) || readFileSync(installed, 'utf8') !== readFileSync(wanted, 'utf8')) {
    const failure = failed('python3', ['-m', 'venv', folder]) ?? failed(python, ['-m', 'pip', 'install', '-q', '-r', wanted])
    if (failure !== null) return { missing: `pip could not install its packages: ${failure}` }
    writeFileSync(installed, readFileSync(wanted))
  }
  return [python, repository('bench/peers/python/peer.py')]
}

function answers(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 15_000 }).status === 0
}

/** The last line of what it said; null when it went well. */
function failed(command: string, args: readonly string[]): string | null {
  const run = spawnSync(command, args, { encoding: 'utf8', timeout: MINUTES_MAX * 60_000 })
  if (run.status === 0) return null
  return `${run.stdout ?? ''}${run.stderr ?? ''}`.trim().split('\n').at(-1)!.slice(0, 200)
}
