/**
 * npm run simulate -- --runs N --seed S [--plant NAME] [--verbose]
 * npm run simulate -- --day [--hours 24] [--seed S] [--plant NAME] [--holders]
 *
 * N worlds, the first from seed S, the next from S + 1, … Each failure is told with its seed: `--runs 1 --seed THAT` repeats it. It ends
 * with 0 when no promise was broken, with 1 when one was, with 2 when an option is wrong. What each option is: CONTRIBUTING.md.
 * A day: one daemon's memory over so many hours of simulated traffic. It ends with 0 when nothing grows, with 1 when something does or
 * the noise is too large to tell. `--holders` says every hour who holds the buffers.
 */
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { mutatedCopy } from '../../../scripts/lib/mutants.ts'
import { type Sample, simulateDay } from './day.ts'
import { hourLine, judgeDay, partLine } from './day-report.ts'
import { holderLine, holdersOfBuffers } from './holders.ts'
import { DAY_PLANTS, NO_PLANT, PLANTS, type Plant, SOURCE_PLANTS } from './plants.ts'
import { simulate } from './run.ts'
import { METHOD } from './trend.ts'

/** Fewer say nothing. */
const HOURS_MIN = 4
const HOLDERS_TOLD = 25
const values = valuesGiven()
const print = (line: string): void => void process.stdout.write(`${line}\n`)
const seed = Number(values.seed)
const named = values.plant ?? ''
const source = values.day ? undefined : SOURCE_PLANTS[named]
const plants = values.day ? DAY_PLANTS : PLANTS
const plant = values.plant === undefined || source !== undefined ? NO_PLANT : plants[named]
const hours = Number(values.hours)
if (plant === undefined || !(Number(values.runs) > 0) || !Number.isInteger(seed) || !(Number.isInteger(hours) && hours >= HOURS_MIN)) {
  refuse('an option has a value that it cannot have')
}
if (source !== undefined) inCopy(source)
else if (values.day) await day(hours, plant)
else await many(Number(values.runs), plant)

function valuesGiven() {
  try {
    const { values } = parseArgs({
      options: {
        runs: { type: 'string', default: '100' },
        seed: { type: 'string', default: '1' },
        plant: { type: 'string' },
        verbose: { type: 'boolean', default: false },
        day: { type: 'boolean', default: false },
        hours: { type: 'string', default: '24' },
        holders: { type: 'boolean', default: false },
      },
    })
    return values
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
}

function refuse(problem: string): never {
  process.stderr.write(`${problem}
simulate --runs N --seed S [--plant ${[...Object.keys(PLANTS), ...Object.keys(SOURCE_PLANTS)].join(' | ')}] [--verbose]
simulate --day [--hours N, ${HOURS_MIN} or more] [--seed S] [--plant ${Object.keys(DAY_PLANTS).join(' | ')}] [--holders]
`)
  return process.exit(2)
}

/** The same runs in a copy of the repository that has the bug. */
function inCopy(mutant: (typeof SOURCE_PLANTS)[string]): void {
  const folder = mutatedCopy(fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, ''), mutant)
  try {
    const args = ['--import', 'tsx', 'test/simulation/simulator/main.ts', '--runs', values.runs, '--seed', values.seed]
    process.exitCode = spawnSync(process.execPath, args, { cwd: folder, stdio: 'inherit' }).status ?? 1
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
  if (failures > 0) process.exitCode = 1
}

async function day(length: number, planted: Plant): Promise<void> {
  const samples: Sample[] = []
  await simulateDay(seed, length, planted, async (sample) => {
    samples.push(sample)
    if (sample.minute % 60 !== 0) return
    print(hourLine(sample))
    if (values.holders) for (const holder of (await holdersOfBuffers()).slice(0, HOLDERS_TOLD)) print(holderLine(holder))
  })
  const { warmUpHours, parts, verdict } = judgeDay(samples)
  for (const part of parts) print(partLine(part))
  print(JSON.stringify({ bench: 'simulator-day', hours: length, seed, plant: named, warmUpHours, method: METHOD, parts, verdict }))
  if (verdict !== 'flat') process.exitCode = 1
}
