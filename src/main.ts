#!/usr/bin/env node
/** The process: argv in, exit code out. What a command does is in `cli/`; what the daemon does is in `daemon.ts`. */
import { runProgram } from './cli/program.ts'

/** `flyball status | head -1` closes the pipe: that is no failure. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

process.exitCode = await runProgram(process.argv.slice(2))
