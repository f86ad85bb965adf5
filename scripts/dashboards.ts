/**
 * Writes the dashboards and the table of docs/metrics.md from the list of metrics: `npx tsx scripts/dashboards.ts`. A test fails when they
 * are out of date.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { DASHBOARDS } from './lib/dashboards.ts'
import { grafanaJson } from './lib/grafana.ts'
import { withMetricTable } from './lib/metric-table.ts'

const folder = new URL('../deploy/grafana/dashboards/', import.meta.url)
const page = new URL('../docs/metrics.md', import.meta.url)

mkdirSync(folder, { recursive: true })
for (const [file, plan] of Object.entries(DASHBOARDS))
  writeFileSync(new URL(file, folder), `${JSON.stringify(grafanaJson(plan), null, 2)}\n`)
writeFileSync(page, withMetricTable(readFileSync(page, 'utf8')))
