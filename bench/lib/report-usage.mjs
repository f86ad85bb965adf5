// Preloaded into a measured process: on its exit it writes what it used, as one line of JSON, to the file that FLYBALL_BENCH_USAGE names.
import { writeFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

if (isMainThread) process.on('exit', () => writeFileSync(process.env.FLYBALL_BENCH_USAGE, JSON.stringify(process.resourceUsage())))
