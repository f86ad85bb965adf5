/**
 * npm run simulate -- --runs N --seed S [--plant NAME] [--verbose]
 * npm run simulate -- --day [--hours 24] [--seed S]
 *
 * N worlds, the first from seed S, the next from S + 1, … Each failure is told with its seed: `--runs 1 --seed THAT` repeats it.
 * A day: one daemon's memory after each hour of simulated traffic, and the slope of it.
 */
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { mutatedCopy } from '../../../scripts/lib/mutants.ts'
import { type Hour, simulateDay, slopeOf } from './day.ts'
import { NO_PLANT, PLANTS, type Plant, SOURCE_PLANTS } from './plants.ts'
import { simulate } from './run.ts'

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    plant: { type: 'string' },
    verbose: { type: 'boolean', default: false },
    day: { type: 'boolean', default: false },
    hours: { type: 'string', default: '24' },
  },
})
const print = (line: string): void => void process.stdout.write(`${line}\n`)
const seed = Number(values.seed)
const named = values.plant ?? ''
const source = SOURCE_PLANTS[named]
const plant = values.plant === undefined || source !== undefined ? NO_PLANT : PLANTS[named]
if (plant === undefined || !(Number(values.runs) > 0) || !Number.isInteger(seed)) {
  process.stderr.write(`simulate --runs N --seed S [--plant ${[...Object.keys(PLANTS), ...Object.keys(SOURCE_PLANTS)].join(' | ')}]\n`)
  process.exit(2)
}
if (source !== undefined) inCopy(source)
else if (values.day) await day(Number(values.hours))
else await many(Number(values.runs), plant)

/** The same runs in a copy of the repository that has the bug. */
function inCopy(mutant: (typeof SOURCE_PLANTS)[string]): void {
  const folder = mutatedCopy(fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, ''), mutant)
  try {
    const args = ['--import', 'tsx', 'test/simulation/simulator/main.ts', '--runs', values.runs, '--seed', values.seed]
    spawnSync(process.execPath, args, { cwd: folder, stdio: 'inherit' })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function many(runs: number, planted: Plant): Promise<void> {
  const begun = performance.now()
  const cpuBegun = process.cpuUsage()
  const faults: Record<string, number> = {}
  let failures = 0
  for (let index = 0; index < runs; index++) {
    const { violations, world, ...result } = await simulate(seed + index, planted)
    for (const [kind, count] of Object.entries(result.faults)) faults[kind] = (faults[kind] ?? 0) + count
    if (values.verbose) for (const { daemon, atMs, event } of world.events) print(`${atMs} ${daemon} ${JSON.stringify(event)}`)
    if (violations.length === 0) continue
    failures++
    print(`seed ${result.seed}: ${violations.length} violations`)
    for (const { promise, where, what } of violations.slice(0, 6)) print(`  ${promise}: ${where}: ${what}`)
  }
  const { user, system } = process.cpuUsage(cpuBegun)
  const rate = (milliseconds: number): number => Math.round((runs * 60_000) / milliseconds)
  const rates = { runsPerMinute: rate(performance.now() - begun), runsPerCpuMinute: rate((user + system) / 1000) }
  const sorted = Object.fromEntries(Object.entries(faults).sort(([a], [b]) => (a < b ? -1 : 1)))
  print(JSON.stringify({ bench: 'simulator', runs, seed, failures, faults: sorted, ...rates }))
}

async function day(hours: number): Promise<void> {
  const all: Hour[] = []
  const mib = (bytes: number): number => Math.round((bytes / 2 ** 20) * 100) / 100
  await simulateDay(seed, hours, (hour) => {
    all.push(hour)
    const { heapBytes, externalBytes, brokerBytes, decisions } = hour
    print(
      `hour ${hour.hour}: heap ${mib(heapBytes)} MiB, buffers ${mib(externalBytes)} MiB, simulated broker ${mib(brokerBytes)} MiB, ${decisions} decisions`,
    )
  })
  // The first hours warm up: code is compiled, tables reach their size.
  const settled = all.slice(Math.min(3, Math.floor(all.length / 4)))
  const slope = (of: (hour: Hour) => number) => {
    const { bytesPerHour, standardError } = slopeOf(settled.map((hour) => ({ hour: hour.hour, bytes: of(hour) })))
    return { kibPerHour: Math.round(bytesPerHour / 102.4) / 10, standardError: Math.round(standardError / 102.4) / 10 }
  }
  print(
    JSON.stringify({
      bench: 'simulator-day',
      hours,
      seed,
      heap: slope((hour) => hour.heapBytes),
      buffers: slope((hour) => hour.externalBytes),
    }),
  )
}
