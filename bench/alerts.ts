/**
 * `npm run bench:alerts -- [--seed 2026] [--models 10] [--days 7] [--write]`: a week of healthy traffic, and whom it woke (nobody, or it
 * ends with 1). `--write` puts the table into docs/alerts.md. Its last line is JSON.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { bySeverity, week } from './alerts/week.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '2026' },
    models: { type: 'string', default: '10' },
    days: { type: 'string', default: '7' },
    write: { type: 'boolean', default: false },
  },
})
const [seed, models, days] = [Number(values.seed), Number(values.models), Number(values.days)]
const { alerts, sent, promoted, rolledBack } = week({ seed, models, days })
const rows = bySeverity(alerts)
const pages = sent.filter(({ sink }) => sink === 'oncall').length
const channel = sent.filter(({ sink }) => sink === 'team')
const table = [
  '| severity | incidents | causes |',
  '| -------- | --------: | ------ |',
  ...rows.map(({ severity, incidents, causes }) => `| ${severity} | ${incidents} | ${causes || '–'} |`),
  '',
  `Seed ${seed}, ${models} models, ${days} days: ${pages} pages; ${channel.length} messages to the channel, ${channel.filter(({ message }) => message.repeated).length} of them repetitions. ${promoted} candidates were promoted, ${rolledBack} rolled back.`,
].join('\n')

const BEGIN = '<!-- a healthy week: begin, written by npm run bench:alerts -- --write -->'
const END = '<!-- a healthy week: end -->'
if (values.write) {
  const file = fileURLToPath(new URL('../docs/alerts.md', import.meta.url))
  const text = readFileSync(file, 'utf8')
  const [before, after] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (before < 0 || after < before) throw new Error(`docs/alerts.md has no place for the table: ${BEGIN}`)
  writeFileSync(file, `${text.slice(0, before)}${BEGIN}\n${table}\n${text.slice(after)}`)
}
process.stdout.write(`${table}\n`)
const incidents = Object.fromEntries(rows.map(({ severity, incidents: count }) => [severity, count]))
process.stdout.write(
  `${JSON.stringify({ bench: 'alerts', seed, models, days, pages, messages: channel.length, incidents, promoted, rolledBack })}\n`,
)
if (pages > 0 || rolledBack > 0) process.exitCode = 1
