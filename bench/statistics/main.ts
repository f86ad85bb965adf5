/**
 * The operating characteristics of Flyball (STATISTICS §11), measured: `npm run bench:statistics -- --seed N`.
 *
 * Tables go to stdout, progress to stderr; the last line of stdout is JSON. `--small` is the run of a minute or two that the tests make,
 * `--only a,b` runs some sections, `--write` writes docs/statistics.md and its plots, and the figures of docs/method.md. It ends with 1 when a
 * promise was not kept.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { withFigures } from './figures.ts'
import type { Section, SectionOptions } from './section.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** In the order of the report: name, module beside this one, its export. Modules are loaded when their section is asked for. */
const SECTIONS: readonly (readonly [name: string, module: string])[] = [
  ['healthy', './healthy.ts'],
  ['peers', './peers-section.ts'],
  ['delay', './delay.ts'],
  ['outages', './outages.ts'],
  ['promotion', './promotion.ts'],
  ['boundaries', './boundaries-section.ts'],
  ['displays', './displays-section.ts'],
  ['cost', './cost-section.ts'],
  ['flights', './flights-section.ts'],
  ['nab', './nab-section.ts'],
  ['worked', './worked-section.ts'],
]

interface Arguments {
  readonly seed: number
  readonly small: boolean
  readonly write: boolean
  readonly workers: number
  readonly only: readonly string[]
}

function argumentsOf(): Arguments {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      small: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      workers: { type: 'string', default: '2' },
      only: { type: 'string', default: '' },
    },
  })
  const whole = (text: string, what: string) => {
    const value = Number(text)
    if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${what} must be a whole number, not ${text}`)
    return value
  }
  const only = values.only.split(',').filter((name) => name !== '')
  const unknown = only.filter((name) => !SECTIONS.some(([known]) => known === name))
  if (unknown.length > 0) throw new Error(`--only knows ${SECTIONS.map(([name]) => name).join(', ')}, not ${unknown.join(', ')}`)
  return {
    seed: whole(values.seed, 'seed'),
    small: values.small,
    write: values.write,
    workers: Math.max(1, whole(values.workers, 'workers')),
    only,
  }
}

async function run({ seed, small, workers, only }: Arguments): Promise<Section[]> {
  const sections: Section[] = []
  for (const [name, module] of SECTIONS) {
    if (only.length > 0 && !only.includes(name)) continue
    const url = new URL(module, import.meta.url)
    if (!existsSync(url)) {
      console.error(`${name}: not built yet`)
      continue
    }
    const startedMs = performance.now()
    const make = ((await import(url.href)) as Readonly<Record<string, (options: SectionOptions) => Promise<Section>>>)[name]
    if (make === undefined) throw new Error(`${module} exports no ${name}`)
    const section = await make({ seed, small, workers, log: (line) => console.error(`  ${line}`) })
    console.error(`${name}: ${((performance.now() - startedMs) / 1_000).toFixed(0)} s`)
    console.log(`\n## ${section.title}\n\n${section.markdown}`)
    sections.push(section)
  }
  return sections
}

function sectionText({ title, markdown, plots }: Section): string {
  const images = plots.map(({ name }) => `![${name}](statistics/${name}.svg)`)
  return [`## ${title}`, '', markdown.trim(), ...(images.length > 0 ? ['', ...images] : [])].join('\n')
}

/** Parts of a run take the place of the same parts in a report of the same seed. */
function renewed(report: string, sections: readonly Section[], { seed }: Arguments): string {
  if (!report.includes(`\nSeed ${seed}. `)) throw new Error(`docs/statistics.md is of another seed than ${seed}: run all sections`)
  const parts = report.split(/\n(?=## )/)
  for (const section of sections) {
    const at = parts.findIndex((part) => part.startsWith(`## ${section.title}\n`))
    if (at < 0) throw new Error(`docs/statistics.md has no section ${section.title}: run all sections`)
    parts[at] = `${sectionText(section)}\n`
  }
  return parts.join('\n')
}

function reportOf(sections: readonly Section[], { seed, small }: Arguments): string {
  const command = `npm run bench:statistics -- --seed ${seed}${small ? ' --small' : ''} --write`
  const body = sections.map(sectionText)
  return [
    '# What the statistics do',
    '',
    `Seed ${seed}. Written by \`${command}\`; do not edit.`,
    'A run with another seed must keep the same promises: a bound is the promise plus three standard errors.',
    '',
    ...body.flatMap((text) => [text, '']),
  ].join('\n')
}

function write(sections: readonly Section[], json: Readonly<Record<string, unknown>>, given: Arguments): void {
  const folder = join(ROOT, 'docs', 'statistics')
  mkdirSync(folder, { recursive: true })
  for (const { name, svg } of sections.flatMap((section) => section.plots)) writeFileSync(join(folder, `${name}.svg`), svg)
  const report = join(ROOT, 'docs', 'statistics.md')
  const isPart = given.only.length > 0
  writeFileSync(report, isPart ? renewed(readFileSync(report, 'utf8'), sections, given) : reportOf(sections, given))
  const method = join(ROOT, 'docs', 'method.md')
  // Figures of parts of a run would stand beside those of another.
  if (existsSync(method) && !isPart) writeFileSync(method, withFigures(readFileSync(method, 'utf8'), json))
}

const given = argumentsOf()
const sections = await run(given)
const json = Object.assign({ bench: 'statistics', seed: given.seed, small: given.small }, ...sections.map((section) => section.json))
if (given.write) write(sections, json, given)
const broken = sections.flatMap((section) => section.broken ?? [])
for (const promise of broken) console.error(`not kept: ${promise}`)
console.log(`\n${JSON.stringify({ ...json, broken })}`)
if (broken.length > 0) process.exitCode = 1
