#!/usr/bin/env node
/** The process: argv in, exit code out. What a command does is in `cli/`; what the daemon does is in `daemon.ts`. */
import { runProgram } from './cli/program.ts'

const [argv, gone] = [process.argv.slice(2), new Set(['EPIPE', 'ERR_STREAM_DESTROYED'])]

/** `flyball audit verify | head -1` closes the pipe: that is no failure, and hides none; the command runs on to its exit code. */
process.stdout.on('error', ({ code = '' }: NodeJS.ErrnoException) => {
  if (!gone.has(code)) process.exit(1)
  if (neverEnds(argv)) process.exit(0)
})

process.exitCode = await runProgram(argv)

/** What is told until interrupted ends when nobody listens. */
function neverEnds(words: readonly string[]): boolean {
  const ends = (...options: string[]) => options.some((option) => words.includes(option))
  if (words[0] === 'status') return ends('-w', '--watch')
  return ['run', 'watch', 'demo'].includes(words[0] ?? '') && !ends('--drain', '--until-end')
}
